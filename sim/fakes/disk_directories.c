/* The fake disk: the calls about names, directories and locks. The model stands in disk.c. */
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/fakes/disk_call.h"

/* ---- names ---------------------------------------------------------------------------------- */

static void rename_inode(struct disk_inode *inode, const char *path)
{
    heap_free(inode->path);
    inode->path = text_copy(path);
}

static enum status
do_rename(struct disk_call *call, const char *from, const char *to, bool no_replace)
{
    struct disk_place source;
    struct disk_place target;
    struct file_system *fs = disk_call_fs(call, from);
    uint32_t machine = call->process->machine;
    if (no_replace && call->disk->without_no_replace) {
        return ERR_UNSUPPORTED;
    }
    TRY(disk_call_find(call, from, &source));
    TRY(disk_call_find(call, to, &target));
    if (source.inode == NULL) {
        return ERR_NOT_FOUND;
    }
    if (fs != disk_call_fs(call, to) || source.inode->directory ||
        (target.inode != NULL && target.inode->directory)) {
        return ERR_INVALID; /* EXDEV, EISDIR */
    }
    if (target.inode != NULL && no_replace) {
        return ERR_EXISTS;
    }
    if (source.inode == target.inode) {
        return OK; /* two names of one file: POSIX does nothing */
    }
    struct disk_inode *inode = source.inode;
    inode->references++; /* it is nameless for a moment when the directories differ */
    if (source.directory == target.directory) {
        directory_change(fs, source.directory, machine, source.name, target.name, inode);
    } else {
        directory_change(fs, target.directory, machine, NULL, target.name, inode);
        directory_change(fs, source.directory, machine, source.name, NULL, NULL);
    }
    inode_release(fs, inode);
    file_system_sweep(fs);
    rename_inode(inode, to);
    storage_removed(call->disk->storage, call->process, from);
    storage_published(call->disk->storage, call->process, to, buf_bytes(&inode->content));
    return OK;
}

enum status disk_fake_rename(void *self, const char *from, const char *to, bool no_replace)
{
    struct disk_call call = disk_call_begin(self, "rename", to, COST_DISK_NAME, 0);
    return disk_call_end(&call, call.happens ? do_rename(&call, from, to, no_replace) : OK);
}

static enum status do_link(struct disk_call *call, const char *from, const char *to)
{
    struct disk_place source;
    struct disk_place target;
    struct file_system *fs = disk_call_fs(call, from);
    TRY(disk_call_find(call, from, &source));
    TRY(disk_call_find(call, to, &target));
    if (source.inode == NULL) {
        return ERR_NOT_FOUND;
    }
    if (target.inode != NULL) {
        return ERR_EXISTS;
    }
    if (fs != disk_call_fs(call, to) || source.inode->directory) {
        return ERR_INVALID;
    }
    directory_change(fs, target.directory, call->process->machine, NULL, target.name, source.inode);
    rename_inode(source.inode, to);
    storage_published(call->disk->storage, call->process, to, buf_bytes(&source.inode->content));
    return OK;
}

enum status disk_fake_link(void *self, const char *from, const char *to)
{
    struct disk_call call = disk_call_begin(self, "link", to, COST_DISK_NAME, 0);
    return disk_call_end(&call, call.happens ? do_link(&call, from, to) : OK);
}

static enum status do_unlink(struct disk_call *call)
{
    struct disk_place place;
    struct file_system *fs = disk_call_fs(call, call->path);
    TRY(disk_call_find(call, call->path, &place));
    if (place.inode == NULL) {
        return ERR_NOT_FOUND;
    }
    if (place.inode->directory) {
        return ERR_INVALID;
    }
    directory_change(fs, place.directory, call->process->machine, place.name, NULL, NULL);
    file_system_sweep(fs);
    storage_removed(call->disk->storage, call->process, call->path);
    return OK;
}

enum status disk_fake_unlink(void *self, const char *path)
{
    struct disk_call call = disk_call_begin(self, "unlink", path, COST_DISK_NAME, 0);
    return disk_call_end(&call, call.happens ? do_unlink(&call) : OK);
}

static enum status do_mkdir(struct disk_call *call)
{
    struct disk_place place;
    struct file_system *fs = disk_call_fs(call, call->path);
    TRY(disk_call_find(call, call->path, &place));
    if (place.inode != NULL) {
        return ERR_EXISTS;
    }
    struct disk_inode *inode = inode_new(fs, call->path, true);
    disk_call_touch(call, inode);
    directory_change(fs, place.directory, call->process->machine, NULL, place.name, inode);
    return OK;
}

enum status disk_fake_mkdir(void *self, const char *path)
{
    struct disk_call call = disk_call_begin(self, "mkdir", path, COST_DISK_NAME, 0);
    return disk_call_end(&call, call.happens ? do_mkdir(&call) : OK);
}

