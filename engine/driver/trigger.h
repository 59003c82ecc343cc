/* When the next batch may begin (Spark TriggerExecutor.scala). Pure. */
#ifndef ENGINE_DRIVER_TRIGGER_H
#define ENGINE_DRIVER_TRIGGER_H

#include <stdint.h>

/* An idle query without an interval looks for data this often (Spark's
 * spark.sql.streaming.pollingDelay). */
#define TRIGGER_POLLING_DELAY_US INT64_C(10000)

/* The time of the trigger behind the one that began at `now_us`: the next whole multiple of the
 * interval since 1970, always later than `now_us`. A batch that took longer than its interval is
 * followed at once, and then the grid holds again (ProcessingTimeExecutor.nextBatchTime).
 * * interval_us  0: no grid, as fast as possible: `now_us` itself */
int64_t trigger_next_us(int64_t now_us, int64_t interval_us);

#endif
