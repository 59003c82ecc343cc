/* The bytes of one Delta commit: a JSON object a line, written as Spark's streaming sink does
 * (delta-parquet-storage 1.2, 1.4, 1.5). Pure: the same arguments give the same bytes. */
#ifndef ENGINE_SINK_DELTA_ACTIONS_H
#define ENGINE_SINK_DELTA_ACTIONS_H

#include "engine/base/buf.h"
#include "engine/sink/delta_sink.h"
#include "engine/sink/live_files.h"

#define DELTA_ENGINE_NAME "Aftershock"

/* The members of the JSON object that commitInfo.userMetadata is. The first and the second are
 * there when there is something to say; the last goes with the second and is a hash of both: a
 * damaged byte in there would else pass for a change of Kafka's log. */
#define DELTA_WATERMARK_KEY    "nextBatchWatermarkMs"
#define DELTA_LAST_RECORDS_KEY "lastRecords"
#define DELTA_CHECK_KEY        "check"

/* That hash. DELTA_NO_WATERMARK where there is none. */
uint64_t delta_user_metadata_hash(int64_t next_watermark_ms, const char *last_records);

struct delta_transaction {
    int64_t version; /* that these bytes are for; 0 creates the table */
    int64_t time_ms;
    const char *txn_id; /* of this transaction alone: it makes a lost reply decidable */
    const char *query_id;
    const char *table_id; /* of a new table; unused otherwise */
    const struct delta_commit *commit;
    const struct live_files *removed; /* every live file below `version`; NULL in append mode */
};

/* Append commitInfo, for version 0 protocol and metaData, txn, an add a file, and a remove a file
 * of `removed` (DeltaSink.scala's order). */
void delta_actions_write(const struct delta_transaction *transaction, struct buf *out);

#endif
