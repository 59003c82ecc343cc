/* One Parquet file from columns: PLAIN, snappy, page CRC, statistics, both logical and converted
 * types; all columns OPTIONAL, and members of a struct in an OPTIONAL group; one row group
 * (delta-parquet-storage 4). Pure: bytes out. Snappy runs on the thread's own stack. */
#ifndef ENGINE_SINK_PARQUET_H
#define ENGINE_SINK_PARQUET_H

#include "engine/base/buf.h"
#include "engine/exec/columns.h"

enum parquet_codec { PARQUET_UNCOMPRESSED, PARQUET_SNAPPY };

/* Append a whole file of `columns` (0 rows allowed) to `out`. */
void parquet_write(const struct columns *columns, enum parquet_codec codec, struct buf *out);

/* For tests of independence from the library's version: snappy blocks made of literals only.
 * Default off. */
void parquet_set_snappy_literals(bool on);

#endif
