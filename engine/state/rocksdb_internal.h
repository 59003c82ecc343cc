/* What the files behind rocksdb_db.h share. C++, included by rocksdb_*.cc only. */
#ifndef ENGINE_STATE_ROCKSDB_INTERNAL_H
#define ENGINE_STATE_ROCKSDB_INTERNAL_H

#include "engine/state/rocksdb_filesystem.h"

extern "C" {
#include "engine/base/fiber.h"
#include "engine/base/native.h"
#include "engine/state/rocksdb_db.h"
}

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

constexpr int LEVELS = 7;
constexpr size_t READ_AHEAD = 1024 * 1024;

struct rocksdb_cache : native {
    std::shared_ptr<rocksdb::Cache> blocks;
};

struct rocksdb_scan {
    rocksdb_db *db;
    std::unique_ptr<rocksdb::Iterator> rows;
};

struct rocksdb_db : native {
    std::string directory;
    /* In the order of their making: the database goes first. */
    std::shared_ptr<local_file_system> files;
    std::unique_ptr<rocksdb::Env> env;
    rocksdb::Options options;
    std::unique_ptr<rocksdb::DB> db; /* none, when it could not be opened anew */
    int64_t edits_max = 0;           /* 0: no limit */
    int64_t edits = 0;               /* that its MANIFEST has got since it was begun */
    rocksdb::PinnableSlice value;    /* of the last get */
    std::vector<rocksdb_scan *> scans;
};

/* A call of the library on the deep stack; see fiber.h. */
template <class function> void on_thread_stack(function call)
{
    fiber_on_thread_stack([](void *argument) { (*static_cast<function *>(argument))(); }, &call);
}

/* The status of a call: what the disk said, if it failed; else the files are not what they should
 * be. */
enum status
outcome(const local_file_system &files, const rocksdb::Status &status, struct rocksdb_what *what);

/* Is it open? */
inline rocksdb::Status usable(const rocksdb_db &db)
{
    return db.db != nullptr ? rocksdb::Status::OK()
                            : rocksdb::Status::IOError("it could not be opened anew", db.directory);
}

inline rocksdb::Slice slice_of(struct bytes bytes)
{
    return rocksdb::Slice(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

inline struct bytes bytes_in(const rocksdb::Slice &slice)
{
    return bytes_of(slice.data(), slice.size());
}

#endif
