/* Which faults a seed has: first the kinds, then how many, then each one's kind, victim and anchor.
 */
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "faults/kind.h"
#include "sim/search/vary_internal.h"

enum { OPERATIONS_MAX = 120, SLOW_MAX_S = 10, KINDS_SHARES = 8, TEXT_SIZE = 48 };

struct drawing {
    const struct scenario *base;
    uint64_t seed;
    const struct vary_surroundings *surroundings;
    uint64_t fault; /* which of the seed's */
};

static uint64_t draw(const struct drawing *drawing, const char *label, uint64_t count)
{
    return vary_draw(drawing->seed, label, drawing->fault, count);
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

/* Take `wanted` of the kinds, each as likely: those with the smallest keys. */
static size_t
choose_kinds(uint64_t seed, const enum fault_kind *kinds, size_t count, size_t wanted, bool *chosen)
{
    size_t taken = 0;
    while (taken < wanted && taken < count) {
        size_t best = count;
        uint64_t best_key = UINT64_MAX;
        for (size_t i = 0; i < count; i++) {
            uint64_t key = vary_draw(seed, "vary.kind", (uint64_t)kinds[i], UINT64_C(1) << 32);
            if (!chosen[kinds[i]] && key < best_key) {
                best = i;
                best_key = key;
            }
        }
        require(best < count);
        chosen[kinds[best]] = true;
        taken++;
    }
    return taken;
}

/* The kinds that this seed has: `chosen` of those that the file allows. */
static size_t draw_kinds(const struct drawing *drawing, enum fault_kind out[FAULT_KIND_COUNT])
{
    const struct fault_surroundings here = {
        .objects = drawing->base->cluster.storage == STORE_OBJECTS,
        .replicated = scenario_replicated(drawing->base),
    };
    enum fault_kind allowed[FAULT_KIND_COUNT];
    size_t count = 0;
    for (int kind = 0; kind < FAULT_KIND_COUNT; kind++) {
        if (drawing->base->vary.kinds[kind] && fault_kind_fits((enum fault_kind)kind, &here)) {
            allowed[count++] = (enum fault_kind)kind;
        }
    }
    bool chosen[FAULT_KIND_COUNT] = {false};
    uint64_t share = vary_draw(drawing->seed, "vary.kinds", 0, KINDS_SHARES);
    if (share < 5) {
        (void)choose_kinds(drawing->seed,
                           allowed,
                           count,
                           share == 0  ? 0
                           : share < 3 ? 1
                                       : 2,
                           chosen);
    } else {
        for (size_t i = 0; i < count; i++) {
            chosen[allowed[i]] =
                vary_draw(drawing->seed, "vary.kind.on", (uint64_t)allowed[i], 2) == 0;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (chosen[allowed[i]]) {
            out[kept++] = allowed[i];
        }
    }
    return kept;
}

/* ---- when -------------------------------------------------------------------------------------
 */

/* Will a run of this pipeline pass here? Stages, blocks and state are of aggregations only. */
static bool is_passed(const struct drawing *drawing, enum failpoint point)
{
    static const char *const stateful[] = {
        "stage.", "shuffle.", "fetch.", "state.", "maintenance."};
    const char *name = failpoint_info(point)->name;
    if (point == FP_STATE_UPLOADED && !drawing->surroundings->rocksdb) {
        return false;
    }
    for (size_t i = 0; i < sizeof stateful / sizeof *stateful; i++) {
        if (strncmp(name, stateful[i], strlen(stateful[i])) == 0) {
            return drawing->base->plan->aggregation != NULL;
        }
    }
    return true;
}

static enum failpoint draw_point(const struct drawing *drawing, enum process_role role)
{
    enum failpoint points[FAILPOINT_COUNT];
    size_t count = 0;
    for (int i = 0; i < FAILPOINT_COUNT; i++) {
        enum failpoint point = (enum failpoint)i;
        if (failpoint_info(point)->role == role && is_passed(drawing, point)) {
            points[count++] = point;
        }
    }
    require(count > 0);
    return points[draw(drawing, "vary.point", count)];
}

static json_t *at_point(const struct drawing *drawing, enum process_role role)
{
    enum failpoint point = draw_point(drawing, role);
    const char *name = failpoint_info(point)->name;
    json_t *at = json_pack("{s:s}", "point", name);
    require(at != NULL);
    if (strncmp(name, "recovery.", 9) == 0) { /* of no batch: of the first start or the second */
        json_int_t nth = 1 + (json_int_t)draw(drawing, "vary.nth", 2);
        (void)json_object_set_new(at, "nth", json_integer(nth));
    } else {
        uint64_t batches = (uint64_t)drawing->base->vary.batches;
        json_int_t batch = (json_int_t)draw(drawing, "vary.batch", batches);
        (void)json_object_set_new(at, "batch", json_integer(batch));
    }
    return at;
}

static json_t *at_time(const struct drawing *drawing)
{
    uint64_t until_ms = (uint64_t)(drawing->base->vary.until_us / US_PER_MS);
    char text[TEXT_SIZE];
    (void)snprintf(text,
                   sizeof text,
                   "%llums",
                   (unsigned long long)draw(drawing, "vary.time", until_ms > 0 ? until_ms : 1));
    return json_pack("{s:s}", "time", text);
}

static json_t *
at_operation(const struct drawing *drawing, const char *operation, const char *path, uint64_t nths)
{
    json_int_t nth = 1 + (json_int_t)draw(drawing, "vary.nth", nths);
    return json_pack("{s:s, s:s, s:I}", "operation", operation, "path", path, "nth", nth);
}

/* Of a process: half of them at a point, else at a time, or before or after a storage operation. */
static json_t *draw_anchor(const struct drawing *drawing, enum process_role role)
{
    uint64_t which = draw(drawing, "vary.anchor", 4);
    if (which < 2) {
        return at_point(drawing, role);
    }
    if (which == 2) {
        return at_time(drawing);
    }
    json_t *at = at_operation(drawing, "any", "*", OPERATIONS_MAX);
    if (draw(drawing, "vary.after", 2) == 0) {
        (void)json_object_set_new(at, "when", json_string("after"));
    }
    return at;
}

/* ---- one fault --------------------------------------------------------------------------------
 */

static void set_text(json_t *event, const char *key, const char *text)
{
    int done = json_object_set_new(event, key, json_string(text));
    require(done == 0);
}

/* The names of all that a batch must have made durable, one at a time. */
static json_t *draw_reply(const struct drawing *drawing)
{
    static const char *const paths[] = {"*offsets/*", "*commits/*", "*_delta_log/*"};
    const char *path = paths[draw(drawing, "vary.path", sizeof paths / sizeof *paths)];
    return at_operation(drawing, "put_if_absent", path, (uint64_t)drawing->base->vary.batches);
}

/* What tasks and maintenance write of the state; not what the driver does, whose error ends the
 * query. So many are written in a batch, or there about. */
static const struct {
    const char *path;
    uint64_t a_batch;
    bool rocksdb; /* there alone */
} state_writes[] = {
    {"*/state/*.{delta}*", 4, false},
    {"*/state/*.{snapshot}*", 1, false},
    {"*/SSTs/*", 2, true},
    {"/local/*/state/*", 8, true},
};

static json_t *draw_state_write(const struct drawing *drawing, const char *operation)
{
    size_t count = sizeof state_writes / sizeof *state_writes;
    while (!drawing->surroundings->rocksdb && state_writes[count - 1].rocksdb) {
        count--;
    }
    size_t which = draw(drawing, "vary.write.path", count);
    uint64_t batches = (uint64_t)drawing->base->vary.batches;
    return at_operation(
        drawing, operation, state_writes[which].path, state_writes[which].a_batch * batches);
}

/* Of a task's output or its state: the attempt fails and another one runs; what maintenance could
 * not write it writes later. */
static json_t *draw_write(const struct drawing *drawing)
{
    bool objects = drawing->base->cluster.storage == STORE_OBJECTS;
    const char *operation = objects ? "put" : "write";
    bool stateful = drawing->base->plan->aggregation != NULL;
    return stateful && draw(drawing, "vary.write", 2) == 0
               ? draw_state_write(drawing, operation)
               : at_operation(
                     drawing, operation, "*/*part-*", 2 * (uint64_t)drawing->base->vary.batches);
}

static void draw_storage_fault(const struct drawing *drawing, enum fault_verb verb, json_t *event)
{
    json_t *at = NULL;
    set_text(event, "target", "storage");
    if (verb == FAULT_IO_ERROR || verb == FAULT_DISK_FULL) {
        at = draw_write(drawing);
    } else if (verb == FAULT_THROTTLE) {
        at = at_operation(drawing, "any", "*", OPERATIONS_MAX);
        (void)json_object_set_new(
            event, "times", json_integer(1 + (json_int_t)draw(drawing, "vary.times", 4)));
    } else if (verb == FAULT_LOST_REPLY) {
        at = draw_reply(drawing);
        (void)json_object_set_new(
            event, "applied", json_boolean(draw(drawing, "vary.applied", 2) == 0));
    } else {
        at = at_operation(drawing, "any", "*", OPERATIONS_MAX);
    }
    require(at != NULL);
    (void)json_object_set_new(event, "at", at);
}

static void draw_machine_fate(const struct drawing *drawing, json_t *event)
{
    static const char *const fates[] = {"drawn", "drawn", "kept", "dropped", "cut", "garbled"};
    set_text(event, "unsynced", fates[draw(drawing, "vary.fate", sizeof fates / sizeof *fates)]);
}

static void draw_process_fault(const struct drawing *drawing, enum target_kind kind, json_t *event)
{
    bool of_driver = kind == TARGET_DRIVER || kind == TARGET_DRIVER_MACHINE;
    bool indexed = kind == TARGET_EXECUTOR || kind == TARGET_EXECUTOR_MACHINE;
    struct target target = {.kind = kind};
    char text[TARGET_TEXT_SIZE];
    json_t *at = NULL;
    if (kind == TARGET_BROKER) {
        target.index = 1 + (uint32_t)draw(drawing, "vary.broker", drawing->surroundings->brokers);
        at = draw(drawing, "vary.anchor", 2) == 0 ? at_time(drawing)
                                                  : at_point(drawing, ROLE_DRIVER);
    } else {
        at = draw_anchor(drawing, of_driver ? ROLE_DRIVER : ROLE_EXECUTOR);
    }
    if (indexed) {
        target.index =
            1 + (uint32_t)draw(drawing, "vary.executor", drawing->surroundings->executors);
    }
    require(at != NULL);
    target_format(target, text);
    set_text(event, "target", text);
    (void)json_object_set_new(event, "at", at);
}

/* How long a pause or partition may last, in seconds. The driver's and the brokers': all of a seed
 * together stay below the time after which a query gives Kafka up, as Spark's does. An executor's:
 * half of them are short, half may outlast the time after which the driver gives it up. */
static uint64_t longest_s(const struct drawing *drawing, const struct fault_kind_info *kind)
{
    const struct options *options = &drawing->base->plan->options;
    if (kind->verb == FAULT_SLOW) {
        return SLOW_MAX_S;
    }
    int64_t kafka_us = options->request_timeout_us < options->poll_timeout_us
                           ? options->request_timeout_us
                           : options->poll_timeout_us;
    int64_t limit_us = kafka_us / (drawing->base->vary.faults_max + 1);
    if (kind->target == TARGET_EXECUTOR && draw(drawing, "vary.long", 2) == 0) {
        limit_us = options->network_timeout_us + options->network_timeout_us / 4;
    }
    return limit_us < US_PER_SECOND ? 1 : (uint64_t)(limit_us / US_PER_SECOND);
}

static void
draw_duration(const struct drawing *drawing, const struct fault_kind_info *kind, json_t *event)
{
    bool lasts = kind->verb == FAULT_PAUSE || kind->verb == FAULT_PARTITION ||
                 kind->verb == FAULT_SLOW || kind->target == TARGET_BROKER;
    char text[TEXT_SIZE];
    if (!lasts) {
        return;
    }
    uint64_t seconds = 1 + draw(drawing, "vary.for", longest_s(drawing, kind));
    (void)snprintf(text, sizeof text, "%llus", (unsigned long long)seconds);
    set_text(event, "for", text);
}

static json_t *draw_fault(const struct drawing *drawing, enum fault_kind kind)
{
    const struct fault_kind_info *info = fault_kind_info(kind);
    json_t *event = json_pack("{s:s, s:b}", "do", fault_info(info->verb)->name, "optional", 1);
    require(event != NULL);
    if (info->target == TARGET_STORAGE) {
        draw_storage_fault(drawing, info->verb, event);
    } else {
        draw_process_fault(drawing, info->target, event);
    }
    bool machine = info->target == TARGET_DRIVER_MACHINE || info->target == TARGET_EXECUTOR_MACHINE;
    if (info->verb == FAULT_CRASH && machine) {
        draw_machine_fate(drawing, event);
    }
    draw_duration(drawing, info, event);
    return event;
}

void vary_faults(const struct scenario *base,
                 uint64_t seed,
                 const struct vary_surroundings *surroundings,
                 json_t *script)
{
    struct drawing drawing = {.base = base, .seed = seed, .surroundings = surroundings};
    enum fault_kind kinds[FAULT_KIND_COUNT];
    if (base->vary.faults_max == 0) {
        return;
    }
    size_t kind_count = draw_kinds(&drawing, kinds);
    if (kind_count == 0) {
        return;
    }
    uint64_t faults = 1 + vary_draw(seed, "vary.faults", 0, base->vary.faults_max);
    for (uint64_t i = 0; i < faults; i++) {
        drawing.fault = i;
        enum fault_kind kind = kinds[draw(&drawing, "vary.fault.kind", kind_count)];
        int done = json_array_append_new(script, draw_fault(&drawing, kind));
        require(done == 0);
    }
}
