/* Spark's UnsafeRow: the bytes of group keys and aggregation buffers, in shuffle blocks and in
 * state files alike (spark-checkpoint 1.13). Fields with the same `parent` are one nested row, as
 * Spark nests the struct `window`; a struct is never null here. Pure. */
#ifndef ENGINE_EXEC_UNSAFE_ROW_H
#define ENGINE_EXEC_UNSAFE_ROW_H

#include "engine/base/buf.h"
#include "engine/exec/cell.h"
#include "engine/plan/schema.h"

/* Append the row of `cells`, one a field of `schema`. A multiple of 8 bytes. */
void unsafe_row_encode(const struct schema *schema, const struct cell *cells, struct buf *out);

/* The other way: fills `cells`; texts borrow from `row`. Every rule of the layout is checked (size,
 * offsets inside the row, padding and null words zero), so bytes that decode encode to the same
 * bytes. Errors: ERR_CORRUPT. Safe on hostile bytes. */
MUST_CHECK enum status
unsafe_row_decode(const struct schema *schema, struct bytes row, struct cell *cells);

#endif
