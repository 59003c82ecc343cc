/* The buffers of one group: how they begin, take a value, merge and become a result, as Spark's
 * Count, Sum, Min, Max and Average do it (aggregation state format 2, spark-checkpoint 1.13). A
 * buffer is one cell a field of aggregation->buffer. Pure. */
#ifndef ENGINE_EXEC_AGGREGATE_BUFFER_H
#define ENGINE_EXEC_AGGREGATE_BUFFER_H

#include "engine/exec/cell.h"
#include "engine/exec/columns.h"
#include "engine/plan/plan.h"

/* The value of `column` in `row`; null where it has none. Of two spellings of one double, the NaNs
 * and in a `key` the zeros too, there is one (Spark's NormalizeFloatingNumbers): no compiler and no
 * machine shows in the bytes. */
struct cell cell_of(const struct column *column, size_t row, bool key);
/* The other way; the column is of the cell's type. */
void cell_put(struct column *column, size_t row, const struct cell *cell);

/* Nothing aggregated yet: counts are 0, the rest is null (avg's sum is 0, as Spark's). */
void buffer_begin(const struct aggregation *aggregation, struct cell *buffer);

/* Aggregate one row: arguments[i] is what aggregates[i].argument gave (count(*): not looked at).
 * Texts that are kept are copied into `arena`. Errors: ERR_FAILED with `diag`
 * (ARITHMETIC_OVERFLOW). */
MUST_CHECK enum status buffer_update(const struct aggregation *aggregation,
                                     struct arena *arena,
                                     struct cell *buffer,
                                     const struct column *arguments,
                                     size_t row,
                                     struct diag *diag);

/* Merge `other` into `buffer`; the same as if its rows had been aggregated here, behind those that
 * are. Texts that are kept are copied into `arena`. Errors: as buffer_update. */
MUST_CHECK enum status buffer_merge(const struct aggregation *aggregation,
                                    struct arena *arena,
                                    struct cell *buffer,
                                    const struct cell *other,
                                    struct diag *diag);

/* Could these cells be a buffer? For cells that were decoded: no count is null or negative. */
bool buffer_valid(const struct aggregation *aggregation, const struct cell *buffer);

/* What the aggregate's column holds. A text borrows from the buffer. */
struct cell buffer_result(const struct aggregate *aggregate, const struct cell *buffer);

#endif
