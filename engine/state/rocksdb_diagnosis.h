/* What an error of the library means: which file of a database that was put together from a
 * snapshot is at fault, and whether a newer RocksDB wrote it. For whoever has to name the file in
 * the checkpoint. On the thread's own stack, never suspends. */
#ifndef ENGINE_STATE_ROCKSDB_DIAGNOSIS_H
#define ENGINE_STATE_ROCKSDB_DIAGNOSIS_H

#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"

/* The SST file that `what` speaks of, else the first in `directory` that does not read: `what` is
 * then what that one says (RocksDB blames the MANIFEST for some of an SST file's blocks). NULL:
 * none of them; the small files are at fault. */
const struct rocksdb_sst *rocksdb_sst_at_fault(const struct disk_port *disk,
                                               const char *directory,
                                               const struct rocksdb_snapshot *snapshot,
                                               struct rocksdb_what *what);

/* The words for it, in `arena`: ready to stand behind the file's name. `*newer`: RocksDB 7.8 cannot
 * read it, since a newer one may have written it. */
const char *rocksdb_explain(struct arena *arena,
                            enum status status,
                            const struct rocksdb_what *what,
                            bool *newer);

#endif
