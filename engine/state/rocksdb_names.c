#include "engine/state/rocksdb_names.h"

#include <string.h>

#include "engine/base/check.h"

enum { UUID_SIZE = 36, ROW_VERSION = 0 };

const char *rocksdb_named_path(struct arena *arena,
                               const char *directory,
                               struct rocksdb_named at,
                               enum state_file_kind kind)
{
    const char *path = state_file_path(arena, directory, at.version, kind);
    const char *ending = strrchr(path, '.');
    require(state_file_of_rocksdb(kind));
    return at.id == NULL
               ? path
               : arena_printf(arena, "%.*s_%s%s", (int)(ending - path), path, at.id, ending);
}

bool rocksdb_named_of(struct arena *arena,
                      const char *name,
                      struct rocksdb_named *at,
                      enum state_file_kind *kind)
{
    const char *ending = strrchr(name, '.');
    const char *id = strchr(name, '_');
    *at = (struct rocksdb_named){0};
    if (ending != NULL && id != NULL && ending - id == UUID_SIZE + 1) {
        at->id = arena_copy(arena, id + 1, UUID_SIZE);
        name = arena_printf(arena, "%.*s%s", (int)(id - name), name, ending);
        if (strspn(at->id, "0123456789abcdef-") != UUID_SIZE) {
            return false;
        }
    }
    return state_file_name(name, &at->version, kind) && state_file_of_rocksdb(*kind);
}

const char *rocksdb_sst_directory(struct arena *arena, const char *directory)
{
    return arena_printf(arena, "%s/" ROCKSDB_SST_DIRECTORY, directory);
}

struct bytes rocksdb_row_encode(struct buf *buf, struct bytes row)
{
    buf_clear(buf);
    buf_byte(buf, ROW_VERSION);
    buf_append(buf, row.data, row.size);
    return buf_bytes(buf);
}

bool rocksdb_row(struct bytes *row)
{
    if (row->size == 0 || row->data[0] != ROW_VERSION) {
        return false;
    }
    row->data++;
    row->size--;
    return true;
}
