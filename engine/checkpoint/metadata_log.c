#include "engine/checkpoint/metadata_log.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/sort.h"
#include "engine/checkpoint/log_file.h"

/* Is `name` exactly how an id is written? Anything else in the directory is not an entry. */
static bool parse_id(const char *name, int64_t *id)
{
    size_t length = strlen(name);
    if (length == 0 || length > 19 || (name[0] == '0' && length > 1)) {
        return false;
    }
    uint64_t value = 0; /* 19 digits fit */
    for (const char *c = name; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(*c - '0');
    }
    *id = (int64_t)value;
    return value <= INT64_MAX;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum status metadata_log_list(
    struct store *store, const char *directory, struct arena *arena, int64_t **ids, size_t *count)
{
    struct store_entry *entries = NULL;
    size_t entry_count = 0;
    *ids = NULL;
    *count = 0;
    TRY(store_list(store, directory, arena, &entries, &entry_count));
    *ids = arena_alloc(arena, entry_count * sizeof **ids);
    for (size_t i = 0; i < entry_count; i++) {
        if (parse_id(entries[i].name, *ids + *count)) {
            (*count)++;
        }
    }
    sort_items(*ids, *count, sizeof **ids, by_id); /* by name, 10 stands before 9 */
    return OK;
}

enum status metadata_log_put(struct store *store,
                             const char *directory,
                             int64_t batch,
                             struct bytes content,
                             struct diag *diag)
{
    require(batch >= 0);
    struct arena scratch = {0};
    const char *path = arena_printf(&scratch, "%s/%lld", directory, (long long)batch);
    enum status status = log_write_once(store, path, content, diag);
    arena_free(&scratch);
    return status;
}

static enum status
purge(struct store *store, const char *directory, int64_t first_kept, struct arena *scratch)
{
    int64_t *ids = NULL;
    size_t count = 0;
    TRY(metadata_log_list(store, directory, scratch, &ids, &count));
    for (size_t i = 0; i < count && ids[i] < first_kept; i++) {
        if (i > 0) {
            TRY(store_sync_directory(store, directory));
        }
        TRY(store_remove(store, arena_printf(scratch, "%s/%lld", directory, (long long)ids[i])));
    }
    return OK;
}

enum status metadata_log_purge(struct store *store, const char *directory, int64_t first_kept)
{
    struct arena scratch = {0};
    enum status status = purge(store, directory, first_kept, &scratch);
    arena_free(&scratch);
    return status;
}
