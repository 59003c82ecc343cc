/* The fake disk: the calls about files.
 *
 * THE FAULT MODEL
 *
 * Two kinds of file system: /local/... is the machine's own, /shared/... is one that all machines
 * see. What is written is seen at once by every reader of the same file system, as from one page
 * cache; that says nothing about what a crash leaves.
 *
 * A file has durable bytes and an ordered list of unsynced writes; a directory has durable names
 * and an ordered list of unsynced name operations (a rename inside one directory is a single one;
 * between two directories it is two). Each operation belongs to the machine that made it.
 *   - fsync of a file makes all its bytes and its size durable, not its name; fsync of a directory
 *     makes the names in it durable, not the bytes of the files named. Whose operations they are
 *     does not matter: whoever syncs, syncs what it sees.
 *   - close syncs nothing. Removing (unlink, rmdir) is a name operation as any other and may be
 *     undone by a crash; each is decided on its own, so a directory may come back without its files
 *     and may be gone with them.
 *   - A failed fsync of a file marks its pages clean (Rebello et al., ATC'20): the bytes stay
 *     visible, later fsyncs succeed, and only a crash shows that they never reached the disk. A
 *     failed fsync of a directory leaves its names unsynced; a later one may make them durable (a
 *     journal either goes on or takes the whole file system down; it does not lie about names).
 *   - A failed write may have written a part. A failed close has closed.
 *
 * The death of a process loses nothing that it wrote: its descriptors and locks go, the page cache
 * stays. The crash of a machine decides every unsynced operation of that machine, on both file
 * systems, each on its own (faults/fates.h): a name operation is kept or vanishes; a write is kept,
 * dropped, cut or garbled, independently of the names, so that an empty or garbled file under its
 * final name is possible. Operations of other machines stay as unsynced as they were. The loss of a
 * machine wipes its /local, too.
 *
 * Weaker than "ordered" journaling on purpose: any subset of names may survive, as on file systems
 * that promise no order, so that the engine relies on fsync alone.
 *
 * Not modelled: renaming directories, holes made by seeking, a file system that turns read-only.
 * With noise on, one in 64 first reads and writes of a descriptor is short. */
#include "sim/fakes/disk.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "sim/fakes/disk_call.h"

/* ---- a call: fault, cost, effect --------------------------------------------------------------
 */

struct disk_call disk_call_begin(
    void *self, const char *operation, const char *path, enum cost_kind cost, int64_t units)
{
    struct fake_disk *disk = self;
    struct disk_call call = {.disk = disk,
                             .process = kernel_current(disk->kernel),
                             .operation = operation,
                             .path = path,
                             .status = OK,
                             .happens = true};
    struct operation_fault fault = {.effect = OPERATION_OK};
    if (!kernel_caller_gone(disk->kernel)) {
        fault = kernel_operation_before(disk->kernel, "disk", operation, path);
    }
    if (!kernel_caller_gone(disk->kernel)) {
        kernel_hold(disk->kernel,
                    kernel_cost_us(disk->kernel, call.process, cost, units) + fault.delay_us);
    }
    call.gone = kernel_caller_gone(disk->kernel);
    if (call.gone) {
        call.status = ERR_IO;
        call.happens = false;
    } else if (fault.effect == OPERATION_FAILS) {
        call.status = fault.status;
        call.happens = false;
    } else if (fault.effect == OPERATION_LOSES_REPLY) {
        call.status = ERR_IO; /* as over NFS: an error that says nothing about the effect */
        call.happens = fault.applied;
    }
    call.previous = kernel_enter(disk->kernel);
    return call;
}

enum status disk_call_end(struct disk_call *call, enum status status)
{
    kernel_leave(call->disk->kernel, call->previous);
    if (!call->gone) {
        kernel_operation_after(call->disk->kernel, "disk", call->operation, call->path);
    }
    if (kernel_caller_gone(call->disk->kernel)) {
        return ERR_IO; /* nobody hears more than that */
    }
    return call->status == OK ? status : call->status;
}

struct file_system *disk_call_fs(const struct disk_call *call, const char *path)
{
    return disk_file_system(call->disk, call->process->machine, path);
}

enum status disk_call_find(const struct disk_call *call, const char *path, struct disk_place *place)
{
    const struct file_system *fs = disk_call_fs(call, path);
    return fs == NULL ? ERR_NOT_FOUND : file_system_find(fs, path, place);
}

