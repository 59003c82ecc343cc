/* The registry of checks, and the dispatch of what they see: trace events, files that appear and
 * vanish, deaths. Nothing here draws, waits or changes the world. */
#include "sim/check/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"

const char *check_name(enum check_id check)
{
    static const char *const names[] = {
#define X(id, name, promise) [id] = (name),
        CHECK_TABLE(X)
#undef X
    };
    require(check < CHECK_COUNT);
    return names[check];
}

const char *check_promise(enum check_id check)
{
    static const char *const promises[] = {
#define X(id, name, promise) [id] = (promise),
        CHECK_TABLE(X)
#undef X
    };
    require(check < CHECK_COUNT);
    return promises[check];
}

/* ---- for the single checks */

void checks_count(struct checks *checks, enum check_id check)
{
    checks->evaluations[check]++;
}

void checks_fail(struct checks *checks, enum check_id check, const char *format, ...)
{
    char evidence[1000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(evidence, sizeof evidence, format, arguments);
    va_end(arguments);
    kernel_violate(checks->kernel, check_name(check), "%s", evidence);
}

bool checks_look(const struct checks *checks, const char *path, struct bytes *content)
{
    return fake_storage_look(checks->storage, checks->machine, path, content);
}

bool checks_durable(const struct checks *checks, const char *path)
{
    return fake_storage_durable(checks->storage, checks->machine, path);
}

const char *checkpoint_file(struct checks *checks, const char *folder, int64_t batch)
{
    return arena_printf(
        &checks->scratch, "%s/%s/%lld", checks->checkpoint, folder, (long long)batch);
}

struct check_query *checks_current(const struct checks *checks)
{
    return checks->current == CHECK_QUERY_NONE ? NULL : &checks->queries[checks->current];
}

static bool source_look(void *context, const char *path, struct bytes *content)
{
    return checks_look(context, path, content);
}

struct table_source checks_source(struct checks *checks)
{
    checks->cache.arena = &checks->kept;
    return (struct table_source){.look = source_look, .context = checks, .cache = &checks->cache};
}

struct check_driver *checks_driver_of(struct checks *checks, uint32_t process)
{
    for (size_t i = 0; i < CHECK_DRIVERS; i++) {
        if (process != 0 && checks->drivers[i].process == process) {
            return &checks->drivers[i];
        }
    }
    return NULL;
}

int64_t checks_readable_end(const struct checks *checks, size_t partition)
{
    return fake_broker_readable_end(checks->broker, checks->topic, (int32_t)partition);
}

int64_t checks_log_start(const struct checks *checks, size_t partition)
{
    return fake_broker_log_start(checks->broker, checks->topic, (int32_t)partition);
}

void *checks_room(void *items, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity) {
        return items;
    }
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    *capacity = more < count ? count : more;
    return heap_realloc(items, *capacity * size);
}

int64_t checks_retained(struct checks *checks, uint32_t process)
{
    enum { RETAIN_DEFAULT = 100 };
    /* An executor runs with its driver's options. */
    const struct check_driver *driver = checks_driver_of(checks, process);
    driver = driver == NULL ? &checks->drivers[0] : driver;
    const char *retain =
        oracle_option(checks->oracle, driver->overrides, "spark.sql.streaming.minBatchesToRetain");
    return retain == NULL ? RETAIN_DEFAULT : strtoll(retain, NULL, 10);
}

/* ---- driver starts */

static void driver_started(struct checks *checks, const struct trace_record *record)
{
    bool first = strcmp(record->text, "driver") == 0;
    if (!first && strcmp(record->text, "second driver") != 0) {
        return;
    }
    struct check_driver *driver = &checks->drivers[first ? 0 : 1];
    driver->process = record->process;
    driver->alive = true;
    driver->alone = true;
    driver->disturbed = false;
    driver->planned_batch = -1;
    for (size_t i = 0; i < checks->partition_count; i++) {
        driver->ends_at_start[i] = checks_readable_end(checks, i);
        driver->begins_at_start[i] = checks_log_start(checks, i);
    }
    damage_driver_started(checks);
}

