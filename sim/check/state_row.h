/* The checks' own UnsafeRow and Murmur3: what a key and an aggregation buffer are in a state file,
 * and which partition a key belongs to (spark-checkpoint 1.13). Shares no code with the engine. */
#ifndef SIM_CHECK_STATE_ROW_H
#define SIM_CHECK_STATE_ROW_H

#include "sim/check/value.h"

/* Append the row of `cells`, one a field of `schema`; members of one parent are one nested row. */
void state_row_encode(const struct schema *schema, const struct value *cells, struct buf *out);

/* The other way, for evidence and for keys that nobody expects: false when the bytes are no such
 * row. Texts borrow from `row`. Safe on hostile bytes. */
bool state_row_decode(const struct schema *schema, struct bytes row, struct value *cells);

/* Murmur3_x86_32 over the columns in turn, seed 42, as Spark's HashPartitioning. */
int32_t state_row_hash(const struct schema *schema, const struct value *cells);
/* Of `partitions` the one that a key with this hash is in: never negative. */
int64_t state_row_partition(int32_t hash, int64_t partitions);

#endif
