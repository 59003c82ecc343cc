/* One RocksDB database: the local copy of a state partition, on this machine's own disk, reached
 * through the disk port alone (rocksdb_filesystem.cc). The door to the library: no other file of
 * the engine calls it.
 *
 * Nothing runs behind the caller's back. The database's own memtable and write-ahead log stay
 * empty: what is to be kept is written as one sorted SST file and ingested, compaction is asked for
 * by name, and both happen in the calling thread, so that the library has no thread that touches a
 * file. A local database is a cache: it is never synced, and a process that finds one which it did
 * not make deletes it.
 *
 * What an open database holds in memory does not grow with its age, if its MANIFEST begins anew
 * from time to time, nor, with cache_tables, with the number of rows.
 *
 * Every call runs on the thread's own stack and never suspends: the disk port charges what it cost
 * to the next call that may (disk.h). When the process dies inside a call, all files are out of its
 * sight from that moment; the database is closed when its process is buried (base/native.h).
 *
 * Rows are raw bytes here; who calls puts Spark's encoding into them. Sources: RocksDB 7.8
 * include/rocksdb/{db,sst_file_writer,file_system}.h; Spark's RocksDB.scala for the options. */
#ifndef ENGINE_STATE_ROCKSDB_DB_H
#define ENGINE_STATE_ROCKSDB_DB_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"
#include "engine/ports/disk.h"

struct rocksdb_db;    /* one open database; owned by the current process */
struct rocksdb_cache; /* blocks of all databases of one provider; owned by the current process */

enum { ROCKSDB_WHAT_SIZE = 256 };

/* What the library said of an error, for a diagnostic; "" when there was none. */
struct rocksdb_what {
    char text[ROCKSDB_WHAT_SIZE];
};

struct rocksdb_options {
    int64_t block_size;     /* bytes of a data block: spark...rocksdb.blockSizeKB */
    int64_t max_open_files; /* -1: all stay open: spark...rocksdb.maxOpenFiles */
    int64_t format_version; /* of SST files: 5 is what Spark pins */
    bool compress;          /* LZ4, or nothing */
    bool cache_tables;      /* indexes and filters count against the cache: boundedMemoryUsage */
    int64_t manifest_edits; /* after so many changes the MANIFEST begins anew; 0: never */
};

/* `bytes`: spark...rocksdb.blockCacheSizeMB. Freed with rocksdb_cache_free, or with its process.
 * Databases that still use it keep it. */
struct rocksdb_cache *rocksdb_cache_new(int64_t bytes);
void rocksdb_cache_free(struct rocksdb_cache *cache);

/* Work that was done inside a call, in logical units, for the clock: rows and bytes of keys and
 * values that were written. Each call adds to it. */
struct rocksdb_work {
    int64_t rows;
    int64_t bytes;
};

/* Open the database in `directory` (absolute, below /local), which exists and holds either nothing
 * (a new, empty database is made) or the files of one (CURRENT, MANIFEST-*, SST files; options that
 * are unknown here are ignored, so that what a newer RocksDB wrote opens when its files can be
 * read). Every SST whose checksum the MANIFEST knows was written by this program: whoever brings
 * files from elsewhere compares them (rocksdb_db_files). `disk` and `cache` are kept. Errors:
 * ERR_CORRUPT (what it says: a file is missing, damaged, or of a format that is not known here),
 * ERR_IO, ERR_NO_SPACE. */
MUST_CHECK enum status rocksdb_db_open(const struct disk_port *disk,
                                       const char *directory,
                                       const struct rocksdb_options *options,
                                       struct rocksdb_cache *cache,
                                       struct rocksdb_db **db,
                                       struct rocksdb_what *what);
/* Close it; its files stay. NULL is allowed. */
void rocksdb_db_close(struct rocksdb_db *db);

/* `*value` is valid until the next call with this database. Errors: ERR_NOT_FOUND, ERR_IO,
 * ERR_CORRUPT. */
