/* What `table` and `checkpoint` share: a look at files (nothing here creates, locks or syncs
 * anything), where somebody who named the wrong directory meant to point, and aligned text. */
#ifndef SIM_CLI_INSPECT_H
#define SIM_CLI_INSPECT_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"

struct inspect_entry {
    const char *name;
    bool directory;
    int64_t size;
    int64_t modified_ms;
};

/* "directory/name" in the arena. */
const char *inspect_path(struct arena *arena, const char *directory, const char *name);
bool inspect_is_directory(const char *path);

/* The entries of a directory sorted by name, without "." and "..". Errors: ERR_FAILED with `diag`.
 */
MUST_CHECK enum status inspect_list(struct arena *arena,
                                    const char *directory,
                                    struct inspect_entry **entries,
                                    size_t *count,
                                    struct diag *diag);

/* Read a whole file. Errors: ERR_NOT_FOUND (`diag` is untouched), ERR_FAILED with `diag`. */
MUST_CHECK enum status
inspect_read(struct arena *arena, const char *path, struct bytes *content, struct diag *diag);

/* Look at a whole file where it lies, until inspect_unmap. Errors: as inspect_read. */
MUST_CHECK enum status inspect_map(const char *path, struct bytes *content, struct diag *diag);
void inspect_unmap(struct bytes content);

/* `path` has no `marker` ("_delta_log", "offsets") and is no `what` ("Delta table"): say so, and
 * which directory nearby is one, or which command is meant. Always ERR_FAILED (class USAGE). */
enum status
inspect_fail_marker(const char *path, const char *marker, const char *what, struct diag *diag);

/* ---- text ----------------------------------------------------------------------------------- */

/* Lines of cells in columns, aligned when they are printed. Cells are kept, not copied. */
struct text_table {
    const char **cells;
    size_t count;
    size_t capacity;
    size_t columns;
    uint32_t right; /* bit per column: numbers, aligned to the right */
};
void text_table_cell(struct text_table *table, const char *cell);
/* A line of its own, not aligned, between two rows. */
void text_table_line(struct text_table *table, const char *line);
/* On stdout, each line behind `indent`. Frees the table. */
void text_table_print(struct text_table *table, const char *indent);

/* printf to stdout with texts from files: through cli_put. */
void inspect_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of JSON on stdout, ASCII alone. */
void inspect_print_json(const json_t *root);

/* "17.3 KiB" */
const char *inspect_size(struct arena *arena, int64_t bytes);
/* "2001-01-01T00:00:00.000Z", or "-" for a negative one */
const char *inspect_time(struct arena *arena, int64_t time_ms);
/* A JSON object's members as "key=value key=value"; texts without quotes. */
const char *inspect_members(struct arena *arena, json_t *object);

#endif