static void driver_event(struct checks *checks, const struct trace_record *record)
{
    struct check_driver *driver = checks_driver_of(checks, record->process);
    if (record->kind == (int)WORLD_PROCESS_STARTED) {
        driver_started(checks, record);
    } else if (record->kind == (int)WORLD_FAULT && record->a >= 0 &&
               (size_t)record->a < checks->scenario->script.count) {
        const struct fault_event *event = &checks->scenario->script.events[record->a];
        bool second = event->target.kind == TARGET_SECOND_DRIVER;
        damage_fault(checks, event);
        if (event->verb == FAULT_START && event->set != NULL) {
            checks->drivers[second ? 1 : 0].overrides = event->set;
        }
    } else if (driver != NULL && (record->kind == (int)WORLD_PROCESS_KILLED ||
                                  record->kind == (int)WORLD_PROCESS_ENDED)) {
        driver->alive = false;
    }
}

/* ---- clean deaths */

static void process_gone(void *self, struct sim_process *process)
{
    struct checks *checks = self;
    struct process *previous = kernel_enter(checks->kernel);
    checks->gone = checks_room(
        checks->gone, &checks->gone_capacity, checks->gone_count + 1, sizeof(struct sim_process *));
    checks->gone[checks->gone_count++] = process;
    kernel_leave(checks->kernel, previous);
}

/* A victim that ran when it died leaves its stack before it is buried, so this looks later. */
static void clean_deaths(struct checks *checks)
{
    for (size_t i = 0; i < checks->gone_count; i++) {
        const struct sim_process *process = checks->gone[i];
        checks_count(checks, CHECK_CLEAN_DEATH);
        size_t handles = fake_storage_handles(checks->storage, process);
        if (!kernel_process_clean(process) || handles > 0) {
            checks_fail(checks,
                        CHECK_CLEAN_DEATH,
                        "%s (incarnation %u) is dead but holds %zu bytes and %zu file handles",
                        process->process.name,
                        process->process.incarnation,
                        process->process.heap.bytes,
                        handles);
        }
    }
    checks->gone_count = 0;
}

/* ---- what is seen */

/* These come in the middle of a crash: what it leaves is not settled yet. */
static bool part_of_a_crash(const struct trace_record *record)
{
    return record->kind == (int)WORLD_UNSYNCED_LOST || record->kind == (int)WORLD_MACHINE_DOWN ||
           record->kind == (int)WORLD_PROCESS_KILLED || record->kind == (int)WORLD_PROCESS_ENDED ||
           record->kind == (int)WORLD_RUN_ENDED || record->kind == (int)WORLD_FAULT ||
           record->kind == (int)WORLD_GAVE_UP ||
           (record->kind == (int)WORLD_PUBLISHED && record->process == 0);
}

static void after_crash(struct checks *checks)
{
    if (checks->crash_pending) {
        checks->crash_pending = false;
        checkpoint_after_crash(checks);
        state_after_crash(checks);
        sink_after_crash(checks);
    }
}

static void observe(void *context, const struct trace_record *record)
{
    struct checks *checks = context;
    if (record->kind == (int)WORLD_OPERATION) {
        return; /* most events, and nothing to learn */
    }
    struct process *previous = kernel_enter(checks->kernel);
    if (!part_of_a_crash(record)) {
        checks->lost_machine = -1;
        after_crash(checks);
    }
    if (record->kind == (int)WORLD_MACHINE_DOWN) {
        checks->lost_machine = record->b == 1 ? record->a : -1;
    }
    if (record->kind == (int)WORLD_PROCESS_STARTED) {
        clean_deaths(checks);
    }
    driver_event(checks, record);
    if (record->kind < (int)ENGINE_EVENT_COUNT || record->kind == (int)WORLD_RUN_ENDED) {
        checkpoint_event(checks, record);
        plan_event(checks, record);
        sink_event(checks, record);
    }
    liveness_event(checks, record);
    arena_reset(&checks->scratch);
    kernel_leave(checks->kernel, previous);
}