MUST_CHECK enum status rocksdb_db_get(struct rocksdb_db *db,
                                      struct bytes key,
                                      struct bytes *value,
                                      struct rocksdb_what *what);

/* One change; `value.data` NULL removes the key. */
struct rocksdb_change {
    struct bytes key;
    struct bytes value;
};
/* Apply changes with keys that ascend by bytes_compare, each once: one SST file, ingested. All or
 * nothing. Nothing to apply makes no file. When the MANIFEST is to begin anew, that is tried first;
 * should it fail, this is an error and so is every later call with this database. Errors: ERR_IO,
 * ERR_NO_SPACE, ERR_CORRUPT. */
MUST_CHECK enum status rocksdb_db_write(struct rocksdb_db *db,
                                        const struct rocksdb_change *changes,
                                        size_t count,
                                        struct rocksdb_work *work,
                                        struct rocksdb_what *what);

/* Merge files so that a read looks into few: all of them (`everything`: compactOnCommit), or the
 * newest ones while they are small against the next (what auto-compaction would do in the
 * background of a live RocksDB). Removed keys vanish when the oldest file takes part. Nothing to
 * merge is OK. Errors: ERR_IO, ERR_NO_SPACE, ERR_CORRUPT; the database is as before. */
MUST_CHECK enum status rocksdb_db_compact(struct rocksdb_db *db,
                                          bool everything,
                                          struct rocksdb_work *work,
                                          struct rocksdb_what *what);

/* A second copy of the database as of now in `directory`, which must not exist: SST files are hard
 * links, MANIFEST and CURRENT copies. Later changes do not reach it. Errors: ERR_IO, ERR_NO_SPACE,
 * ERR_EXISTS. */
MUST_CHECK enum status
rocksdb_db_checkpoint(struct rocksdb_db *db, const char *directory, struct rocksdb_what *what);

/* The live SST files, ascending by name. */
struct rocksdb_file {
    const char *name; /* "000008.sst" */
    int64_t size;
    bool has_checksum;
    uint32_t crc32c; /* of the whole file, as the MANIFEST has it */
    int64_t rows;    /* in it; with their keys' and values' bytes they are what moving it costs */
    int64_t bytes;
};
MUST_CHECK enum status rocksdb_db_files(struct rocksdb_db *db,
                                        struct arena *arena,
                                        struct rocksdb_file **files,
                                        size_t *count,
                                        struct rocksdb_what *what);
/* The checksum that rocksdb_file.crc32c would be of a file with this content. */
uint32_t rocksdb_crc32c(struct bytes content);

/* Does an SST file in `directory` read from its front to its end, with the checksum of each block?
 * No database is opened. Errors: ERR_CORRUPT, ERR_IO; what it says. */
MUST_CHECK enum status rocksdb_sst_verify(const struct disk_port *disk,
                                          const char *directory,
                                          const char *name,
                                          struct rocksdb_what *what);

/* All keys in ascending order, a slice at a time, so that the caller may suspend between slices.
 * Nothing may be written to the database meanwhile. */
struct rocksdb_scan;
struct rocksdb_scan *rocksdb_scan_new(struct rocksdb_db *db);
void rocksdb_scan_free(struct rocksdb_scan *scan);
/* Up to `max` next rows, copied into `arena`; 0 rows: the end. Errors: ERR_IO, ERR_CORRUPT. */
MUST_CHECK enum status rocksdb_scan_next(struct rocksdb_scan *scan,
                                         size_t max,
                                         struct arena *arena,
                                         struct rocksdb_change **rows,
                                         size_t *count,
                                         struct rocksdb_what *what);

/* Databases that were opened by this program, and that are open now (figures and leak checks). */
int64_t rocksdb_db_opened(void);
int64_t rocksdb_db_live(void);

/* Memory that no heap knows of: bytes of blocks in a cache, and of indexes and filters that a
 * database holds beside its cache. */
int64_t rocksdb_cache_used(const struct rocksdb_cache *cache);
int64_t rocksdb_db_table_bytes(struct rocksdb_db *db);

#endif
