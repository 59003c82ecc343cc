/* What a person reads when something is refused or a query ends: the error's class (Spark's name
 * where it has one), where (file, line, column, JSON path) and what was found, what was expected,
 * what to do. The first error wins: a later one never hides it. */
#ifndef ENGINE_DIAG_H
#define ENGINE_DIAG_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct diag {
    bool set;
    char error_class[64]; /* "DATA_LOSS", "CONCURRENT_STREAM_LOG_UPDATE", "INVALID_SCENARIO" */
    char file[256];       /* as the user named it; empty when no file is at fault */
    int line;             /* 1-based; 0 = unknown */
    int column;           /* 1-based; 0 = unknown */
    char path[192];       /* JSON path, such as script[2].at.point */
    char text[768];       /* one or two sentences without a newline at the end */
};

/* Record an error unless one is already there; always returns ERR_FAILED (as an int-sized enum). */
enum status diag_fail(struct diag *diag, const char *error_class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line:column: path: text [CLASS]", without what is unknown; truncated to `size`. */
void diag_format(const struct diag *diag, char *out, size_t size);

/* The candidate with the smallest edit distance to `name`, or NULL when none is near enough to
 * suggest (more than a third of its length away). `candidates` ends with NULL. */
const char *diag_nearest(const char *name, const char *const *candidates);

#endif
