/* The fake object store, as S3 is since 2024 (delta-parquet-storage 5.3).
 *
 * THE FAULT MODEL
 *
 * One flat, sorted set of keys for the whole world. A put replaces a whole object at one moment;
 * readers see the old one or the new one. Put-if-absent has one winner a key; everybody else is
 * told ERR_EXISTS, also who won by an earlier request whose answer was lost. Reads and lists are
 * strong: they see every put that took effect before theirs. What took effect is durable; no crash
 * takes it back.
 *
 * A request takes half of its latency to get there, takes effect at that moment, and its answer
 * takes the other half. So a process that dies during a request leaves it undone in the first half
 * and done in the second; one that is paused has sent nothing until it goes on.
 *
 * Faults: a request fails with a status and no effect (throttling, an I/O error); or its answer is
 * lost: the caller waits until its request times out and knows nothing (ERR_UNKNOWN for what
 * changes something, ERR_TIMEOUT for what reads). Whether it took effect, and how much later, is
 * the fault's word. With noise on, half of those that take effect do so late, up to ten seconds
 * after the caller gave up, maybe after its death: a request that the caller has already sent a
 * second time.
 *
 * Not modelled: multipart uploads, eventual lists, clones of S3 that ignore conditions. */
#include "sim/fakes/objects.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "sim/fakes/disk_files.h"
#include "sim/kernel/costs.h"

static const int64_t request_timeout_us = 5 * US_PER_SECOND;
static const int64_t late_us_max = 10 * US_PER_SECOND;

struct fake_objects *fake_objects_new(struct fake_storage *storage)
{
    struct fake_objects *objects = heap_alloc(sizeof *objects);
    objects->storage = storage;
    objects->kernel = storage->kernel;
    return objects;
}

/* ---- the set of objects; as the world ---------------------------------------------------------
 */

