/* What a stateful query writes once about its state, and holds every later start against:
 *   state/0/0/_metadata/schema      key and value schema (spark-checkpoint 1.11)
 *   state/0/_metadata/metadata      operator and number of partitions (1.12)
 * Written by the driver in the first batch of a query, with no-overwrite, before its tasks run. */
#ifndef ENGINE_STATE_STATE_METADATA_H
#define ENGINE_STATE_STATE_METADATA_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/plan/plan.h"

/* The two files' bytes. Pure. */
void state_schema_encode(const struct plan *plan, struct buf *out);
void state_operator_metadata_encode(int64_t partitions, struct buf *out);

/* No batch of the query was ever committed: state/ must hold no more than what a crashed first
 * batch of this provider left: version 1 (SPARK-53103), whose snapshot is removed, since batch 0
 * will write 1.delta anew. Before offsets/0, which would make the refused provider the query's. May
 * suspend. Errors: ERR_FAILED with `diag`: STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY,
 * CHECKPOINT_WRITE_FAILED; each names the file. */
MUST_CHECK enum status state_check_unused(struct store *store,
                                          const struct plan *plan,
                                          int64_t partitions,
                                          struct arena *arena,
                                          struct diag *diag);

/* Write both files, or hold those that are there against the plan: same number of fields and same
 * types (names may differ), the same operator, the same number of partitions.
 * * fresh  no batch of the query was ever committed: the files may be missing; else they must be
 *          there (SPARK-54307)
 * What was read is made durable. May suspend. Durable on OK. Errors: ERR_FAILED with `diag`:
 * STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE, STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE,
 * STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA,
 * CHECKPOINT_INCONSISTENT (missing or damaged), CHECKPOINT_WRITE_FAILED; each names the file. */
MUST_CHECK enum status state_metadata_check(struct store *store,
                                            const struct plan *plan,
                                            int64_t partitions,
                                            bool fresh,
                                            struct arena *arena,
                                            struct diag *diag);

#endif
