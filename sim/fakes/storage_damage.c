/* Damage of what was durable already: a bad sector, a disk repaired the wrong way, an operator's
 * `rm`. No crash and no process has a part in it, and no fsync protects from it: the file goes bad
 * at once, for every reader and for good. Whoever watches hears of it by `damaged` alone, never by
 * `published` or `removed`: nobody did it. */
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/fakes/disk.h"
#include "sim/fakes/objects.h"
#include "sim/fakes/storage.h"
#include "sim/kernel/injector.h"

/* The newest file that the pattern matches; of equally new ones the last by name. */
struct match {
    const char *pattern;
    struct file_system *fs; /* of the walk */
    bool local;             /* a machine's own disk */
    int64_t modified_us;
    struct file_system *found_fs; /* where the file lies; NULL: it is an object */
    char *path;                   /* NULL: nothing yet */
};

static void consider(struct match *match, const char *path, int64_t modified_us)
{
    if (storage_hidden(path) || modified_us < match->modified_us ||
        !injector_path_matches(match->pattern, path)) {
        return;
    }
    heap_free(match->path);
    match->path = text_copy(path);
    match->modified_us = modified_us;
    match->found_fs = match->fs;
}

static void consider_file(void *context, const char *path, struct disk_inode *inode)
{
    struct match *match = context;
    if (match->local || file_system_durable(match->fs, path)) {
        consider(match, path, inode->modified_us);
    }
}

static void walk(struct match *match, struct file_system *fs)
{
    if (fs != NULL) {
        match->fs = fs;
        directory_walk(fs->root, fs->root->path, consider_file, match);
    }
}

static void find(struct fake_storage *storage, struct match *match)
{
    walk(match, &storage->disk->shared);
    match->local = true; /* what is there, shuffle files among it, need never be synced */
    for (uint32_t i = 0; i < storage->disk->machine_count; i++) {
        walk(match, storage->disk->machines[i].local);
    }
    match->fs = NULL;
    for (size_t i = 0; i < storage->objects->count; i++) {
        struct buf path = {0};
        buf_printf(&path, "/%s", storage->objects->items[i].key);
        buf_byte(&path, '\0');
        consider(match, (const char *)path.data, storage->objects->items[i].modified_us);
        buf_free(&path);
    }
}

static void damage_inode(struct disk_inode *inode, enum damage how)
{
    for (size_t i = 0; i < inode->write_count; i++) {
        heap_free(inode->writes[i].data);
    }
    inode->write_count = 0;
    inode->content.size = damage_bytes(how, inode->content.data, inode->content.size);
    buf_clear(&inode->durable);
    buf_append(&inode->durable, inode->content.data, inode->content.size);
}

/* Readers and the medium see the same bad bytes from now on: no write is pending that a crash could
 * still undo. */
static void damage_file(struct file_system *fs, const char *path, enum damage how)
{
    struct disk_place place;
    enum status status = file_system_find(fs, path, &place);
    require(status == OK);
    require(place.inode != NULL);
    if (how == DAMAGE_REMOVED) {
        struct disk_inode *directory = place.directory;
        directory_change(fs, directory, 0, place.name, NULL, NULL);
        directory->ops[directory->op_count - 1].settled = true;
        directory_rebuild(fs, directory);
        file_system_sweep(fs);
        return;
    }
    damage_inode(place.inode, how);
}

static void damage_object(struct fake_objects *objects, const char *key, enum damage how)
{
    const struct fake_object *found = objects_find(objects, key);
    require(found != NULL);
    size_t at = (size_t)(found - objects->items);
    if (how != DAMAGE_REMOVED) {
        objects->items[at].size =
            damage_bytes(how, objects->items[at].data, objects->items[at].size);
        return;
    }
    heap_free(objects->items[at].key);
    heap_free(objects->items[at].data);
    objects->count--;
    memmove(objects->items + at,
            objects->items + at + 1,
            (objects->count - at) * sizeof *objects->items);
}

static void tell(struct fake_storage *storage, const char *path, enum damage how)
{
    const struct trace_entry entry = {
        .kind = WORLD_DAMAGED, .batch = -1, .a = (int64_t)how, .text = path};
    kernel_trace(storage->kernel, NULL, &entry);
    for (size_t i = 0; i < storage->watch_count; i++) {
        const struct fake_storage_watch *watch = &storage->watches[i];
        if (watch->damaged != NULL) {
            watch->damaged(watch->context, path);
        }
    }
}

static bool search(struct fake_storage *storage, const char *pattern, struct match *match)
{
    *match = (struct match){.pattern = pattern, .modified_us = INT64_MIN};
    find(storage, match);
    return match->path != NULL;
}

bool fake_storage_can_damage(struct fake_storage *storage, const char *pattern)
{
    struct process *previous = kernel_enter(storage->kernel);
    struct match match;
    bool found = search(storage, pattern, &match);
    heap_free(match.path);
    kernel_leave(storage->kernel, previous);
    return found;
}

void fake_storage_damage(struct fake_storage *storage, const char *pattern, enum damage how)
{
    require(how < DAMAGE_COUNT);
    struct process *previous = kernel_enter(storage->kernel);
    struct match match;
    if (search(storage, pattern, &match)) {
        if (match.found_fs != NULL) {
            damage_file(match.found_fs, match.path, how);
        } else {
            damage_object(storage->objects, match.path + 1, how);
        }
        tell(storage, match.path, how);
    }
    heap_free(match.path);
    kernel_leave(storage->kernel, previous);
}
