/* One batch, from its plan to its purge: the protocol that makes the query exactly-once. */
#ifndef ENGINE_DRIVER_MICRO_BATCH_H
#define ENGINE_DRIVER_MICRO_BATCH_H

#include "engine/driver/query.h"

enum batch_outcome {
    BATCH_DONE,     /* commits/N is durable; the query's position moved on */
    BATCH_NO_DATA,  /* nothing to do: nothing new in Kafka (availableNow: nothing more up to the
                       bound), and no groups that the watermark closed */
    BATCH_ABANDONED /* asked to stop while no executor was there: the next start runs it again */
};

/* Run batch query->next_batch if there is something to do. May suspend. Errors: ERR_FAILED with
 * `diag`: the query ends, and nothing of the batch is assumed done; the next start decides. */
MUST_CHECK enum status
micro_batch_run(struct query *query, enum batch_outcome *outcome, struct diag *diag);

#endif
