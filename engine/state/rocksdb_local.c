/* Directories and files on this machine's own disk. Nothing here is durable: a local database is a
 * copy, and whoever starts anew removes what is left of it. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/state/rocksdb_provider.h"

/* A file is about a quarter of its rows (prefixes and LZ4); virtual time must not hang on how much
 * exactly. */
enum { READ_SIZE = 1 << 20, FILE_SHARE = 4 };

/* ---- directories ------------------------------------------------------------------------------
 */

static char *heap_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = heap_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

char *rocksdb_local_name(struct rocksdb_provider *provider, int64_t partition, const char *suffix)
{
    struct arena scratch = {0};
    char *name = heap_text(arena_printf(&scratch,
                                        "%s/%" PRId64 "/%" PRIu64 "%s",
                                        provider->base.local,
                                        partition,
                                        ++provider->directories,
                                        suffix));
    arena_free(&scratch);
    return name;
}

/* `path` and whatever is missing above it. The first component is a mount point. */
static enum status make_levels(const struct disk_port *disk, char *path)
{
    char *end = strchr(path + 1, '/');
    while (end != NULL) {
        end = strchr(end + 1, '/');
        if (end != NULL) {
            *end = '\0';
        }
        enum status status = disk_mkdir(disk, path);
        if (end != NULL) {
            *end = '/';
        }
        if (status != OK && status != ERR_EXISTS) {
            return status;
        }
    }
    return OK;
}

enum status rocksdb_local_new(struct rocksdb_provider *provider,
                              int64_t partition,
                              const char *suffix,
                              char **directory)
{
    const struct disk_port *disk = &provider->base.ports->disk;
    char *path = rocksdb_local_name(provider, partition, suffix);
    enum status status = disk_mkdir(disk, path);
    if (status == ERR_NOT_FOUND) {
        status = make_levels(disk, path);
    }
    if (status != OK) {
        heap_free(path);
        return status;
    }
    *directory = path;
    return OK;
}

/* One directory out of `path` and all that is below it. False: nothing is left to be done. */
static enum status remove_one(const struct disk_port *disk, const char *root, bool *done)
{
    struct arena scratch = {0};
    const char *path = root;
    struct disk_entry *entries = NULL;
    size_t count = 0;
    enum status status = OK;
    for (bool leaf = false; status == OK && !leaf;) {
        const char *below = NULL;
        status = disk_list(disk, path, &scratch, &entries, &count);
        for (size_t i = 0; status == OK && i < count && below == NULL; i++) {
            below = entries[i].directory ? store_path(&scratch, path, entries[i].name) : NULL;
        }
        leaf = below == NULL;
        path = leaf ? path : below;
    }
    for (size_t i = 0; status == OK && i < count; i++) {
        status = disk_unlink(disk, store_path(&scratch, path, entries[i].name));
    }
    if (status == OK) {
        status = disk_rmdir(disk, path);
    }
    *done = path == root;
    arena_free(&scratch);
    return status;
}

void rocksdb_local_remove(const struct disk_port *disk, const char *root)
{
    bool done = false;
    enum status status = OK;
    while (status == OK && !done) {
        status = remove_one(disk, root, &done);
    }
}

/* ---- files ------------------------------------------------------------------------------------
 */

enum status
rocksdb_local_write(const struct disk_port *disk, const char *path, struct bytes content)
{
    disk_fd fd = -1;
    size_t at = 0;
    TRY(disk_open(disk, path, DISK_CREATE_NEW, &fd));
    enum status status = OK;
    while (status == OK && at < content.size) {
        size_t written = 0;
        status = disk_write(disk, fd, content.data + at, content.size - at, &written);
        status = status == OK && written == 0 ? ERR_IO : status;
        at += written;
    }
    enum status closed = disk_close(disk, fd);
    return status != OK ? status : closed;
}

/* Asked for by whole READ_SIZEs, whatever there is: how many calls it takes does not hang on how
 * well a small file was compressed. */
enum status rocksdb_local_read(const struct disk_port *disk, const char *path, struct buf *content)
{
    disk_fd fd = -1;
    size_t got = 0;
    TRY(disk_open(disk, path, DISK_READ, &fd));
    uint8_t *part =
        heap_alloc_unset(READ_SIZE); /* most files are small: never touched as a whole */
    enum status status = OK;
    do {
        got = 0;
        status = disk_read(disk, fd, content->size, part, READ_SIZE, &got);
        buf_append(content, part, got);
    } while (status == OK && got > 0);
    heap_free(part);
    enum status closed = disk_close(disk, fd);
    return status != OK ? status : closed;
}

