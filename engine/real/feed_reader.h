/* The lines of a file, one after the other, without holding the file: a feeder reads files larger
 * than its memory. A newline at the very end begins no further line; an empty line is a record with
 * an empty value. Works on the file system itself, not on a port: the feeder is no process of the
 * engine. */
#ifndef ENGINE_REAL_FEED_READER_H
#define ENGINE_REAL_FEED_READER_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/diag.h"

struct feed_reader {
    const char *file; /* borrowed */
    int fd;
    int64_t lines; /* given so far */
    struct buf buf;
    size_t at; /* the next line in `buf` */
    bool ended;
};

/* Errors: ERR_FAILED with `diag` (class FEED_FILE, `file`): missing, a directory, not readable,
 * empty. A zeroed reader with fd -1, or one that failed to open, may be closed. */
MUST_CHECK enum status
feed_reader_open(struct feed_reader *reader, const char *file, struct diag *diag);
void feed_reader_close(struct feed_reader *reader);

/* The next line, borrowed until the next call; `*found` is false at the end. Errors: ERR_FAILED
 * with `diag` (class FEED_FILE, the line): not readable, longer than PACING_VALUE_MAX. */
MUST_CHECK enum status
feed_reader_next(struct feed_reader *reader, struct bytes *line, bool *found, struct diag *diag);

#endif
