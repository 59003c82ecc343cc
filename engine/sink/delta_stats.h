/* What the log says about a data file, computed from its rows: statistics that readers prune with,
 * and a digest of the rows that depends on neither their order nor the compression. Pure. */
#ifndef ENGINE_SINK_DELTA_STATS_H
#define ENGINE_SINK_DELTA_STATS_H

#include "engine/base/buf.h"
#include "engine/exec/columns.h"

/* Append {"numRecords":n,"minValues":{..},"maxValues":{..},"nullCount":{..}}; a struct column is an
 * object in each: "nullCount":{"window":{"start":0,"end":0}}. Bounds are exact or
 * left out: readers answer MIN and MAX from them, and a wrong one is silently lost rows. Left out:
 * timestamps (the log keeps milliseconds only), booleans, doubles of a file with NaN or infinity
 * or without a short exact decimal form, strings that are not up to 32 ASCII characters. */
void delta_stats_json(const struct columns *columns, struct buf *out);

/* The sum, modulo 2^64, of one hash a row over its typed values in column order. -0.0 is not 0.0;
 * every NaN is the same. */
uint64_t delta_rows_hash(const struct columns *columns);

/* Logical bytes of rows from..until-1: what computing on them is charged for. */
int64_t delta_rows_bytes(const struct columns *columns, size_t from, size_t until);

/* Append the exact decimal form of `value` as JSON. False, and nothing appended: not finite, or it
 * needs more than 64 bits before or 60 behind the point. */
bool delta_exact_double(double value, struct buf *out);

#endif
