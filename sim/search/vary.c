#include "sim/search/vary.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/search/vary_internal.h"

static int64_t
draw_range(uint64_t seed, const char *label, uint64_t index, const struct vary_range *range)
{
    uint64_t count = (uint64_t)(range->max - range->min) + 1;
    return range->min + (int64_t)vary_draw(seed, label, index, count);
}

static void set_int(json_t *object, const char *key, int64_t value)
{
    int done = json_object_set_new(object, key, json_integer(value));
    require(done == 0);
}

/* The member `key` of `object`, made when it is missing. */
static json_t *member(json_t *object, const char *key, json_t *empty)
{
    json_t *found = json_object_get(object, key);
    if (found != NULL) {
        json_decref(empty);
        return found;
    }
    int done = json_object_set_new(object, key, empty);
    require(done == 0);
    return empty;
}

static struct vary_surroundings
draw_cluster(const struct scenario *base, uint64_t seed, json_t *root)
{
    const struct vary_config *vary = &base->vary;
    struct vary_surroundings drawn = {.brokers = base->cluster.brokers,
                                      .executors = base->cluster.executors};
    json_t *cluster = member(root, "cluster", json_object());
    if (vary->brokers.max > 0) {
        drawn.brokers = (uint32_t)draw_range(seed, "vary.brokers", 0, &vary->brokers);
        set_int(cluster, "brokers", drawn.brokers);
    }
    if (vary->executors.max > 0) {
        drawn.executors = (uint32_t)draw_range(seed, "vary.executors", 0, &vary->executors);
        set_int(cluster, "executors", drawn.executors);
    }
    return drawn;
}

static void draw_topics(const struct scenario *base, uint64_t seed, json_t *root)
{
    if (base->vary.partitions.max == 0) {
        return;
    }
    json_t *topics = json_object_get(root, "topics");
    for (size_t i = 0; i < base->topic_count; i++) {
        const char *name = base->topics[i].name;
        int64_t partitions =
            draw_range(seed, "vary.partitions", hash_text(name), &base->vary.partitions);
        set_int(json_object_get(topics, name), "partitions", partitions);
    }
}

static void draw_options(uint64_t seed, json_t *root)
{
    json_t *choices = json_object_get(json_object_get(root, "vary"), "set");
    const char *name;
    json_t *choice;
    json_object_foreach(choices, name, choice)
    {
        const json_t *values = json_object_get(choice, "one_of");
        if (json_array_size(values) == 0) {
            continue; /* a note */
        }
        uint64_t which = vary_draw(seed, "vary.set", hash_text(name), json_array_size(values));
        int done = json_object_set(
            member(root, "set", json_object()), name, json_array_get(values, which));
        require(done == 0);
    }
}

/* Where the state is, by what was drawn: Spark's name of the provider, or what the file says. */
static bool is_rocksdb(const struct scenario *base, const json_t *root)
{
    const json_t *provider = json_object_get(json_object_get(root, "set"),
                                             "spark.sql.streaming.stateStore.providerClass");
    const char *rocksdb = options_provider_class(STATE_PROVIDER_ROCKSDB);
    return provider == NULL ? base->plan->options.state_provider == STATE_PROVIDER_ROCKSDB
                            : strcmp(json_string_value(provider), rocksdb) == 0;
}

/* ---- the workload: each feature is absent in one of two seeds ----------------------------------
 */

static bool has(uint64_t seed, const char *feature, uint64_t index)
{
    return vary_draw(seed, feature, index, 2) == 0;
}

static void add_places(json_t *list, uint64_t partition, uint64_t places)
{
    for (uint64_t i = 0; i < places; i++) {
        int done = json_array_append_new(list, json_integer((json_int_t)partition));
        require(done == 0);
    }
}

