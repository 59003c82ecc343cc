/* The checks' own reading of <version>.zip: a RocksDB snapshot whose SST files lie in SSTs/
 * (spark-checkpoint 1.9). Strict; safe on hostile bytes; shares no code with the engine or with
 * librocksdb. */
#ifndef SIM_CHECK_STATE_ZIP_H
#define SIM_CHECK_STATE_ZIP_H

#include "sim/check/state_reader.h"

struct state_zip_sst {
    const char *local; /* "000008.sst" */
    const char *name;  /* in SSTs/: "000008-76d123c4-8ad7-4365-9c6a-632d352f04a3.sst" */
    int64_t size;
};

struct state_zip {
    struct state_zip_sst *ssts;
    size_t count;
    int64_t rows; /* numKeys; -1: not counted */
    struct bytes manifest;
};

/* NULL, or what is wrong with the archive. Everything lives in `arena`. */
const char *state_zip_read(struct bytes file, struct arena *arena, struct state_zip *zip);

/* An SST file by its name in SSTs/; false: it is not there. */
typedef bool (*state_sst_look)(void *context, const char *name, struct bytes *content);

/* What the snapshot holds, in key order, removes resolved, without the byte that Spark writes
 * before each key and value; NULL, or what is wrong with it or with its SST files. */
const char *state_zip_rows(const struct state_zip *zip,
                           state_sst_look look,
                           void *context,
                           struct arena *arena,
                           struct state_records *rows);

#endif
