/* For tests of the sink: ports over memory whose answers follow a script, so that each branch of
 * the commit loop is taken on purpose. Objects and files share one list of names. */
#ifndef ENGINE_SINK_DELTA_TEST_WORLD_H
#define ENGINE_SINK_DELTA_TEST_WORLD_H

#include <stdio.h>

#include <criterion/criterion.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/checkpoint/store.h"

enum { WORLD_FILES_MAX = 64, WORLD_STEPS_MAX = 64 };

enum put_effect {
    PUT_AS_ASKED,
    PUT_UNKNOWN_APPLIED, /* it happened, the answer was lost */
    PUT_UNKNOWN_LOST,    /* it never happened */
    PUT_UNKNOWN_LATE,    /* it happens when the next put arrives */
    PUT_THROTTLED,
    PUT_NOT_DURABLE,
    PUT_NO_SPACE
};

struct world;

/* One step a conditional put; `before` runs first: a rival that is faster. */
struct put_step {
    enum put_effect effect;
    void (*before)(struct world *world);
};

struct world_file {
    char path[192];
    struct buf content;
};

struct world {
    struct ports ports;
    struct store *store;
    int64_t now_us;
    int64_t rows_spent;
    int64_t bytes_spent;

    struct world_file files[WORLD_FILES_MAX];
    size_t file_count;

    struct put_step steps[WORLD_STEPS_MAX]; /* beyond them: as asked */
    size_t puts;                            /* conditional puts so far */
    uint64_t put_hashes[WORLD_STEPS_MAX];   /* of path and bytes of each */
    struct world_file late;                 /* on its way */
    unsigned stale_lists;                   /* so many lists still lack the newest file */
    unsigned reads;
    unsigned directory_syncs;
    bool directory_sync_fails;
};

static struct world_file *world_find(struct world *world, const char *path)
{
    for (size_t i = 0; i < world->file_count; i++) {
        if (strcmp(world->files[i].path, path) == 0) {
            return &world->files[i];
        }
    }
    return NULL;
}

static struct world_file *world_put(struct world *world, const char *path, struct bytes content)
{
    struct world_file *file = world_find(world, path);
    if (file == NULL) {
        cr_assert(world->file_count < WORLD_FILES_MAX);
        file = &world->files[world->file_count++];
        *file = (struct world_file){0};
        (void)snprintf(file->path, sizeof file->path, "%s", path);
    }
    buf_clear(&file->content);
    buf_append(&file->content, content.data, content.size);
    return file;
}

static void world_remove(struct world *world, const char *path)
{
    struct world_file *file = world_find(world, path);
    if (file != NULL) {
        buf_free(&file->content);
        *file = world->files[--world->file_count];
    }
}

/* ---- clock and draws ------------------------------------------------------------------------ */

static int64_t world_now(void *self)
{
    return ((struct world *)self)->now_us;
}

static void world_sleep(void *self, int64_t time_us)
{
    struct world *world = self;
    world->now_us = time_us > world->now_us ? time_us : world->now_us;
}

static void world_spend(void *self, int64_t rows, int64_t bytes)
{
    struct world *world = self;
    cr_assert(rows <= SPEND_ROWS_MAX);
    world->rows_spent += rows;
    world->bytes_spent += bytes;
}

static uint64_t world_draw(void *self, const char *label, uint64_t key1, uint64_t key2)
{
    (void)self;
    return hash_chain(hash_chain(hash_text(label), key1), key2);
}

/* ---- objects: keys are paths without their '/' ----------------------------------------------- */

static enum status
object_get(void *self, const char *key, struct arena *arena, struct bytes *object)
{
    struct world *world = self;
    char path[192];
    (void)snprintf(path, sizeof path, "/%s", key);
    world->reads++;
    struct world_file *file = world_find(world, path);
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    *object =
        bytes_of(arena_copy(arena, file->content.data, file->content.size), file->content.size);
    return OK;
}

static void land_late(struct world *world)
{
    if (world->late.path[0] != '\0' && world_find(world, world->late.path) == NULL) {
        world_put(world, world->late.path, buf_bytes(&world->late.content));
    }
    buf_free(&world->late.content);
    world->late.path[0] = '\0';
}

static enum status object_put_if_absent(void *self, const char *key, struct bytes object)
{
    struct world *world = self;
    char path[192];
    (void)snprintf(path, sizeof path, "/%s", key);
    cr_assert(world->puts < WORLD_STEPS_MAX);
    struct put_step step = world->steps[world->puts];
    world->put_hashes[world->puts++] =
        hash_chain(hash_text(path), hash_bytes(object.data, object.size));
    land_late(world);
    if (step.before != NULL) {
        step.before(world);
    }
    bool free_name = world_find(world, path) == NULL;
    switch (step.effect) {
    case PUT_UNKNOWN_LOST:
        return ERR_UNKNOWN;
    case PUT_THROTTLED:
        return ERR_THROTTLED;
    case PUT_NO_SPACE:
        return ERR_NO_SPACE;
    case PUT_UNKNOWN_LATE:
        (void)snprintf(world->late.path, sizeof world->late.path, "%s", path);
        buf_append(&world->late.content, object.data, object.size);
        return ERR_UNKNOWN;
    case PUT_AS_ASKED:
    case PUT_UNKNOWN_APPLIED:
    case PUT_NOT_DURABLE:
        break;
    }
    if (free_name) {
        world_put(world, path, object);
    }
    if (step.effect == PUT_UNKNOWN_APPLIED) {
        return ERR_UNKNOWN;
    }
    if (!free_name) {
        return ERR_EXISTS;
    }
    return step.effect == PUT_NOT_DURABLE ? ERR_NOT_DURABLE : OK;
}