/* Each partition's weight in the list: the favourite has many places, the idle ones none. */
static void draw_partitions(
    const struct vary_config *vary, uint64_t seed, uint64_t index, int64_t count, json_t *workload)
{
    enum { WEIGHT_MAX = 8 };
    bool skew = vary->skew && has(seed, "vary.skew", index);
    bool idle = vary->idle && has(seed, "vary.idle", index);
    if ((!skew && !idle) || count < 2) {
        return;
    }
    uint64_t favourite = vary_draw(seed, "vary.favourite", index, (uint64_t)count);
    uint64_t weight = skew ? 2 + vary_draw(seed, "vary.weight", index, WEIGHT_MAX - 1) : 1;
    /* One of the others is idle for sure, each further one with even chances. */
    uint64_t idler = 1 + vary_draw(seed, "vary.idler", index, (uint64_t)count - 1);
    json_t *list = json_array();
    for (uint64_t p = 0; p < (uint64_t)count; p++) {
        uint64_t behind = (p + (uint64_t)count - favourite) % (uint64_t)count;
        bool silent =
            idle && behind > 0 && (behind == idler || vary_draw(seed, "vary.silent", p, 2) == 0);
        add_places(list, p, silent ? 0 : behind == 0 ? weight : 1);
    }
    int done = json_object_set_new(workload, "partitions", list);
    require(done == 0);
}

static int64_t partitions_of(const json_t *root, const json_t *workload)
{
    const char *topic = json_string_value(json_object_get(workload, "to"));
    const json_t *config = json_object_get(json_object_get(root, "topics"), topic);
    return json_integer_value(json_object_get(config, "partitions"));
}

static void draw_workloads(const struct scenario *base, uint64_t seed, json_t *root)
{
    const struct vary_config *vary = &base->vary;
    json_t *list = json_object_get(root, "workload");
    for (size_t i = 0; i < base->workload_count; i++) {
        json_t *workload = json_array_get(list, i);
        if (json_object_get(workload, "partitions") == NULL) {
            draw_partitions(vary, seed, i, partitions_of(root, workload), workload);
        }
        if (vary->burst.max > 0 && has(seed, "vary.burst", i)) {
            set_int(workload, "burst", draw_range(seed, "vary.burst.size", i, &vary->burst));
        }
        if (vary->late.max > 0 && has(seed, "vary.late", i)) {
            enum { EVERY_MIN = 2, EVERY_COUNT = 15 };
            json_t *late = json_object();
            set_int(late,
                    "every",
                    EVERY_MIN + (int64_t)vary_draw(seed, "vary.late.every", i, EVERY_COUNT));
            set_int(late, "by", draw_range(seed, "vary.late.by", i, &vary->late));
            int done = json_object_set_new(workload, "late", late);
            require(done == 0);
        }
    }
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* From the canonical text, so that a seed draws the same from a file and from its record. */
static json_t *draw_document(const struct scenario *base, uint64_t seed)
{
    json_t *root = json_loads(base->resolved, 0, NULL);
    require(root != NULL);
    struct vary_surroundings surroundings = draw_cluster(base, seed, root);
    draw_topics(base, seed, root);
    draw_options(seed, root);
    surroundings.rocksdb = is_rocksdb(base, root);
    draw_workloads(base, seed, root);
    vary_faults(base, seed, &surroundings, member(root, "script", json_array()));
    (void)json_object_del(root, "vary");
    return root;
}

static char *draw_text(const struct scenario *base, uint64_t seed, size_t flags)
{
    json_t *root = base->vary.present && seed > 0 ? draw_document(base, seed)
                                                  : json_loads(base->resolved, 0, NULL);
    char *text = json_dumps(root, flags | JSON_SORT_KEYS);
    require(text != NULL);
    json_decref(root);
    return text;
}

const struct scenario *
vary_scenario(struct arena *arena, const struct scenario *base, uint64_t seed)
{
    if (!base->vary.present || seed == 0) {
        return base;
    }
    char *text = draw_text(base, seed, JSON_COMPACT);
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    enum status status = scenario_load_drawn(arena, base, bytes_of_text(text), &scenario, &diag);
    if (status != OK) {
        char message[1400];
        diag_format(&diag, message, sizeof message);
        (void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, message);
    }
    require(status == OK);
    heap_free(text);
    return scenario;
}

void vary_text(const struct scenario *base, uint64_t seed, struct buf *out)
{
    char *text = draw_text(base, seed, JSON_INDENT(2));
    buf_text(out, text);
    buf_byte(out, '\n');
    heap_free(text);
}
