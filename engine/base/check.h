/* Always-on assertions, also in release builds. A failed one is a broken invariant of ours, never
 * an operating error: the process that failed stops there (in the simulator: a violation of that
 * seed with its backtrace, and the search goes on; for real: abort). One condition each, no side
 * effects. */
#ifndef ENGINE_CHECK_H
#define ENGINE_CHECK_H

#define require(condition)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            require_failed(__FILE__, __LINE__, __func__, #condition);                              \
        }                                                                                          \
    } while (0)

/* Documents that either value is fine here. */
#define maybe(condition) ((void)(condition))

/* Hand the failure to the current process' `panic` hook; never returns. */
__attribute__((noreturn)) void
require_failed(const char *file, int line, const char *function, const char *text);

#endif