/* The first object whose key is not below `key`. */
static size_t lower_bound(const struct fake_objects *objects, const char *key)
{
    size_t low = 0;
    size_t high = objects->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(objects->items[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct fake_object *objects_find(const struct fake_objects *objects, const char *key)
{
    size_t at = lower_bound(objects, key);
    bool found = at < objects->count && strcmp(objects->items[at].key, key) == 0;
    return found ? &objects->items[at] : NULL;
}

size_t objects_prefix(const struct fake_objects *objects, const char *prefix, size_t *end)
{
    size_t first = lower_bound(objects, prefix);
    *end = first;
    while (*end < objects->count &&
           strncmp(objects->items[*end].key, prefix, strlen(prefix)) == 0) {
        (*end)++;
    }
    return first;
}

/* The path that a watch hears of. The caller frees it. */
static char *path_of(const char *key)
{
    size_t size = strlen(key) + 1;
    char *path = heap_alloc(size + 1);
    path[0] = '/';
    memcpy(path + 1, key, size);
    return path;
}

static struct fake_object *insert(struct fake_objects *objects, const char *key)
{
    size_t at = lower_bound(objects, key);
    if (objects->count == objects->capacity) {
        objects->capacity = objects->capacity == 0 ? 64 : 2 * objects->capacity;
        objects->items = heap_realloc(objects->items, objects->capacity * sizeof *objects->items);
    }
    memmove(objects->items + at + 1,
            objects->items + at,
            (objects->count - at) * sizeof *objects->items);
    objects->count++;
    objects->items[at] = (struct fake_object){.key = text_copy(key)};
    return &objects->items[at];
}

struct request {
    struct fake_objects *objects;
    const struct sim_process *process; /* who sent it */
    const char *key;
    struct bytes content;
    bool if_absent;
    bool removes;
};

static void apply_remove(const struct request *request)
{
    struct fake_objects *objects = request->objects;
    size_t at = lower_bound(objects, request->key);
    if (at == objects->count || strcmp(objects->items[at].key, request->key) != 0) {
        return;
    }
    heap_free(objects->items[at].key);
    heap_free(objects->items[at].data);
    objects->count--;
    memmove(objects->items + at,
            objects->items + at + 1,
            (objects->count - at) * sizeof *objects->items);
    char *path = path_of(request->key);
    storage_removed(objects->storage, request->process, path);
    heap_free(path);
}

/* The moment at which a request that changes something takes effect. */
static enum status apply(const struct request *request)
{
    struct fake_objects *objects = request->objects;
    if (request->removes) {
        apply_remove(request);
        return OK;
    }
    const struct fake_object *found = objects_find(objects, request->key);
    if (found != NULL && request->if_absent) {
        return ERR_EXISTS;
    }
    struct fake_object *object =
        found == NULL ? insert(objects, request->key) : &objects->items[found - objects->items];
    heap_free(object->data);
    object->size = request->content.size;
    object->data = heap_alloc(object->size);
    if (object->size > 0) {
        memcpy(object->data, request->content.data, object->size);
    }
    object->modified_us = kernel_now_us(objects->kernel);
    char *path = path_of(request->key);
    storage_published(objects->storage, request->process, path, request->content);
    heap_free(path);
    return OK;
}

/* ---- requests that arrive late ----------------------------------------------------------------
 */

struct late {
    struct request request;
    char *key; /* its own copies: the sender may be dead by then */
    uint8_t *data;
};

static void arrive(void *context, uint64_t argument)
{
    struct late *late = context;
    struct kernel *kernel = late->request.objects->kernel;
    (void)argument;
    struct process *previous = kernel_enter(kernel);
    struct fake_storage *storage = late->request.objects->storage;
    storage->late = true;
    enum status unheard = apply(&late->request);
    maybe(unheard == OK);
    storage->late = false;
    heap_free(late->key);
    heap_free(late->data);
    heap_free(late);
    kernel_leave(kernel, previous);
}

static void send_late(const struct request *request, int64_t time_us)
{
    struct kernel *kernel = request->objects->kernel;
    struct process *previous = kernel_enter(kernel);
    struct late *late = heap_alloc(sizeof *late);
    late->request = *request;
    late->key = text_copy(request->key);
    late->data = heap_alloc(request->content.size);
    if (request->content.size > 0) {
        memcpy(late->data, request->content.data, request->content.size);
    }
    late->request.key = late->key;
    late->request.content.data = late->data;
    kernel_at(kernel, time_us, arrive, late, 0);
    kernel_leave(kernel, previous);
}

/* ---- the port ------------------------------------------------------------------------------- */

struct call {
    struct fake_objects *objects;
    struct sim_process *process;
    const char *operation;
    const char *key;
    struct operation_fault fault;
    int64_t cost_us;
};

/* The request is on its way, and arrives. */
static struct call
begin(void *self, const char *operation, const char *key, enum cost_kind kind, int64_t units)
{
    struct fake_objects *objects = self;
    require(key[0] != '/');
    struct call call = {.objects = objects,
                        .process = kernel_current(objects->kernel),
                        .operation = operation,
                        .key = key};
    call.fault = kernel_operation_before(objects->kernel, "objects", operation, key);
    call.cost_us = kernel_cost_us(objects->kernel, call.process, kind, units) + call.fault.delay_us;
    kernel_wait(objects->kernel, call.cost_us / 2);
    return call;
}

/* The answer is on its way, and arrives; or the caller gives up waiting for it. */
static enum status end(struct call *call, enum status status, enum status when_lost)
{
    int64_t rest_us = call->cost_us - call->cost_us / 2;
    if (call->fault.effect == OPERATION_FAILS) {
        status = call->fault.status;
    } else if (call->fault.effect == OPERATION_LOSES_REPLY) {
        status = when_lost;
        rest_us += request_timeout_us;
    }
    kernel_wait(call->objects->kernel, rest_us);
    kernel_operation_after(call->objects->kernel, "objects", call->operation, call->key);
    return status;
}

/* What the fault lets happen of a request that changes something, now or late. */
static enum status change(const struct call *call, const struct request *request)
{
    struct kernel *kernel = call->objects->kernel;
    bool lost = call->fault.effect == OPERATION_LOSES_REPLY;
    if (call->fault.effect == OPERATION_FAILS || (lost && !call->fault.applied)) {
        return OK; /* nobody hears this */
    }
    if (lost && call->fault.late_us > 0) {
        send_late(request, kernel_now_us(kernel) + call->fault.late_us);
        return OK;
    }
    uint64_t actor = kernel_actor(call->process);
    uint64_t now_us = (uint64_t)kernel_now_us(kernel);
    if (lost && kernel_noise(kernel) &&
        kernel_chance(kernel, "objects.late", actor, hash_text(call->key), now_us, 1, 2)) {
        uint64_t drawn =
            kernel_draw(kernel, "objects.late-us", actor, hash_text(call->key), now_us);
        send_late(request,
                  kernel_now_us(kernel) + request_timeout_us +
                      (int64_t)(drawn % (uint64_t)late_us_max));
        return OK;
    }
    struct process *previous = kernel_enter(kernel);
    enum status status = apply(request);
    kernel_leave(kernel, previous);
    return status;
}

static enum status put(void *self, const char *key, struct bytes content, bool if_absent)
{
    const char *operation = if_absent ? "put_if_absent" : "put";
    struct call call =
        begin(self, operation, key, COST_OBJECT_PUT, storage_logical_size(key, content.size));
    struct request request = {.objects = call.objects,
                              .process = call.process,
                              .key = key,
                              .content = content,
                              .if_absent = if_absent};
    enum status status = change(&call, &request);
    return end(&call, status, ERR_UNKNOWN);
}

static enum status objects_fake_put_if_absent(void *self, const char *key, struct bytes content)
{
    return put(self, key, content, true);
}

static enum status objects_fake_put(void *self, const char *key, struct bytes content)
{
    return put(self, key, content, false);
}

static enum status objects_fake_remove(void *self, const char *key)
{
    struct call call = begin(self, "remove", key, COST_OBJECT_REMOVE, 0);
    struct request request = {
        .objects = call.objects, .process = call.process, .key = key, .removes = true};
    enum status status = change(&call, &request);
    return end(&call, status, ERR_UNKNOWN);
}

static int64_t size_of(const struct fake_objects *objects, const char *key)
{
    const struct fake_object *object = objects_find(objects, key);
    return object == NULL ? 0 : storage_logical_size(key, object->size);
}

static enum status
objects_fake_get(void *self, const char *key, struct arena *arena, struct bytes *object)
{
    struct call call = begin(self, "get", key, COST_OBJECT_GET, size_of(self, key));
    const struct fake_object *found = objects_find(self, key);
    enum status status = found == NULL ? ERR_NOT_FOUND : OK;
    *object = (struct bytes){0};
    if (found != NULL && call.fault.effect == OPERATION_OK) {
        *object = bytes_of(arena_copy(arena, found->data, found->size), found->size);
    }
    return end(&call, status, ERR_TIMEOUT);
}

static int64_t count_of(const struct fake_objects *objects, const char *prefix)
{
    size_t end_at = 0;
    size_t first = objects_prefix(objects, prefix, &end_at);
    return (int64_t)(end_at - first);
}

static enum status objects_fake_list(void *self,
                                     const char *prefix,
                                     struct arena *arena,
                                     struct object_entry **entries,
                                     size_t *count)
{
    struct call call = begin(self, "list", prefix, COST_OBJECT_LIST, count_of(self, prefix));
    *entries = NULL;
    *count = 0;
    if (call.fault.effect == OPERATION_OK) {
        size_t end_at = 0;
        size_t first = objects_prefix(self, prefix, &end_at);
        *entries = arena_alloc(arena, (end_at - first) * sizeof **entries);
        for (size_t i = first; i < end_at; i++) {
            const struct fake_object *object = &call.objects->items[i];
            (*entries)[(*count)++] = (struct object_entry){.key = arena_strdup(arena, object->key),
                                                           .size = object->size,
                                                           .modified_us = object->modified_us};
        }
        storage_listed(call.objects->storage, call.process, prefix);
    }
    return end(&call, OK, ERR_TIMEOUT);
}

const struct objects_ops fake_objects_ops = {
    .get = objects_fake_get,
    .put_if_absent = objects_fake_put_if_absent,
    .put = objects_fake_put,
    .list = objects_fake_list,
    .remove = objects_fake_remove,
};
