/* All rows of a database, a slice at a time. */
#include "engine/state/rocksdb_internal.h"

#include <algorithm>

struct rocksdb_scan *rocksdb_scan_new(struct rocksdb_db *db)
{
    rocksdb_scan *scan = nullptr;
    on_thread_stack([&] {
        rocksdb::ReadOptions options;
        options.readahead_size = READ_AHEAD;
        scan = new rocksdb_scan();
        scan->db = db;
        db->scans.push_back(scan);
        db->files->forget_failure();
        if (usable(*db).ok()) {
            scan->rows.reset(db->db->NewIterator(options));
            scan->rows->SeekToFirst();
        }
    });
    return scan;
}

void rocksdb_scan_free(struct rocksdb_scan *scan)
{
    if (scan == nullptr) {
        return;
    }
    on_thread_stack([&] {
        auto &scans = scan->db->scans;
        scans.erase(std::find(scans.begin(), scans.end(), scan));
        delete scan;
    });
}

enum status rocksdb_scan_next(struct rocksdb_scan *scan,
                              size_t max,
                              struct arena *arena,
                              struct rocksdb_change **rows,
                              size_t *count,
                              struct rocksdb_what *what)
{
    enum status result = OK;
    *count = 0;
    *rows = static_cast<struct rocksdb_change *>(arena_alloc(arena, max * sizeof **rows));
    on_thread_stack([&] {
        rocksdb::Iterator *at = scan->rows.get();
        if (at == nullptr) {
            result = outcome(*scan->db->files, usable(*scan->db), what);
            return;
        }
        while (*count < max && at->Valid()) {
            struct bytes key = bytes_in(at->key());
            struct bytes value = bytes_in(at->value());
            struct rocksdb_change *row = &(*rows)[(*count)++];
            row->key = bytes_of(arena_copy(arena, key.data, key.size), key.size);
            row->value = bytes_of(arena_copy(arena, value.data, value.size), value.size);
            at->Next();
        }
        result = outcome(*scan->db->files, at->status(), what);
    });
    return result;
}
