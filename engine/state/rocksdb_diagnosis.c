#include "engine/state/rocksdb_diagnosis.h"

#include <string.h>

/* "000008.sst", or "table file 8". */
static bool speaks_of(const char *text, const char *local_name)
{
    static const char words[] = "table file ";
    const char *at = strstr(text, words);
    const char *digits = local_name + strspn(local_name, "0");
    size_t size = strspn(digits, "0123456789");
    if (strstr(text, local_name) != NULL) {
        return true;
    }
    return at != NULL && size > 0 && strspn(at + sizeof words - 1, "0123456789") == size &&
           strncmp(at + sizeof words - 1, digits, size) == 0;
}

const struct rocksdb_sst *rocksdb_sst_at_fault(const struct disk_port *disk,
                                               const char *directory,
                                               const struct rocksdb_snapshot *snapshot,
                                               struct rocksdb_what *what)
{
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        if (speaks_of(what->text, snapshot->ssts[i].local_name)) {
            return &snapshot->ssts[i];
        }
    }
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        struct rocksdb_what own = {0};
        if (rocksdb_sst_verify(disk, directory, snapshot->ssts[i].local_name, &own) != OK) {
            *what = own;
            return &snapshot->ssts[i];
        }
    }
    return NULL;
}

/* As RocksDB 7.8 words it. */
static bool from_newer(const char *text)
{
    static const char *const words[] = {
        "newer version of RocksDB", "unsupported format_version", "unknown tag"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

const char *rocksdb_explain(struct arena *arena,
                            enum status status,
                            const struct rocksdb_what *what,
                            bool *newer)
{
    *newer = from_newer(what->text);
    if (strstr(what->text, "unique ID") != NULL) { /* SPARK-43404: the name is right, it is not */
        return "its content is not what its snapshot was made with; another attempt wrote it, or "
               "it is damaged";
    }
    return arena_printf(arena,
                        *newer ? "RocksDB 7.8 cannot read it, a newer one may have written it: %s. "
                                 "Go on with what wrote it, or restore a copy of the checkpoint"
                               : "RocksDB cannot read it: %s",
                        what->text[0] == '\0' ? status_text(status) : what->text);
}
