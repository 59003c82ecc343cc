/* The rows that a task attempt will write, gathered from its batches of columns. Pure. */
#ifndef ENGINE_EXECUTOR_OUTPUT_ROWS_H
#define ENGINE_EXECUTOR_OUTPUT_ROWS_H

#include "engine/exec/columns.h"

struct output_rows {
    struct arena *arena; /* the task's */
    struct columns *columns;
};

/* No rows yet. `schema` is kept. */
void output_rows_init(struct output_rows *rows, struct arena *arena, const struct schema *schema);

/* Append all rows of `more` (of the same schema) in order; strings are copied. */
void output_rows_append(struct output_rows *rows, const struct columns *more);

#endif
