/* The store over files. A put is, in this order (delta-parquet-storage 1.6):
 *
 *     mkdir missing parents, fsync the directory of each        once a directory and process
 *     write .<name>.<uuid>.tmp beside the target, fsync, close  whole and durable, under no name
 *     rename without overwrite (or link and unlink)             visible; one winner
 *     fsync the directory                                       durable; only now is it OK
 *
 * A put over what is there renames plainly: until the directory is synced a crash may bring the old
 * file back, whole; nothing in between exists.
 *
 * A failed fsync is never repeated: the kernel may have dropped the pages and marked them clean
 * (Rebello et al., ATC'20). Plain rename, which replaces, is never a fallback for the one that does
 * not. */
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/checkpoint/store_internal.h"

enum { TEMPORARY_ATTEMPTS_MAX = 4 };

/* ---- directories ---------------------------------------------------------------------------- */

struct store_directory {
    struct store_directory *next;
    char path[];
};

static bool directory_known(const struct store *store, const char *path)
{
    for (const struct store_directory *d = store->directories; d != NULL; d = d->next) {
        if (strcmp(d->path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void directory_remember(struct store *store, const char *path)
{
    size_t size = strlen(path) + 1;
    struct store_directory *directory = heap_alloc(sizeof *directory + size);
    memcpy(directory->path, path, size);
    directory->next = store->directories;
    store->directories = directory;
}

static void directories_forget(struct store *store)
{
    while (store->directories != NULL) {
        struct store_directory *next = store->directories->next;
        heap_free(store->directories);
        store->directories = next;
    }
}

/* One level exists and its name in `parent` is durable. That it exists already proves nothing: its
 * maker may have died before the fsync. */
static enum status make_level(struct store *store, const char *parent, const char *path)
{
    const struct disk_port *disk = &store->ports->disk;
    enum status made = disk_mkdir(disk, path);
    if (made != OK && made != ERR_EXISTS) {
        return made;
    }
    enum status synced = disk_fsync_dir(disk, parent);
    if (made == ERR_EXISTS && synced == ERR_READ_ONLY) {
        return OK; /* a parent that we may not open: none of us made anything in it */
    }
    return synced;
}

/* Every directory down to `directory` exists and is durable. The first component is a mount point,
 * or was there before us. */
static enum status ensure_directory(struct store *store, const char *directory)
{
    if (directory_known(store, directory)) {
        return OK;
    }
    struct arena scratch = {0};
    char *path = arena_strdup(&scratch, directory);
    enum status status = OK;
    char *parent_end = strchr(path + 1, '/');
    while (status == OK && parent_end != NULL) {
        char *end = strchr(parent_end + 1, '/');
        if (end != NULL) {
            *end = '\0';
        }
        if (!directory_known(store, path)) {
            const char *parent =
                (const char *)arena_copy(&scratch, path, (size_t)(parent_end - path));
            status = make_level(store, parent, path);
            if (status == OK) {
                directory_remember(store, path);
            }
        }
        if (end != NULL) {
            *end = '/';
        }
        parent_end = end;
    }
    arena_free(&scratch);
    return status;
}

/* ---- put ------------------------------------------------------------------------------------ */

/* Best effort: what stays behind has a name that every reader ignores. */
static void discard(const struct disk_port *disk, const char *temporary)
{
    enum status ignored = disk_unlink(disk, temporary);
    maybe(ignored == OK);
}

static enum status fill(const struct disk_port *disk, disk_fd fd, struct bytes content)
{
    size_t at = 0;
    while (at < content.size) {
        size_t written = 0;
        TRY(disk_write(disk, fd, content.data + at, content.size - at, &written));
        require(written <= content.size - at);
        if (written == 0) {
            return ERR_IO;
        }
        at += written;
    }
    return disk_fsync(disk, fd);
}

static enum status
write_temporary(const struct disk_port *disk, disk_fd fd, const char *path, struct bytes content)
{
    enum status status = fill(disk, fd, content);
    enum status closed = disk_close(disk, fd);
    if (status == OK) {
        status = closed;
    }
    if (status != OK) {
        discard(disk, path);
    }
    return status;
}

static const char *temporary_path(struct store *store, const char *path, struct arena *arena)
{
    char uuid[UUID_TEXT_SIZE];
    const char *name = strrchr(path, '/') + 1;
    random_uuid(
        &store->ports->random, "store.temporary", hash_text(path), store->temporary_count++, uuid);
    return arena_printf(arena, "%.*s.%s.%s.tmp", (int)(name - path), path, name, uuid);
}

/* A new temporary file beside `path`. Its name being taken, or the directory having been removed
 * since it was last seen, is no reason to give up. */
static enum status create_temporary(
    struct store *store, const char *path, struct arena *arena, const char **temporary, disk_fd *fd)
{
    size_t directory_size = (size_t)(strrchr(path, '/') - path);
    const char *directory = arena_copy(arena, path, directory_size);
    enum status status = OK;
    for (int attempt = 0; attempt < TEMPORARY_ATTEMPTS_MAX; attempt++) {
        TRY(ensure_directory(store, directory));
        *temporary = temporary_path(store, path, arena);
        status = disk_open(&store->ports->disk, *temporary, DISK_CREATE_NEW, fd);
        if (status == ERR_NOT_FOUND) {
            directories_forget(store);
        } else if (status != ERR_EXISTS) {
            return status;
        }
    }
    return status == ERR_EXISTS ? ERR_IO : status;
}

/* Exactly one of all that publish `path` gets OK. The temporary name is gone afterwards. */
static enum status publish(const struct disk_port *disk, const char *temporary, const char *path)
{
    enum status status = disk_rename(disk, temporary, path, true);
    if (status == OK) {
        return OK;
    }
    if (status == ERR_UNSUPPORTED) {
        status = disk_link(disk, temporary, path);
    }
    discard(disk, temporary);
    return status;
}

/* Replaces what is there. The temporary name is gone afterwards. */
static enum status
publish_over(const struct disk_port *disk, const char *temporary, const char *path)
{
    enum status status = disk_rename(disk, temporary, path, false);
    if (status != OK) {
        discard(disk, temporary);
    }
    return status;
}

typedef enum status (*publish_fn)(const struct disk_port *disk,
                                  const char *temporary,
                                  const char *path);

static enum status put_in(struct store *store,
                          const char *path,
                          struct bytes content,
                          publish_fn make_visible,
                          struct arena *scratch)
{
    const struct disk_port *disk = &store->ports->disk;
    const char *temporary = NULL;
    disk_fd fd = -1;
    TRY(create_temporary(store, path, scratch, &temporary, &fd));
    TRY(write_temporary(disk, fd, temporary, content));
    TRY(make_visible(disk, temporary, path));
    size_t directory_size = (size_t)(strrchr(path, '/') - path);
    const char *directory = arena_copy(scratch, path, directory_size);
    return disk_fsync_dir(disk, directory) == OK ? OK : ERR_NOT_DURABLE;
}

static enum status
put(struct store *store, const char *path, struct bytes content, publish_fn make_visible)
{
    struct arena scratch = {0};
    require(strrchr(path, '/') != path);
    enum status status = put_in(store, path, content, make_visible, &scratch);
    arena_free(&scratch);
    return status;
}

static enum status put_new(struct store *store, const char *path, struct bytes content)
{
    return put(store, path, content, publish);
}

static enum status put_over(struct store *store, const char *path, struct bytes content)
{
    return put(store, path, content, publish_over);
}

/* ---- everything else ------------------------------------------------------------------------ */

static enum status
read_all(const struct disk_port *disk, disk_fd fd, struct arena *arena, struct bytes *content)
{
    uint64_t size = 0;
    TRY(disk_size(disk, fd, &size));
    uint8_t *data = arena_alloc(arena, size + 1);
    uint64_t at = 0;
    while (at < size) {
        size_t got = 0;
        TRY(disk_read(disk, fd, at, data + at, size - at, &got));
        if (got == 0) {
            return ERR_IO; /* shorter than it said: somebody cut it meanwhile */
        }
        at += got;
    }
    *content = bytes_of(data, size);
    return OK;
}

static enum status
get(struct store *store, const char *path, struct arena *arena, struct bytes *content)
{
    const struct disk_port *disk = &store->ports->disk;
    disk_fd fd = -1;
    TRY(disk_open(disk, path, DISK_READ, &fd));
    enum status status = read_all(disk, fd, arena, content);
    enum status closed = disk_close(disk, fd);
    maybe(closed == OK); /* nothing was written through it */
    return status;
}

static enum status list(struct store *store,
                        const char *directory,
                        struct arena *arena,
                        struct store_entry **entries,
                        size_t *count)
{
    struct disk_entry *found = NULL;
    size_t found_count = 0;
    enum status status = disk_list(&store->ports->disk, directory, arena, &found, &found_count);
    if (status == ERR_NOT_FOUND) {
        return OK;
    }
    TRY(status);
    *entries = arena_alloc(arena, found_count * sizeof **entries);
    for (size_t i = 0; i < found_count; i++) {
        if (!found[i].directory) {
            (*entries)[(*count)++] = (struct store_entry){
                .name = found[i].name, .size = found[i].size, .modified_us = found[i].modified_us};
        }
    }
    return OK;
}

static enum status remove_file(struct store *store, const char *path)
{
    enum status status = disk_unlink(&store->ports->disk, path);
    return status == ERR_NOT_FOUND ? OK : status;
}

static enum status sync_directory(struct store *store, const char *directory)
{
    enum status status = disk_fsync_dir(&store->ports->disk, directory);
    return status == ERR_NOT_FOUND ? OK : status;
}

const struct store_ops store_disk_ops = {
    .put_new = put_new,
    .put_unique = put_new, /* a local put has no unknown outcome */
    .put_over = put_over,
    .get = get,
    .list = list,
    .remove = remove_file,
    .sync_directory = sync_directory,
};
