/* <version>.changelog of the RocksDB provider: what one batch changed, in operation order, in an
 * LZ4Block container (spark-checkpoint 1.9). Version 1 is written: the grammar of a delta, without
 * a header. Versions 1 to 4 are read: 2 has column families (one byte before each record), 3 and 4
 * say their lineage first. Spark 4.0's golden checkpoints have 224 files of version 1, 224 of 3 and
 * 10 of 2; their keys and values begin with the byte 00 that RocksDB's rows have. Pure. */
#ifndef ENGINE_STATE_CHANGELOG_H
#define ENGINE_STATE_CHANGELOG_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/status.h"

enum changelog_operation {
    CHANGELOG_PUT,
    CHANGELOG_REMOVE,
    CHANGELOG_MERGE,       /* version 2 on: transformWithState lists */
    CHANGELOG_REMOVE_RANGE /* version 2 on: key is the begin, value the end */
};

struct changelog_record {
    enum changelog_operation operation;
    struct bytes key;
    struct bytes value; /* of a remove: none */
};

/* One entry of a lineage: which attempt's version this one stands on. */
struct changelog_ancestor {
    int64_t version;
    const char *id;
};

struct changelog {
    int64_t format; /* 1 to 4 */
    struct changelog_ancestor *lineage;
    size_t lineage_count;
};

/* Called for each record in order, once the whole file was found to be sound; bytes are borrowed
 * from `arena`. Not OK ends the reading. */
typedef enum status (*changelog_record_fn)(void *context, const struct changelog_record *record);

/* Read a whole file. `format` tells which grammar it is; a file of version 1 whose first bytes look
 * like a version string is still read as version 1 (SPARK-51922, SPARK-52553). Safe on hostile
 * bytes. Errors: ERR_CORRUPT with `*what`; or what `record` returned. */
MUST_CHECK enum status changelog_read(struct bytes file,
                                      struct arena *arena,
                                      struct changelog *changelog,
                                      changelog_record_fn record,
                                      void *context,
                                      const char **what);

/* Writing, version 1: state_file_record for each change, then state_file_finish (state_file.h). */

#endif