/* A storage watch runs on whoever's stack the operation came from: the work is done on the
 * thread's. */
struct change {
    struct checks *checks;
    const struct sim_process *by;
    const char *path;
    struct bytes content;
};

static void publish_on_thread_stack(void *argument)
{
    struct change *change = argument;
    struct checks *checks = change->checks;
    if (change->by != NULL) {
        after_crash(checks);
        damage_went_on(checks, change->path);
        damage_healed(checks, change->path);
    }
    checkpoint_published(checks, change->by, change->path, change->content);
    state_published(checks, change->by, change->path, change->content);
    sink_published(checks, change->by, change->path, change->content);
}

static void remove_on_thread_stack(void *argument)
{
    struct change *change = argument;
    struct checks *checks = change->checks;
    checks->crash_pending = checks->crash_pending || change->by == NULL;
    checkpoint_removed(checks, change->by, change->path);
    state_removed(checks, change->by, change->path);
    sink_removed(checks, change->by, change->path);
    if (change->by != NULL) {
        after_crash(checks); /* the file is gone: what is noted of it has to say so, and by whom */
    }
}

/* A checkpoint under /local is the one on its first writer's machine: another machine's file of the
 * same name is another file. */
static bool concerns(const struct checks *checks, const struct change *change)
{
    bool local = strncmp(change->path, "/local/", 7) == 0;
    bool elsewhere = local && checks->machine_known && change->by != NULL &&
                     change->by->machine != checks->machine;
    return !elsewhere;
}

static void seen(struct change *change, void (*handle)(void *argument))
{
    struct checks *checks = change->checks;
    if (!concerns(checks, change)) {
        return;
    }
    struct process *previous = kernel_enter(checks->kernel);
    fiber_on_thread_stack(handle, change);
    arena_reset(&checks->scratch);
    kernel_leave(checks->kernel, previous);
}

static void
published(void *context, const struct sim_process *by, const char *path, struct bytes content)
{
    struct change change = {.checks = context, .by = by, .path = path, .content = content};
    seen(&change, publish_on_thread_stack);
}

static void removed(void *context, const struct sim_process *by, const char *path)
{
    struct change change = {.checks = context, .by = by, .path = path};
    seen(&change, remove_on_thread_stack);
}

static void damaged(void *context, const char *path)
{
    checks_damaged(context, path);
}

/* ---- construction */

static const char *without_slash(const char *path)
{
    size_t size = path == NULL ? 0 : strlen(path);
    char *copy = heap_alloc(size + 1);
    memcpy(copy, path == NULL ? "" : path, size);
    while (size > 1 && copy[size - 1] == '/') {
        copy[--size] = 0;
    }
    return copy;
}

static void find_topic(struct checks *checks)
{
    const struct scenario *scenario = checks->scenario;
    for (size_t i = 0; i < scenario->topic_count; i++) {
        if (strcmp(scenario->topics[i].name, oracle_topic(checks->oracle)) == 0) {
            checks->topic = i;
            checks->partition_count = (size_t)scenario->topics[i].partitions;
        }
    }
}

static void read_pipeline(struct checks *checks)
{
    const struct oracle *oracle = checks->oracle;
    checks->checkpoint = without_slash(oracle_option(oracle, NULL, "checkpointLocation"));
    checks->table = without_slash(oracle_table(oracle));
    find_topic(checks);
    checks->log_changed_us = heap_alloc((checks->partition_count + 1) * sizeof(int64_t));
    for (size_t i = 0; i < checks->partition_count; i++) {
        checks->log_changed_us[i] = -1;
    }
    for (size_t i = 0; i < CHECK_DRIVERS; i++) {
        size_t size = (checks->partition_count + 1) * sizeof(int64_t);
        checks->drivers[i].ends_at_start = heap_alloc(size);
        checks->drivers[i].begins_at_start = heap_alloc(size);
        checks->drivers[i].planned_batch = -1;
    }
}