static enum status do_rmdir(struct disk_call *call)
{
    struct disk_place place;
    struct file_system *fs = disk_call_fs(call, call->path);
    TRY(disk_call_find(call, call->path, &place));
    if (place.inode == NULL || !place.inode->directory) {
        return ERR_NOT_FOUND;
    }
    if (place.directory == NULL) {
        return ERR_INVALID; /* the root */
    }
    if (place.inode->names.count > 0) {
        return ERR_EXISTS;
    }
    directory_change(fs, place.directory, call->process->machine, place.name, NULL, NULL);
    file_system_sweep(fs);
    return OK;
}

enum status disk_fake_rmdir(void *self, const char *path)
{
    struct disk_call call = disk_call_begin(self, "rmdir", path, COST_DISK_NAME, 0);
    return disk_call_end(&call, call.happens ? do_rmdir(&call) : OK);
}

/* ---- directories ---------------------------------------------------------------------------- */

static size_t names_in(void *self, const char *path)
{
    struct fake_disk *disk = self;
    struct disk_place place;
    const struct file_system *fs =
        disk_file_system(disk, kernel_current(disk->kernel)->machine, path);
    bool there = fs != NULL && file_system_find(fs, path, &place) == OK && place.inode != NULL;
    return there ? place.inode->names.count : 0;
}

static enum status find_directory(const struct disk_call *call, struct disk_inode **directory)
{
    struct disk_place place;
    TRY(disk_call_find(call, call->path, &place));
    *directory = place.inode;
    if (place.inode == NULL) {
        return ERR_NOT_FOUND;
    }
    return place.inode->directory ? OK : ERR_INVALID;
}

enum status disk_fake_list(
    void *self, const char *path, struct arena *arena, struct disk_entry **entries, size_t *count)
{
    struct disk_call call =
        disk_call_begin(self, "list", path, COST_DISK_LIST, (int64_t)names_in(self, path));
    struct disk_inode *directory = NULL;
    enum status status = call.gone ? ERR_IO : find_directory(&call, &directory);
    kernel_leave(call.disk->kernel, call.previous); /* the answer belongs to the caller */
    *entries = NULL;
    *count = 0;
    if (status == OK && call.status == OK) {
        *count = directory->names.count;
        *entries = arena_alloc(arena, *count * sizeof **entries);
        for (size_t i = 0; i < *count; i++) {
            /* Backwards: callers must sort. */
            const struct disk_name *item = &directory->names.items[*count - 1 - i];
            (*entries)[i] = (struct disk_entry){.name = arena_strdup(arena, item->name),
                                                .directory = item->inode->directory,
                                                .size = item->inode->content.size,
                                                .modified_us = item->inode->modified_us};
        }
    }
    call.previous = kernel_enter(call.disk->kernel);
    if (status == OK && call.status == OK) {
        storage_listed(call.disk->storage, call.process, path);
    }
    return disk_call_end(&call, status);
}

enum status disk_fake_fsync_dir(void *self, const char *path)
{
    struct disk_call call = disk_call_begin(self, "fsync_dir", path, COST_DISK_FSYNC_DIR, 0);
    struct disk_inode *directory = NULL;
    enum status status = call.gone ? ERR_IO : find_directory(&call, &directory);
    if (status == OK && call.happens) {
        directory_sync(disk_call_fs(&call, path), directory);
        file_system_sweep(disk_call_fs(&call, path));
    }
    return disk_call_end(&call, status);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static enum status do_lock(struct disk_call *call)
{
    struct fake_disk *disk = call->disk;
    struct disk_inode *inode = NULL;
    enum status status = disk_call_open(call, DISK_READ, &inode);
    if (status == ERR_NOT_FOUND) {
        status = disk_call_open(call, DISK_CREATE_NEW, &inode);
    }
    TRY(status);
    for (size_t i = 0; i < disk->lock_count; i++) {
        if (disk->locks[i].inode == inode) {
            return ERR_LOCKED;
        }
    }
    if (disk->lock_count == disk->lock_capacity) {
        disk->lock_capacity = disk->lock_capacity == 0 ? 4 : 2 * disk->lock_capacity;
        disk->locks = heap_realloc(disk->locks, disk->lock_capacity * sizeof *disk->locks);
    }
    inode->references++;
    disk->locks[disk->lock_count++] = (struct disk_lock_held){
        .process = call->process, .fs = disk_call_fs(call, call->path), .inode = inode};
    return OK;
}

enum status disk_fake_lock(void *self, const char *path)
{
    struct disk_call call = disk_call_begin(self, "lock", path, COST_DISK_OPEN, 0);
    return disk_call_end(&call, call.happens ? do_lock(&call) : OK);
}
