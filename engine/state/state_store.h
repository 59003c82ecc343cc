/* The state store: key -> value by version, one store a (operator, partition). Batch N opens
 * version N and commits N+1; version 0 is empty and is never a file (spark-checkpoint 1.0, 1.8).
 *
 * Behind it one of two providers, chosen by spark.sql.streaming.stateStore.providerClass: the
 * memory provider (memory_provider.h), and RocksDB (rocksdb_provider.h). A provider belongs to one
 * session of one executor: a restarted query never meets an old one's memory (SPARK-21145).
 *
 * Whoever opens a store takes it out of the provider's cache; commit and abort put it back. So two
 * attempts never share one: the second finds none and loads it from the files. */
#ifndef ENGINE_STATE_STATE_STORE_H
#define ENGINE_STATE_STATE_STORE_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/plan/plan.h"
#include "engine/ports/ports.h"
#include "engine/state/state_metrics.h"

struct state_provider; /* one an executor's session */
struct state_store;    /* one version, open for one attempt */

/* The directory of a partition's state: "<checkpoint>/state/<operator>/<partition>". */
const char *state_directory(struct arena *arena,
                            const char *checkpoint,
                            int64_t operator_id,
                            int64_t partition);

/* Of the current process' heap. Keeps ports, store, plan and `local`: a folder on this machine's
 * own disk that is this provider's alone ("<executor's>/state/<session>"); it need not exist. */
struct state_provider *state_provider_new(const struct ports *ports,
                                          struct store *store,
                                          const struct plan *plan,
                                          const char *local);
/* No store of it may be open, no maintenance running. May suspend: what it has on the local disk
 * goes. */
void state_provider_free(struct state_provider *provider);

/* What an executor of an earlier life left in its folder `local`: databases that nobody may trust.
 * For an executor that begins. May suspend. */
void state_local_clear(const struct ports *ports, const char *local);

/* Open a partition's state at `version`: from memory when it is there (or one commit further: then
 * that commit is undone), else newest snapshot at or below it, then every delta (a snapshot that
 * does not read gives way to an older one, at most 500 versions below: spark-checkpoint 1.8; that
 * is traced). Names that were read are made durable before anything depends on them
 * (store_sync_directory). May suspend. Errors: ERR_FAILED with `diag`, naming the file and the
 * remedy: CANNOT_LOAD_STATE_STORE.CANNOT_READ_MISSING_DELTA_FILE, .CANNOT_READ_DELTA_FILE_KEY_SIZE,
 * .CANNOT_READ_SNAPSHOT_FILE_KEY_SIZE (a file that is damaged, or another codec's),
 * .CANNOT_READ_MISSING_SNAPSHOT_FILE (it went between list and read), .UNCATEGORIZED (the store
 * refused). RocksDB: newest zip with its SST files, then changelogs, in a database on the local
 * disk. A changelog is missing: .CANNOT_READ_STREAMING_STATE_FILE; damaged: as a delta. A zip or an
 * SST file is missing: as a snapshot; damaged: .CANNOT_READ_CHECKPOINT; an SST file has another
 * size than its zip says: .UNEXPECTED_FILE_SIZE. The local disk fails: .UNCATEGORIZED. */
MUST_CHECK enum status state_store_open(struct state_provider *provider,
                                        int64_t partition,
                                        int64_t version,
                                        struct state_store **store,
                                        struct diag *diag);

/* Rows. Each may suspend, and fails only where a database on the local disk does: ERR_FAILED with
 * `diag`; the store is then to be aborted. */

/* ERR_NOT_FOUND: no such key. `*value` is valid until the next call with this store. */
MUST_CHECK enum status state_store_get(struct state_store *store,
                                       struct bytes key,
                                       struct bytes *value,
                                       struct diag *diag);
/* Copies both. */
MUST_CHECK enum status
state_store_put(struct state_store *store, struct bytes key, struct bytes value, struct diag *diag);
/* A remove is recorded only if the key is there. */
MUST_CHECK enum status
state_store_remove(struct state_store *store, struct bytes key, struct diag *diag);
int64_t state_store_count(const struct state_store *store);

/* Called for each key and its value; both are valid during the call. It may suspend, and must not
 * change the store. Not OK ends the scan. */
typedef enum status (*state_pair_fn)(void *context, struct bytes key, struct bytes value);
/* All keys as of now, with their values, in no order that means anything (state_order sorts what is
 * kept of them). Errors: what `pair` returned; ERR_FAILED with `diag`. */
MUST_CHECK enum status
state_store_each(struct state_store *store, state_pair_fn pair, void *context, struct diag *diag);

/* Write <version + 1>.delta (over one that is there: an earlier attempt's) and put the store back.
 * So is a <version + 1>.snapshot, where an earlier run of the batch left one: what is committed now
 * may be another content when records expired in between (failOnDataLoss=false). No file can tell
 * of an attempt that was given up and stands still just before this: it may write after its
 * successor and bring back the records that its successor did not find. With nothing expired it
 * writes the same. RocksDB with changelogs: the same with .changelog and .zip; without: SST files,
 * then <version + 1>.zip, which is the commit. A local disk that fails before its file is put fails
 * it. `store` is gone afterwards, also on an error. Durable on OK. May suspend.
 * Errors: ERR_FAILED with `diag` (CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT). */
MUST_CHECK enum status state_store_commit(struct state_store *store, struct diag *diag);
/* Undo everything; `store` is gone. Never suspends. */
void state_store_abort(struct state_store *store);

/* What each is of, state_metrics.h says. Never suspends. */
struct state_metrics state_provider_metrics(const struct state_provider *provider,
                                            int64_t partition);

/* This executor is no longer the one for `partition`: forget it. An open store is not touched. */
void state_provider_unload(struct state_provider *provider, int64_t partition);

/* Maintenance of every partition that was opened here, as Spark's background thread does it every
 * stateStore.maintenanceInterval: a snapshot when the chain below the version in memory has more
 * than minDeltasForSnapshot deltas (RocksDB: the upload of what a commit put aside when there were
 * so many changelogs); then removal of the files below the snapshot that serves the
 * newest version less minBatchesToRetain, once that snapshot has been read back (RocksDB: also of
 * SST files that no zip names and no attempt may still come to name; rocksdb_maintenance.c). With
 * them go the temporary files that dead attempts left for versions so old (audit rule A19): a
 * younger one may belong to an attempt that still runs. Never fails the query: what goes wrong is
 * traced and tried again next time. May suspend; one fiber at a time. */
void state_provider_maintain(struct state_provider *provider);

#endif
