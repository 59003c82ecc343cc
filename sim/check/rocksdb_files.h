/* The checks' own reading of RocksDB's files: the MANIFEST's log of version edits, and block-based
 * tables (SST files), as far as a state partition needs them: one column family, puts and deletes,
 * no compression or LZ4. Strict: what it does not know is an error. Safe on hostile bytes; shares
 * no code with the engine, and none with librocksdb.
 *
 * Sources: RocksDB 7.8 db/log_format.h, db/version_edit.h, table/format.h,
 * table/block_based/block_based_table_builder.cc, table/block_based/block_builder.cc. */
#ifndef SIM_CHECK_ROCKSDB_FILES_H
#define SIM_CHECK_ROCKSDB_FILES_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

/* A live SST file, as the MANIFEST has it. */
struct manifest_file {
    uint64_t number;
    uint64_t size;
    uint64_t level;
    uint64_t sequence_min;
    uint64_t sequence_max;
    bool has_checksum;
    uint32_t crc32c; /* of the whole file */
};

/* NULL, or what is wrong. The live files are in `arena`. */
const char *
manifest_read(struct bytes file, struct arena *arena, struct manifest_file **files, size_t *count);

/* Is it the content that the MANIFEST has a checksum of? Yes, where it has none. */
bool manifest_file_is(const struct manifest_file *file, struct bytes content);

/* One entry of a table: what was written to a key, and when. */
struct table_entry {
    struct bytes key;
    struct bytes value;
    uint64_t sequence;
    bool removes;
};

struct table_entries {
    struct table_entry *entries; /* in the file's order */
    size_t count;
    size_t room;
};

/* Append the entries of an SST file; NULL, or what is wrong. Everything lives in `arena`. */
const char *table_read(struct bytes file, struct arena *arena, struct table_entries *entries);

#endif
