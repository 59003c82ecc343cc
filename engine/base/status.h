/* The one error type of operating failures. A code stands here only if some caller branches on it.
 * What a person reads (file, line, what was expected) is a struct diag; see diag.h.
 * Broken invariants are not errors: see check.h. */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#define STATUS_TABLE(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(ERR_EXISTS, "already exists")                                                                \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_IO, "input/output error")                                                                \
    X(ERR_NO_SPACE, "no space left")                                                               \
    X(ERR_READ_ONLY, "read-only or permission denied")                                             \
    X(ERR_LOCKED, "locked by another process")                                                     \
    X(ERR_NOT_DURABLE, "visible but not durable")                                                  \
    X(ERR_UNKNOWN, "unknown outcome: it may have happened")                                        \
    X(ERR_THROTTLED, "throttled, try later")                                                       \
    X(ERR_TIMEOUT, "deadline passed")                                                              \
    X(ERR_BROKEN, "connection broken")                                                             \
    X(ERR_CORRUPT, "corrupt")                                                                      \
    X(ERR_UNSUPPORTED, "unsupported")                                                              \
    X(ERR_INVALID, "invalid")                                                                      \
    X(ERR_FAILED, "failed; the diag says why")

enum status {
#define X(name, text) name,
    STATUS_TABLE(X)
#undef X
};

/* The text of a status, for logs and messages; never NULL. */
const char *status_text(enum status status);

#define MUST_CHECK __attribute__((warn_unused_result))

/* The only control-flow macro: return the status of `expr` unless it is OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum status try_status_ = (expr);                                                          \
        if (try_status_ != OK) {                                                                   \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

#endif
