/* The fake disk as the world sees it: who is gone, and what their going leaves. The model stands in
 * disk.c; the fates are decided in faults/fates.c, one draw an operation. A draw is keyed by the
 * machine, how often it has crashed, the path, and the operation's place among those of its file or
 * directory: it does not shift when something else happens elsewhere. */
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "faults/fates.h"
#include "sim/fakes/disk.h"

struct fake_disk *fake_disk_new(struct fake_storage *storage)
{
    struct fake_disk *disk = heap_alloc(sizeof *disk);
    disk->storage = storage;
    disk->kernel = storage->kernel;
    file_system_init(&disk->shared, "/shared");
    return disk;
}

static void know_machine(struct fake_disk *disk, uint32_t machine)
{
    if (machine < disk->machine_count) {
        return;
    }
    uint32_t count = machine + 1;
    disk->machines = heap_realloc(disk->machines, count * sizeof *disk->machines);
    disk->machine_count = count;
}

static bool below(const char *path, const char *root)
{
    size_t size = strlen(root);
    return strncmp(path, root, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

struct file_system *disk_file_system(struct fake_disk *disk, uint32_t machine, const char *path)
{
    if (below(path, "/shared")) {
        return &disk->shared;
    }
    if (!below(path, "/local")) {
        return NULL;
    }
    if (machine >= disk->machine_count || disk->machines[machine].local == NULL) {
        struct process *previous = kernel_enter(disk->kernel);
        know_machine(disk, machine);
        disk->machines[machine].local = heap_alloc(sizeof(struct file_system));
        file_system_init(disk->machines[machine].local, "/local");
        kernel_leave(disk->kernel, previous);
    }
    return disk->machines[machine].local;
}

/* ---- a process is gone ------------------------------------------------------------------------
 */

void disk_process_gone(struct fake_disk *disk, const struct sim_process *process)
{
    size_t kept = 0;
    for (size_t i = 0; i < disk->descriptor_count; i++) {
        struct disk_descriptor *open = &disk->descriptors[i];
        if (open->process != process) {
            disk->descriptors[kept++] = *open;
            continue;
        }
        heap_free(open->path);
        inode_release(open->fs, open->inode);
        file_system_sweep(open->fs);
    }
    disk->descriptor_count = kept;
    kept = 0;
    for (size_t i = 0; i < disk->lock_count; i++) {
        struct disk_lock_held *held = &disk->locks[i];
        if (held->process != process) {
            disk->locks[kept++] = *held;
            continue;
        }
        inode_release(held->fs, held->inode);
        file_system_sweep(held->fs);
    }
    disk->lock_count = kept;
}

size_t disk_handles(const struct fake_disk *disk, const struct sim_process *process)
{
    size_t handles = 0;
    for (size_t i = 0; i < disk->descriptor_count; i++) {
        handles += disk->descriptors[i].process == process;
    }
    for (size_t i = 0; i < disk->lock_count; i++) {
        handles += disk->locks[i].process == process;
    }
    return handles;
}

/* ---- what was visible before, so that the watches hear what a crash took ------------------------
 */

struct seen_file {
    char *path;
    const struct disk_inode *inode;
    uint64_t digest;
};

struct seen {
    struct seen_file *files; /* in the order of the walk: ascending by component */
    size_t count;
    size_t capacity;
};

static uint64_t digest_of(const struct disk_inode *inode)
{
    return hash_bytes(inode->content.data, inode->content.size);
}

static void see(void *context, const char *path, struct disk_inode *inode)
{
    struct seen *seen = context;
    if (seen->count == seen->capacity) {
        seen->capacity = seen->capacity == 0 ? 64 : 2 * seen->capacity;
        seen->files = heap_realloc(seen->files, seen->capacity * sizeof *seen->files);
    }
    seen->files[seen->count++] =
        (struct seen_file){.path = text_copy(path), .inode = inode, .digest = digest_of(inode)};
}

/* Two walks of one tree come in the same order: what is asked for mostly stands at `*next`. */
static const struct seen_file *seen_find(const struct seen *seen, const char *path, size_t *next)
{
    for (size_t i = 0; i < seen->count; i++) {
        size_t at = (*next + i) % seen->count;
        if (strcmp(seen->files[at].path, path) == 0) {
            *next = at + 1;
            return &seen->files[at];
        }
    }
    return NULL;
}

static void seen_free(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        heap_free(seen->files[i].path);
    }
    heap_free(seen->files);
}

/* Both lists are walks of the same tree, before and after. Inodes of the first that are gone are
 * compared by address only, never looked into. */
static void
tell_difference(struct fake_disk *disk, const struct seen *before, const struct seen *after)
{
    size_t next = 0;
    for (size_t i = 0; i < before->count; i++) {
        const struct seen_file *old = &before->files[i];
        const struct seen_file *now = seen_find(after, old->path, &next);
        if (now == NULL || now->inode != old->inode || now->digest != old->digest) {
            storage_removed(disk->storage, NULL, old->path);
        }
    }
    next = 0;
    for (size_t i = 0; i < after->count; i++) {
        const struct seen_file *now = &after->files[i];
        if (seen_find(before, now->path, &next) == NULL) { /* its removal was undone */
            storage_published(disk->storage, NULL, now->path, buf_bytes(&now->inode->content));
        }
    }
}

/* ---- the fates ------------------------------------------------------------------------------- */

struct crash {
    struct fake_disk *disk;
    uint32_t machine;
    enum unsynced unsynced;
};

static struct fate decide(const struct crash *crash, bool bytes, const char *path, uint64_t nth)
{
    uint64_t key2 = ((uint64_t)crash->disk->machines[crash->machine].crashes << 33) |
                    ((uint64_t)bytes << 32) | nth;
    uint64_t drawn =
        kernel_draw(crash->disk->kernel, "disk.fate", crash->machine, hash_text(path), key2);
    struct fate fate = fate_decide(crash->unsynced, bytes, drawn);
    if (fate.kind != FATE_KEPT) {
        struct trace_entry entry = {
            .kind = WORLD_UNSYNCED_LOST, .batch = -1, .a = fate.kind, .text = path};
        kernel_trace(crash->disk->kernel, NULL, &entry);
    }
    return fate;
}

static void settle_writes(const struct crash *crash, struct disk_inode *inode)
{
    uint64_t nth = 0;
    size_t at = 0;
    while (at < inode->write_count) {
        struct disk_write *write = &inode->writes[at];
        if (write->settled || write->machine != crash->machine) {
            at++;
            continue;
        }
        struct fate fate = decide(crash, true, inode->path, nth++);
        if (fate.kind == FATE_DROPPED) {
            inode_drop(inode, at);
            continue;
        }
        if (fate.kind == FATE_CUT) {
            write->size = fate_good_size(&fate, write->size);
        }
        fate_garble(&fate, write->data, write->size);
        write->settled = true;
        at++;
    }
    if (nth > 0) {
        inode_rebuild(inode);
    }
}

static void
settle_names(const struct crash *crash, struct file_system *fs, struct disk_inode *directory)
{
    struct buf path = {0};
    uint64_t nth = 0;
    size_t at = 0;
    while (at < directory->op_count) {
        struct disk_name_op *op = &directory->ops[at];
        if (op->settled || op->machine != crash->machine) {
            at++;
            continue;
        }
        buf_clear(&path);
        buf_printf(&path, "%s/%s", directory->path, op->set != NULL ? op->set : op->removed);
        buf_byte(&path, '\0');
        struct fate fate = decide(crash, false, (const char *)path.data, nth++);
        if (fate.kind == FATE_DROPPED) {
            directory_drop(fs, directory, at);
        } else {
            op->settled = true;
            at++;
        }
    }
    buf_free(&path);
    if (nth > 0) {
        directory_rebuild(fs, directory);
    }
}

static void settle(const struct crash *crash, struct file_system *fs)
{
    struct seen before = {0};
    struct seen after = {0};
    directory_walk(fs->root, fs->root->path, see, &before);
    for (struct disk_inode *inode = fs->first; inode != NULL; inode = inode->next) {
        if (inode->directory) {
            settle_names(crash, fs, inode);
        } else {
            settle_writes(crash, inode);
        }
    }
    directory_walk(fs->root, fs->root->path, see, &after);
    tell_difference(crash->disk, &before, &after);
    file_system_sweep(fs);
    seen_free(&before);
    seen_free(&after);
}

static void lose_local(struct fake_disk *disk, struct file_system *local)
{
    struct seen before = {0};
    struct seen nothing = {0};
    directory_walk(local->root, local->root->path, see, &before);
    file_system_wipe(local);
    file_system_init(local, "/local");
    tell_difference(disk, &before, &nothing);
    seen_free(&before);
}

static void drop_handles(struct fake_disk *disk, uint32_t machine)
{
    while (true) {
        const struct sim_process *process = NULL;
        for (size_t i = 0; i < disk->descriptor_count && process == NULL; i++) {
            process = disk->descriptors[i].process->machine == machine
                          ? disk->descriptors[i].process
                          : NULL;
        }
        for (size_t i = 0; i < disk->lock_count && process == NULL; i++) {
            process = disk->locks[i].process->machine == machine ? disk->locks[i].process : NULL;
        }
        if (process == NULL) {
            return;
        }
        disk_process_gone(disk, process);
    }
}

void disk_machine_gone(struct fake_disk *disk,
                       uint32_t machine,
                       enum machine_fate fate,
                       enum unsynced unsynced)
{
    know_machine(disk, machine);
    drop_handles(disk, machine);
    disk->machines[machine].crashes++;
    struct crash crash = {.disk = disk, .machine = machine, .unsynced = unsynced};
    settle(&crash, &disk->shared);
    struct file_system *local = disk->machines[machine].local;
    if (local == NULL) {
        return;
    }
    if (fate == MACHINE_LOST) {
        lose_local(disk, local);
    } else {
        settle(&crash, local);
    }
}
