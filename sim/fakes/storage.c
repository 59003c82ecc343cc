#include "sim/fakes/storage.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "sim/fakes/disk.h"
#include "sim/fakes/objects.h"
#include "sim/fakes/storage_internal.h"

/* ---- told by the kernel -----------------------------------------------------------------------
 */

static void process_gone(void *self, struct sim_process *process)
{
    struct fake_storage *storage = self;
    struct process *previous = kernel_enter(storage->kernel);
    disk_process_gone(storage->disk, process);
    kernel_leave(storage->kernel, previous);
}

static void
machine_gone(void *self, uint32_t machine, enum machine_fate fate, enum unsynced unsynced)
{
    struct fake_storage *storage = self;
    struct process *previous = kernel_enter(storage->kernel);
    disk_machine_gone(storage->disk, machine, fate, unsynced);
    kernel_leave(storage->kernel, previous);
}

struct fake_storage *fake_storage_new(struct kernel *kernel)
{
    struct process *previous = kernel_enter(kernel);
    struct fake_storage *storage = heap_alloc(sizeof *storage);
    storage->kernel = kernel;
    storage->disk = fake_disk_new(storage);
    storage->objects = fake_objects_new(storage);
    kernel_leave(kernel, previous);
    struct kernel_fake fake = {
        .self = storage, .process_gone = process_gone, .machine_gone = machine_gone};
    kernel_add_fake(kernel, &fake);
    return storage;
}

void fake_storage_connect(struct fake_storage *storage, struct sim_process *process)
{
    process->ports.disk = (struct disk_port){.ops = &fake_disk_ops, .self = storage->disk};
    process->ports.objects =
        (struct objects_port){.ops = &fake_objects_ops, .self = storage->objects};
}

/* ---- what may reach the trace ------------------------------------------------------------------
 */

/* A state file, also under its temporary name; and all of a state partition's local database: what
 * RocksDB writes names the session and the second it was made in. */
static bool state_file(const char *path)
{
    static const char *const kinds[] = {".delta", ".snapshot", ".changelog", ".zip", ".sst"};
    const char *state = strstr(path, "/state/");
    bool found = state != NULL && strncmp(path, "/local/", 7) == 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        found = found || (state != NULL && strstr(state, kinds[i]) != NULL);
    }
    return found;
}

/* Bytes that hang on the version of a compression library. A Delta commit states the sizes and
 * hashes of data files, so it is one, too. */
static bool unstable_bytes(const char *path)
{
    return strstr(path, ".parquet") != NULL || strstr(path, "_delta_log/") != NULL ||
           state_file(path);
}

int64_t storage_logical_size(const char *path, uint64_t size)
{
    return unstable_bytes(path) ? 0 : (int64_t)size;
}

bool storage_hidden(const char *path)
{
    const char *slash = strrchr(path, '/');
    return (slash == NULL ? path : slash + 1)[0] == '.';
}

/* ---- who looked at the SST files ---------------------------------------------------------------
 */

static bool *look_of(struct fake_storage *storage, const struct sim_process *by, const char *path)
{
    static const char folder[] = "/SSTs";
    const char *end = strstr(path, folder);
    if (by == NULL || end == NULL) {
        return NULL;
    }
    size_t slash = path[0] == '/'; /* a key has none */
    uint64_t key = hash_bytes(path + slash, (size_t)(end - path) - slash);
    key = hash_chain(key, by->process.id);
    for (size_t i = 0; i < storage->look_count; i++) {
        if (storage->looks[i].key == key) {
            return &storage->looks[i].looked;
        }
    }
    struct process *previous = kernel_enter(storage->kernel);
    storage->looks =
        heap_realloc(storage->looks, (storage->look_count + 1) * sizeof *storage->looks);
    kernel_leave(storage->kernel, previous);
    storage->looks[storage->look_count] = (struct storage_look){.key = key};
    return &storage->looks[storage->look_count++].looked;
}

void storage_listed(struct fake_storage *storage, const struct sim_process *by, const char *path)
{
    bool *looked = look_of(storage, by, path);
    if (looked != NULL) {
        *looked = true;
    }
}

bool fake_storage_looked(struct fake_storage *storage,
                         const struct sim_process *by,
                         const char *zip)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%.*s/SSTs", (int)(strrchr(zip, '/') - zip), zip);
    bool *looked = look_of(storage, by, path);
    return looked != NULL && *looked;
}