void rocksdb_spend_copy(const struct rocksdb_provider *provider, int64_t bytes)
{
    clock_spend(&provider->base.ports->clock, 0, bytes / FILE_SHARE);
}

/* ---- what nobody uses any more ----------------------------------------------------------------
 */

void rocksdb_garbage_add(struct rocksdb_provider *provider, char *directory)
{
    if (directory == NULL) {
        return;
    }
    provider->garbage =
        heap_realloc(provider->garbage, (provider->garbage_count + 1) * sizeof *provider->garbage);
    provider->garbage[provider->garbage_count++] = directory;
}

void rocksdb_garbage_remove(struct rocksdb_provider *provider)
{
    while (provider->garbage_count > 0) {
        char *directory = provider->garbage[--provider->garbage_count];
        rocksdb_local_remove(&provider->base.ports->disk, directory);
        heap_free(directory);
    }
}

void state_local_clear(const struct ports *ports, const char *local)
{
    struct arena scratch = {0};
    rocksdb_local_remove(&ports->disk, arena_printf(&scratch, "%s/state", local));
    arena_free(&scratch);
}

/* ---- origins ----------------------------------------------------------------------------------
 */

struct rocksdb_origin *rocksdb_origin_new(char *directory)
{
    struct rocksdb_origin *origin = heap_alloc(sizeof *origin);
    origin->users = 1;
    origin->directory = directory;
    return origin;
}

struct rocksdb_origin *rocksdb_origin_use(struct rocksdb_origin *origin)
{
    if (origin != NULL) {
        origin->users++;
    }
    return origin;
}

void rocksdb_origin_release(struct rocksdb_provider *provider, struct rocksdb_origin *origin)
{
    if (origin == NULL) {
        return;
    }
    require(origin->users > 0);
    origin->users--;
    if (origin->users == 0) {
        rocksdb_garbage_add(provider, origin->directory);
        arena_free(&origin->names);
        heap_free(origin);
    }
}

void rocksdb_origin_share(struct rocksdb_origin *origin,
                          const struct rocksdb_shared_file *files,
                          size_t count)
{
    struct arena names = {0}; /* what is given may stand in the old one */
    struct rocksdb_shared_file *kept = arena_alloc(&names, (count + 1) * sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        kept[i] = files[i];
        kept[i].local_name = arena_strdup(&names, files[i].local_name);
        kept[i].dfs_name = arena_strdup(&names, files[i].dfs_name);
    }
    arena_free(&origin->names);
    origin->names = names;
    origin->files = kept;
    origin->count = count;
}

/* ---- files of the checkpoint ------------------------------------------------------------------
 */

struct rocksdb_known_file *rocksdb_known_file(const struct rocksdb_partition *partition,
                                              const char *dfs_name)
{
    for (size_t i = 0; i < partition->known_count; i++) {
        if (strcmp(partition->known[i].dfs_name, dfs_name) == 0) {
            return &partition->known[i];
        }
    }
    return NULL;
}

void rocksdb_know_files(struct rocksdb_partition *partition,
                        const struct rocksdb_shared_file *files,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!files[i].has_checksum || rocksdb_known_file(partition, files[i].dfs_name) != NULL) {
            continue;
        }
        partition->known =
            heap_realloc(partition->known, (partition->known_count + 1) * sizeof *partition->known);
        partition->known[partition->known_count++] = (struct rocksdb_known_file){
            .dfs_name = heap_text(files[i].dfs_name), .crc32c = files[i].crc32c};
    }
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

void rocksdb_forget_files(struct rocksdb_partition *partition,
                          const char *const *names,
                          size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < partition->known_count; i++) {
        struct rocksdb_known_file file = partition->known[i];
        if (is_among(file.dfs_name, names, count)) {
            partition->known[kept++] = file;
        } else {
            heap_free(file.dfs_name);
        }
    }
    partition->known_count = kept;
    if (kept == 0) {
        heap_free(partition->known);
        partition->known = NULL;
    }
}
