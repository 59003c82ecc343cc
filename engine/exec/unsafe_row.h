/* Spark's UnsafeRow: the bytes of group keys and aggregation buffers, in shuffle blocks and in
 * state files alike (spark-checkpoint 1.13). Fields with the same `parent` are one nested row, as
 * Spark nests the struct `window`; a struct is never null here. Pure.
 *
 *   null bits, 8 bytes per 64 columns | one 8-byte word per column | texts and nested rows, each
 *                                                                    padded with zeros to 8 bytes
 *
 * Everything is little-endian. A value of fixed size stands in its word; of a text or nested row
 * the word holds size (low half) and offset from the row's start (high half). */
#ifndef ENGINE_EXEC_UNSAFE_ROW_H
#define ENGINE_EXEC_UNSAFE_ROW_H

#include "engine/base/buf.h"
#include "engine/base/status.h"
#include "engine/exec/cell.h"
#include "engine/plan/schema.h"

/* Append the row of `cells`, one a field of `schema`. A multiple of 8 bytes; none for a schema
 * without fields. */
void unsafe_row_encode(const struct schema *schema, const struct cell *cells, struct buf *out);

/* The same for who brings the room: how many bytes it takes, and the writing of all of them. */
size_t unsafe_row_size(const struct schema *schema, const struct cell *cells);
void unsafe_row_write(const struct schema *schema, const struct cell *cells, uint8_t *row);

/* The other way: fills `cells`; texts borrow from `row`. Every rule of the layout is checked (size,
 * offsets inside the row, padding and null words zero), so bytes that decode encode to the same
 * bytes. Errors: ERR_CORRUPT. Safe on hostile bytes. */
MUST_CHECK enum status
unsafe_row_decode(const struct schema *schema, struct bytes row, struct cell *cells);

#endif