void storage_published(struct fake_storage *storage,
                       const struct sim_process *by,
                       const char *path,
                       struct bytes content)
{
    if (storage_hidden(path)) {
        return;
    }
    bool *looked = look_of(storage, by, path);
    if (looked != NULL) {
        *looked = false;
    }
    uint64_t digest = unstable_bytes(path) ? 0 : hash_bytes(content.data, content.size);
    struct trace_entry entry = {
        .kind = WORLD_PUBLISHED, .batch = -1, .a = (int64_t)digest, .text = path};
    kernel_trace(storage->kernel, by, &entry);
    for (size_t i = 0; i < storage->watch_count; i++) {
        const struct fake_storage_watch *watch = &storage->watches[i];
        if (watch->published != NULL) {
            watch->published(watch->context, by, path, content);
        }
    }
}

void storage_removed(struct fake_storage *storage, const struct sim_process *by, const char *path)
{
    if (storage_hidden(path)) {
        return;
    }
    for (size_t i = 0; i < storage->watch_count; i++) {
        const struct fake_storage_watch *watch = &storage->watches[i];
        if (watch->removed != NULL) {
            watch->removed(watch->context, by, path);
        }
    }
}

void fake_storage_observe(struct fake_storage *storage, const struct fake_storage_watch *watch)
{
    require(storage->watch_count < STORAGE_WATCHES_MAX);
    storage->watches[storage->watch_count++] = *watch;
}

/* ---- looking, without cost or trace ------------------------------------------------------------
 */

bool fake_storage_look(const struct fake_storage *storage,
                       uint32_t machine,
                       const char *path,
                       struct bytes *content)
{
    struct disk_place place;
    const struct file_system *fs = disk_file_system(storage->disk, machine, path);
    if (fs != NULL && file_system_find(fs, path, &place) == OK && place.inode != NULL &&
        !place.inode->directory) {
        *content = buf_bytes(&place.inode->content);
        return true;
    }
    const struct fake_object *object = objects_find(storage->objects, path + 1);
    if (object != NULL) {
        *content = bytes_of(object->data, object->size);
    }
    return object != NULL;
}

bool fake_storage_durable(const struct fake_storage *storage, uint32_t machine, const char *path)
{
    struct disk_place place;
    const struct file_system *fs = disk_file_system(storage->disk, machine, path);
    if (fs != NULL && file_system_find(fs, path, &place) == OK && place.inode != NULL) {
        return file_system_durable(fs, path);
    }
    return objects_find(storage->objects, path + 1) != NULL;
}

bool fake_storage_late(const struct fake_storage *storage)
{
    return storage->late;
}

struct each {
    fake_storage_file_fn file;
    void *context;
};

static void each_file(void *context, const char *path, struct disk_inode *inode)
{
    const struct each *each = context;
    each->file(each->context, path, buf_bytes(&inode->content));
}

static void
each_object(const struct fake_objects *objects, const char *path, const struct each *each)
{
    struct buf text = {0};
    buf_printf(&text, "%s/", path + 1);
    buf_byte(&text, '\0');
    size_t end = 0;
    size_t first = objects_prefix(objects, (const char *)text.data, &end);
    for (size_t i = first; i < end; i++) {
        buf_clear(&text);
        buf_printf(&text, "/%s", objects->items[i].key);
        buf_byte(&text, '\0');
        each->file(each->context,
                   (const char *)text.data,
                   bytes_of(objects->items[i].data, objects->items[i].size));
    }
    buf_free(&text);
}

void fake_storage_each(const struct fake_storage *storage,
                       uint32_t machine,
                       const char *path,
                       fake_storage_file_fn file,
                       void *context)
{
    struct each each = {.file = file, .context = context};
    struct disk_place place;
    const struct file_system *fs = disk_file_system(storage->disk, machine, path);
    if (fs != NULL && file_system_find(fs, path, &place) == OK && place.inode != NULL &&
        place.inode->directory) {
        directory_walk(place.inode, path, each_file, &each);
    }
    each_object(storage->objects, path, &each);
}

size_t fake_storage_handles(const struct fake_storage *storage, const struct sim_process *process)
{
    return disk_handles(storage->disk, process);
}
