/* The last record of each partition, from batch to batch: what fingerprint.h says is compared. The
 * driver only hands them on; tasks read them, the Delta commit of the batch keeps them. Pure. */
#ifndef ENGINE_DRIVER_BATCH_RECORDS_H
#define ENGINE_DRIVER_BATCH_RECORDS_H

#include "engine/driver/task_set.h"
#include "engine/source/offsets.h"

/* Give each range that goes on where its partition was read up to, at the offset in `begin`, the
 * record below it. Later parts of a partition (minPartitions) have none: the part before them is
 * being read at the same time. */
void batch_records_attach(const struct last_records *records,
                          const struct offsets *begin,
                          struct kafka_range *ranges,
                          size_t count);

/* The last records below `end` when the tasks are finished: of a partition that was read what its
 * tasks report, of another one what was known before. One that does not lie below its end (the log
 * was cut, failOnDataLoss=false) is forgotten. Entries are in `arena`. */
void batch_records_merge(struct arena *arena,
                         const struct last_records *before,
                         const struct offsets *end,
                         const struct task_set *readers,
                         struct last_records *after);

/* As the Delta commit has them; NULL: there are none. */
const char *batch_records_text(struct arena *arena, const struct last_records *records);

/* Back from such a text. NULL, or a text of another version: none are known, and the rule without
 * them holds. */
void batch_records_parse(struct arena *arena, const char *text, struct last_records *records);

#endif