struct checks *checks_new(struct kernel *kernel,
                          const struct scenario *scenario,
                          struct fake_storage *storage,
                          struct fake_broker *broker,
                          const struct oracle *oracle)
{
    struct process *previous = kernel_enter(kernel);
    struct checks *checks = heap_alloc(sizeof *checks);
    *checks = (struct checks){.kernel = kernel,
                              .scenario = scenario,
                              .storage = storage,
                              .broker = broker,
                              .oracle = oracle == NULL ? oracle_new(scenario) : oracle,
                              .current = CHECK_QUERY_NONE,
                              .lost_machine = -1};
    checks->liveness.progress_us = kernel_now_us(kernel);
    const char *error = oracle_error(checks->oracle);
    if (error == NULL) {
        read_pipeline(checks);
    }
    kernel_leave(kernel, previous);
    if (error != NULL) {
        checks_fail(checks, CHECK_ORACLE_ROWS, "the oracle cannot read the pipeline: %s", error);
        return checks;
    }
    kernel_observe(kernel, observe, checks);
    fake_storage_observe(storage,
                         &(struct fake_storage_watch){
                             .context = checks,
                             .published = published,
                             .removed = removed,
                             .damaged = damaged,
                         });
    kernel_add_fake(kernel, &(struct kernel_fake){.self = checks, .process_gone = process_gone});
    return checks;
}

static void end_on_thread_stack(void *argument)
{
    struct checks *checks = argument;
    after_crash(checks);
    clean_deaths(checks);
    damage_end(checks);
    checkpoint_end(checks);
    delivery_end(checks);
    ledger_end(checks);
    log_changes_end(checks);
}

void checks_end_caught_up(struct checks *checks)
{
    if (oracle_error(checks->oracle) != NULL) {
        return;
    }
    checks_count(checks, CHECK_ORACLE_RANGES);
    if (!checks_settled(checks)) {
        checks_fail(checks,
                    CHECK_ORACLE_RANGES,
                    "by its logs the query has read everything, but %lld readable records are in "
                    "no batch of the table%s",
                    (long long)checks_lag(checks),
                    !checks_caught_up(checks)   ? ""
                    : stream_owes_batch(checks) ? ", and the watermark asks for one more batch"
                                                : ", and its last batch has no commits/N");
    }
}

void checks_end(struct checks *checks)
{
    if (oracle_error(checks->oracle) != NULL) {
        return;
    }
    struct process *previous = kernel_enter(checks->kernel);
    fiber_on_thread_stack(end_on_thread_stack, checks);
    arena_free(&checks->scratch);
    kernel_leave(checks->kernel, previous);
}

/* ---- questions */

uint64_t checks_evaluations(const struct checks *checks, enum check_id check)
{
    require(check < CHECK_COUNT);
    return checks->evaluations[check];
}

int64_t checks_lag(const struct checks *checks)
{
    int64_t lag = 0;
    for (size_t i = 0; i < checks->partition_count; i++) {
        int64_t committed = checks_log_start(checks, i);
        bool planned = ledger_committed_end(checks, i, &committed);
        maybe(planned);
        int64_t end = checks_readable_end(checks, i);
        lag += end > committed ? end - committed : 0;
    }
    return lag;
}

bool checks_caught_up(const struct checks *checks)
{
    int64_t ignored = 0;
    bool planned = checks->partition_count > 0 && ledger_committed_end(checks, 0, &ignored);
    return planned && checks_lag(checks) == 0;
}

bool checks_settled(const struct checks *checks)
{
    const struct check_query *query = checks_current(checks);
    int64_t last = ledger_last_batch(checks, checks->current);
    const struct check_batch *batch = query == NULL ? NULL : query_batch(query, last);
    bool committed = batch == NULL || batch->commit_present;
    return checks_caught_up(checks) && committed && !stream_owes_batch(checks);
}

int64_t checks_rows_out(const struct checks *checks)
{
    int64_t rows = 0;
    for (size_t i = 0; i < checks->version_count; i++) {
        rows += checks->versions[i].present ? (int64_t)checks->versions[i].rows : 0;
    }
    return rows;
}
