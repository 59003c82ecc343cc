/* What the files of a checkpoint's logs have in common: written once, a version line first, JSON in
 * one line, errors that name the file and what to do. Included by engine/checkpoint only. */
#ifndef ENGINE_CHECKPOINT_LOG_FILE_H
#define ENGINE_CHECKPOINT_LOG_FILE_H

#include "engine/base/document.h"
#include "engine/checkpoint/store.h"

/* Put `content` at `path`, exactly once; see metadata_log_put. May suspend. */
MUST_CHECK enum status
log_write_once(struct store *store, const char *path, struct bytes content, struct diag *diag);

/* Read the file at `path`. Errors: ERR_NOT_FOUND (`diag` untouched), ERR_FAILED with class
 * CHECKPOINT_READ_FAILED. May suspend. */
MUST_CHECK enum status log_read(struct store *store,
                                const char *path,
                                struct arena *arena,
                                struct bytes *content,
                                struct diag *diag);

/* A log file being decoded, line by line. A newline at the very end begins no further line. */
struct log_lines {
    const char *path;
    struct bytes content;
    size_t at;
    int line; /* number of the line that was read last, 1-based */
};

/* The next line without its end; false when there is none. */
bool log_next_line(struct log_lines *lines, struct bytes *line);

/* Complain about the line that was read last; the remedy is added. Always ERR_FAILED. */
enum status log_fail(const struct log_lines *lines,
                     struct diag *diag,
                     const char *error_class,
                     const char *text);

/* Read the version line: "v1" and nothing else is understood (Spark's validateVersion). Errors:
 * ERR_FAILED with INCOMPLETE_LOG (an empty file), MALFORMED_LOG, UNSUPPORTED_LOG_VERSION. */
MUST_CHECK enum status log_read_version(struct log_lines *lines, struct diag *diag);

/* Parse `line`, which was read last, as one JSON object; the caller frees `document`. */
MUST_CHECK enum status log_parse_object(const struct log_lines *lines,
                                        struct bytes line,
                                        struct arena *arena,
                                        struct document *document,
                                        struct diag *diag);

/* An int64 member of the object, 0 when it is missing (as Spark's case classes default). */
MUST_CHECK enum status log_int64_member(const struct log_lines *lines,
                                        const struct document *document,
                                        const char *name,
                                        int64_t *value,
                                        struct diag *diag);

#endif