void disk_call_touch(const struct disk_call *call, struct disk_inode *inode)
{
    inode->modified_us = kernel_now_us(call->disk->kernel);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

/* Valid until the next open or close of anybody. NULL: the caller is gone, and all of its own. */
static struct disk_descriptor *descriptor(struct fake_disk *disk, disk_fd fd)
{
    if (kernel_caller_gone(disk->kernel)) {
        return NULL;
    }
    const struct sim_process *process = kernel_current(disk->kernel);
    struct disk_descriptor *found = NULL;
    for (size_t i = 0; i < disk->descriptor_count && found == NULL; i++) {
        bool same = disk->descriptors[i].process == process && disk->descriptors[i].fd == fd;
        found = same ? &disk->descriptors[i] : NULL;
    }
    require(found != NULL); /* open in this process */
    return found;
}

static disk_fd unused_fd(const struct fake_disk *disk, const struct sim_process *process)
{
    disk_fd fd = 0;
    for (size_t i = 0; i < disk->descriptor_count; i++) {
        if (disk->descriptors[i].process == process && disk->descriptors[i].fd >= fd) {
            fd = disk->descriptors[i].fd + 1;
        }
    }
    return fd;
}

static disk_fd add_descriptor(const struct disk_call *call, struct disk_inode *inode, bool writing)
{
    struct fake_disk *disk = call->disk;
    if (disk->descriptor_count == disk->descriptor_capacity) {
        disk->descriptor_capacity =
            disk->descriptor_capacity == 0 ? 16 : 2 * disk->descriptor_capacity;
        disk->descriptors =
            heap_realloc(disk->descriptors, disk->descriptor_capacity * sizeof *disk->descriptors);
    }
    struct disk_descriptor added = {.process = call->process,
                                    .fd = unused_fd(disk, call->process),
                                    .fs = disk_call_fs(call, call->path),
                                    .inode = inode,
                                    .path = text_copy(call->path),
                                    .writing = writing};
    inode->references++;
    disk->descriptors[disk->descriptor_count++] = added;
    return added.fd;
}

static void drop_descriptor(struct fake_disk *disk, size_t at)
{
    struct disk_descriptor *gone = &disk->descriptors[at];
    heap_free(gone->path);
    inode_release(gone->fs, gone->inode);
    file_system_sweep(gone->fs);
    disk->descriptor_count--;
    memmove(gone, gone + 1, (disk->descriptor_count - at) * sizeof *gone);
}

/* A truth of its own for the first read or write of a descriptor, with noise on. */
static size_t maybe_short(const struct disk_call *call, struct disk_descriptor *open, size_t size)
{
    bool first = !open->used;
    open->used = true;
    if (!first || size < 2 || !kernel_noise(call->disk->kernel)) {
        return size;
    }
    bool is_short = kernel_chance(call->disk->kernel,
                                  "disk.short",
                                  kernel_actor(call->process),
                                  hash_text(call->path),
                                  hash_text(call->operation),
                                  1,
                                  64);
    return is_short ? size / 2 : size;
}

/* ---- files ---------------------------------------------------------------------------------- */

enum status
disk_call_open(struct disk_call *call, enum disk_open_mode mode, struct disk_inode **inode)
{
    struct disk_place place;
    TRY(disk_call_find(call, call->path, &place));
    *inode = place.inode;
    if (place.inode == NULL) {
        if (mode == DISK_READ) {
            return ERR_NOT_FOUND;
        }
        struct file_system *fs = disk_call_fs(call, call->path);
        *inode = inode_new(fs, call->path, false);
        disk_call_touch(call, *inode);
        directory_change(fs, place.directory, call->process->machine, NULL, place.name, *inode);
        return OK;
    }
    if (mode == DISK_CREATE_NEW) {
        return ERR_EXISTS;
    }
    if (place.inode->directory) {
        return ERR_INVALID;
    }
    if (mode == DISK_TRUNCATE) {
        storage_removed(call->disk->storage, call->process, call->path);
        inode_truncate(place.inode, call->process->machine);
        disk_call_touch(call, place.inode);
    }
    return OK;
}

static enum status
disk_fake_open(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    struct disk_call call = disk_call_begin(self, "open", path, COST_DISK_OPEN, 0);
    enum status status = OK;
    if (call.happens) {
        struct disk_inode *inode = NULL;
        status = disk_call_open(&call, mode, &inode);
        if (status == OK && call.status == OK) {
            *fd = add_descriptor(&call, inode, mode != DISK_READ);
        }
    }
    return disk_call_end(&call, status);
}

static uint64_t unsynced_size(const struct disk_descriptor *open)
{
    uint64_t size = 0;
    for (size_t i = 0; i < open->inode->write_count; i++) {
        size += open->inode->writes[i].size;
    }
    return size;
}

/* A call of `size` bytes on a descriptor. NULL: the caller is gone. */
static struct disk_descriptor *begin_on(struct disk_call *call,
                                        struct fake_disk *disk,
                                        disk_fd fd,
                                        const char *operation,
                                        enum cost_kind cost,
                                        uint64_t size)
{
    const struct disk_descriptor *open = descriptor(disk, fd);
    const char *path = open == NULL ? "" : open->path;
    *call = disk_call_begin(disk, operation, path, cost, storage_logical_size(path, size));
    return call->gone ? NULL : descriptor(disk, fd);
}

static enum status
disk_fake_write(void *self, disk_fd fd, const void *data, size_t size, size_t *written)
{
    struct disk_call call;
    struct disk_descriptor *open = begin_on(&call, self, fd, "write", COST_DISK_WRITE, size);
    *written = 0;
    if (open == NULL) {
        return disk_call_end(&call, OK);
    }
    require(open->writing);
    *written = maybe_short(&call, open, size);
    if (call.status != OK) {
        *written = size / 2; /* a failed write may leave a part */
    }
    if (*written > 0) {
        inode_write(open->inode, call.process->machine, open->position, bytes_of(data, *written));
        open->position += *written;
        disk_call_touch(&call, open->inode);
    }
    open->written = true;
    return disk_call_end(&call, OK);
}

static enum status
disk_fake_read(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    struct disk_call call;
    const struct disk_descriptor *read = descriptor(self, fd);
    bool cached = read != NULL && strncmp(read->path, "/local/", 7) == 0;
    struct disk_descriptor *open =
        begin_on(&call, self, fd, "read", cached ? COST_DISK_READ_CACHED : COST_DISK_READ, size);
    *got = 0;
    if (open != NULL && call.status == OK && at < open->inode->content.size) {
        const struct buf *content = &open->inode->content;
        size_t left = content->size - at;
        *got = maybe_short(&call, open, size < left ? size : left);
        memcpy(data, content->data + at, *got);
    }
    return disk_call_end(&call, OK);
}

static enum status disk_fake_size(void *self, disk_fd fd, uint64_t *size)
{
    struct disk_call call;
    const struct disk_descriptor *open = begin_on(&call, self, fd, "size", COST_DISK_OPEN, 0);
    *size = open == NULL ? 0 : open->inode->content.size;
    return disk_call_end(&call, OK);
}

static enum status disk_fake_fsync(void *self, disk_fd fd)
{
    struct disk_call call;
    struct fake_disk *disk = self;
    const struct disk_descriptor *open = descriptor(disk, fd);
    uint64_t unsynced = open == NULL ? 0 : unsynced_size(open);
    open = begin_on(&call, disk, fd, "fsync", COST_DISK_FSYNC, unsynced);
    if (open != NULL && call.happens) {
        inode_sync(open->inode);
    } else if (open != NULL) {
        inode_sync_failed(open->inode);
    }
    return disk_call_end(&call, OK);
}

/* A file that was written under its final name, without a temporary one, is whole now. */
static enum status disk_fake_close(void *self, disk_fd fd)
{
    struct fake_disk *disk = self;
    struct disk_call call;
    struct disk_descriptor *open = begin_on(&call, disk, fd, "close", COST_DISK_OPEN, 0);
    struct disk_place place;
    if (open == NULL) {
        return disk_call_end(&call, OK);
    }
    if (open->writing && disk_call_find(&call, call.path, &place) == OK &&
        place.inode == open->inode) {
        storage_published(disk->storage, call.process, call.path, buf_bytes(&open->inode->content));
    }
    char *path = text_copy(call.path);
    call.path = path;
    drop_descriptor(disk, (size_t)(open - disk->descriptors));
    enum status status = disk_call_end(&call, OK);
    struct process *previous = kernel_enter(disk->kernel);
    heap_free(path);
    kernel_leave(disk->kernel, previous);
    return status;
}

const struct disk_ops fake_disk_ops = {
    .open = disk_fake_open,
    .write = disk_fake_write,
    .read = disk_fake_read,
    .size = disk_fake_size,
    .fsync = disk_fake_fsync,
    .close = disk_fake_close,
    .rename = disk_fake_rename,
    .link = disk_fake_link,
    .unlink = disk_fake_unlink,
    .mkdir = disk_fake_mkdir,
    .rmdir = disk_fake_rmdir,
    .list = disk_fake_list,
    .fsync_dir = disk_fake_fsync_dir,
    .lock = disk_fake_lock,
};