static enum status object_put(void *self, const char *key, struct bytes object)
{
    char path[192];
    (void)snprintf(path, sizeof path, "/%s", key);
    world_put(self, path, object);
    return OK;
}

static enum status object_list(void *self,
                               const char *prefix,
                               struct arena *arena,
                               struct object_entry **entries,
                               size_t *count)
{
    struct world *world = self;
    size_t files = world->file_count;
    if (world->stale_lists > 0 && files > 0) {
        world->stale_lists--;
        files--;
    }
    *entries = arena_alloc(arena, (files + 1) * sizeof **entries);
    *count = 0;
    for (size_t i = 0; i < files; i++) {
        const char *key = world->files[i].path + 1;
        if (strncmp(key, prefix, strlen(prefix)) == 0) {
            (*entries)[(*count)++] = (struct object_entry){.key = arena_strdup(arena, key)};
        }
    }
    return OK;
}

static enum status object_remove(void *self, const char *key)
{
    char path[192];
    (void)snprintf(path, sizeof path, "/%s", key);
    world_remove(self, path);
    return OK;
}

/* ---- files: a descriptor is an index, names never move while one is open --------------------- */

static enum status file_open(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    struct world *world = self;
    struct world_file *file = world_find(world, path);
    if (mode == DISK_READ && file == NULL) {
        return ERR_NOT_FOUND;
    }
    if (mode == DISK_CREATE_NEW && file != NULL) {
        return ERR_EXISTS;
    }
    if (file == NULL) {
        file = world_put(world, path, bytes_of(NULL, 0));
    }
    *fd = (disk_fd)(file - world->files);
    return OK;
}

static enum status
file_write(void *self, disk_fd fd, const void *data, size_t size, size_t *written)
{
    buf_append(&((struct world *)self)->files[fd].content, data, size);
    *written = size;
    return OK;
}

static enum status
file_read(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    const struct buf *content = &((struct world *)self)->files[fd].content;
    *got = at >= content->size ? 0 : content->size - at;
    *got = *got > size ? size : *got;
    memcpy(data, content->data + at, *got);
    return OK;
}

static enum status file_size(void *self, disk_fd fd, uint64_t *size)
{
    *size = ((struct world *)self)->files[fd].content.size;
    return OK;
}

static enum status file_ok(void *self, disk_fd fd)
{
    (void)self;
    (void)fd;
    return OK;
}

static enum status file_rename(void *self, const char *from, const char *to, bool no_replace)
{
    struct world *world = self;
    struct world_file *file = world_find(world, from);
    cr_assert(no_replace);
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    if (world_find(world, to) != NULL) {
        return ERR_EXISTS;
    }
    (void)snprintf(file->path, sizeof file->path, "%s", to);
    return OK;
}

static enum status file_unlink(void *self, const char *path)
{
    world_remove(self, path);
    return OK;
}

static enum status file_mkdir(void *self, const char *path)
{
    (void)self;
    (void)path;
    return OK;
}

static enum status file_list(void *self,
                             const char *directory,
                             struct arena *arena,
                             struct disk_entry **entries,
                             size_t *count)
{
    struct world *world = self;
    size_t size = strlen(directory);
    *entries = arena_alloc(arena, (world->file_count + 1) * sizeof **entries);
    *count = 0;
    for (size_t i = 0; i < world->file_count; i++) {
        const char *path = world->files[i].path;
        if (strncmp(path, directory, size) == 0 && path[size] == '/' &&
            strchr(path + size + 1, '/') == NULL) {
            (*entries)[(*count)++] =
                (struct disk_entry){.name = arena_strdup(arena, path + size + 1)};
        }
    }
    return OK;
}

static enum status file_fsync_dir(void *self, const char *directory)
{
    struct world *world = self;
    if (strstr(directory, "_delta_log") == NULL) {
        return OK;
    }
    world->directory_syncs++;
    return world->directory_sync_fails ? ERR_IO : OK;
}

/* ---- the world ------------------------------------------------------------------------------ */

static struct world *world_new(enum store_kind kind)
{
    static const struct clock_ops clock = {world_now, world_sleep, world_spend};
    static const struct random_ops random = {world_draw};
    static const struct objects_ops objects = {
        object_get, object_put_if_absent, object_put, object_list, object_remove};
    static const struct disk_ops disk = {
        .open = file_open,
        .write = file_write,
        .read = file_read,
        .size = file_size,
        .fsync = file_ok,
        .close = file_ok,
        .rename = file_rename,
        .unlink = file_unlink,
        .mkdir = file_mkdir,
        .list = file_list,
        .fsync_dir = file_fsync_dir,
    };
    struct world *world = heap_alloc(sizeof *world);
    world->now_us = INT64_C(978307200000000);
    world->ports.clock = (struct clock_port){&clock, world};
    world->ports.random = (struct random_port){&random, world};
    world->ports.objects = (struct objects_port){&objects, world};
    world->ports.disk = (struct disk_port){&disk, world};
    world->store = store_new(&world->ports, kind);
    return world;
}

#endif
