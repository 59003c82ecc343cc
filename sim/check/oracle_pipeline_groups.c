/* withWatermark, groupBy and agg as the oracle reads them (the grammar: engine/plan/plan.h). */
#include "sim/check/oracle_pipeline_groups.h"

#include <string.h>
#include <strings.h>

#include "engine/base/units.h"

/* "5 minutes", "1h30m", "0 seconds", each with a sign or none. Units and digits by their own
 * reading. */
static bool duration_us(const char *text, int64_t *total_us)
{
    static const struct {
        const char *names; /* between spaces */
        int64_t us;
    } units[] = {{" us microsecond microseconds ", 1},
                 {" ms millisecond milliseconds ", US_PER_MS},
                 {" s second seconds sec secs ", US_PER_SECOND},
                 {" m minute minutes min mins ", US_PER_MINUTE},
                 {" h hour hours ", INT64_C(60) * US_PER_MINUTE},
                 {" d day days ", INT64_C(24) * 60 * US_PER_MINUTE},
                 {" week weeks ", INT64_C(7) * 24 * 60 * US_PER_MINUTE}};
    *total_us = 0;
    bool any = false;
    while (text != NULL && *(text += strspn(text, " ")) != 0) {
        bool negative = *text == '-';
        text += negative || *text == '+' ? 1 : 0;
        int64_t number = 0;
        size_t digits = strspn(text, "0123456789");
        for (size_t i = 0; i < digits && digits < 16; i++) {
            number = number * 10 + (text[i] - '0');
        }
        text += digits;
        text += strspn(text, " ");
        size_t letters = 0;
        char name[20] = " ";
        while (letters + 3 < sizeof name && ((text[letters] | 0x20) >= 'a') &&
               ((text[letters] | 0x20) <= 'z')) {
            name[letters + 1] = (char)(text[letters] | 0x20);
            letters++;
        }
        name[letters + 1] = ' ';
        text += letters;
        int64_t unit_us = 0;
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            unit_us = strstr(units[i].names, name) != NULL ? units[i].us : unit_us;
        }
        int64_t part = 0;
        if (digits == 0 || digits > 15 || letters == 0 || unit_us == 0 ||
            __builtin_mul_overflow(negative ? -number : number, unit_us, &part) ||
            __builtin_add_overflow(*total_us, part, total_us)) {
            return false;
        }
        any = true;
    }
    return any;
}

static bool time_column(const struct oracle_pipeline *pipeline, const json_t *name, size_t *column)
{
    const char *text = json_string_value(name);
    for (size_t i = 0; text != NULL && i < pipeline->source.count; i++) {
        if (strcasecmp(pipeline->source.fields[i].name, text) == 0) {
            *column = i;
            return pipeline->source.fields[i].type == TYPE_TIMESTAMP;
        }
    }
    return false;
}

static const char *
read_watermark(const json_t *item, struct arena *arena, struct oracle_pipeline *pipeline)
{
    struct oracle_watermark *watermark = arena_alloc(arena, sizeof *watermark);
    int64_t delay_us;
    if (!time_column(pipeline, json_object_get(item, "eventTime"), &watermark->column) ||
        !duration_us(json_string_value(json_object_get(item, "delayThreshold")), &delay_us)) {
        return "withWatermark: no column of timestamps, or no delay";
    }
    watermark->delay_ms = delay_us / US_PER_MS;
    pipeline->watermark = watermark;
    return NULL;
}

/* One more field of a schema whose array has room. */
static void add_field(struct schema *schema, const char *name, enum type type, const char *parent)
{
    union {
        const struct field *constant;
        struct field *fields;
    } array = {.constant = schema->fields}; /* ours while it is being filled */
    array.fields[schema->count++] = (struct field){.name = name, .type = type, .parent = parent};
}

static const char *read_window(const json_t *item,
                               const struct oracle_pipeline *pipeline,
                               struct oracle_aggregation *groups)
{
    struct oracle_window *window = &groups->window;
    const char *slide = json_string_value(json_object_get(item, "slideDuration"));
    const char *start = json_string_value(json_object_get(item, "startTime"));
    const char *length = json_string_value(json_object_get(item, "windowDuration"));
    bool fine = !groups->windowed &&
                time_column(pipeline, json_object_get(item, "timeColumn"), &window->column) &&
                duration_us(length, &window->length_us) &&
                duration_us(slide == NULL ? length : slide, &window->slide_us) &&
                duration_us(start == NULL ? "0 seconds" : start, &window->start_us);
    if (!fine || window->slide_us <= 0 || window->length_us < window->slide_us) {
        return "a window";
    }
    groups->windowed = true;
    bool event_time = pipeline->watermark != NULL && groups->event_time_key < 0 &&
                      pipeline->watermark->column == window->column;
    add_field(&groups->key, "window.start", TYPE_TIMESTAMP, "window");
    groups->event_time_key = event_time ? (int)groups->key.count : groups->event_time_key;
    add_field(&groups->key, "window.end", TYPE_TIMESTAMP, "window");
    return NULL;
}

static const char *read_grouping(const json_t *item,
                                 struct arena *arena,
                                 const struct oracle_pipeline *pipeline,
                                 struct oracle_aggregation *groups)
{
    struct oracle_grouping *grouping = &groups->groupings[groups->grouping_count++];
    grouping->key = groups->key.count;
    const json_t *window = json_object_get(item, "window");
    if (window != NULL) {
        return read_window(window, pipeline, groups);
    }
    const char *is = json_string_value(json_is_string(item) ? item : json_object_get(item, "is"));
    const char *as = json_string_value(json_is_string(item) ? item : json_object_get(item, "as"));
    if (is == NULL || as == NULL) {
        return "an item of groupBy";
    }
    is = json_is_string(item) ? arena_printf(arena, "`%s`", is) : is;
    const char *error = oracle_read_expression(is, arena, &pipeline->source, &grouping->is);
    if (error != NULL) {
        return error;
    }
    enum type type = oracle_expression_result(grouping->is);
    size_t column;
    bool event_time = pipeline->watermark != NULL && groups->event_time_key < 0 &&
                      oracle_expression_column(grouping->is, &column) &&
                      column == pipeline->watermark->column;
    groups->event_time_key = event_time ? (int)groups->key.count : groups->event_time_key;
    add_field(&groups->key, arena_strdup(arena, as), type, NULL);
    return type == TYPE_COUNT ? "a grouping key without a type" : NULL;
}

static bool function_of(const char *text, size_t size, enum oracle_function *function)
{
    static const char *const names[] = {[ORACLE_COUNT] = "count",
                                        [ORACLE_SUM] = "sum",
                                        [ORACLE_MIN] = "min",
                                        [ORACLE_MAX] = "max",
                                        [ORACLE_AVG] = "avg"};
    for (size_t i = ORACLE_COUNT; i <= ORACLE_AVG; i++) {
        if (strlen(names[i]) == size && strncasecmp(text, names[i], size) == 0) {
            *function = (enum oracle_function)i;
            return true;
        }
    }
    return size == 4 && strncasecmp(text, "mean", 4) == 0 && (*function = ORACLE_AVG, true);
}

/* name ( inside ): the parts of `text`, spaces around them dropped. */
static const char *
read_call(const char *text, struct arena *arena, struct oracle_aggregate *aggregate)
{
    text += strspn(text, " ");
    const char *open = strchr(text, '(');
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    if (open == NULL || text[size - 1] != ')') {
        return NULL;
    }
    size_t name = (size_t)(open - text);
    while (name > 0 && text[name - 1] == ' ') {
        name--;
    }
    const char *inside = open + 1 + strspn(open + 1, " ");
    size_t length = (size_t)(text + size - 1 - inside);
    while (length > 0 && inside[length - 1] == ' ') {
        length--;
    }
    return function_of(text, name, &aggregate->function)
               ? arena_printf(arena, "%.*s", (int)length, inside)
               : NULL;
}

/* The type of the result; TYPE_COUNT: of this there is no such aggregate. */
static enum type result_type(enum oracle_function function, enum type of)
{
    bool number = of == TYPE_INT || of == TYPE_LONG || of == TYPE_DOUBLE;
    switch (function) {
    case ORACLE_COUNT_ALL:
    case ORACLE_COUNT:
        return TYPE_LONG;
    case ORACLE_SUM:
        return !number ? TYPE_COUNT : of == TYPE_DOUBLE ? TYPE_DOUBLE : TYPE_LONG;
    case ORACLE_AVG:
        return number ? TYPE_DOUBLE : TYPE_COUNT;
    case ORACLE_MIN:
    case ORACLE_MAX:
        return of;
    }
    return TYPE_COUNT;
}

static const char *read_aggregate(const json_t *item,
                                  struct arena *arena,
                                  const struct oracle_pipeline *pipeline,
                                  struct oracle_aggregation *groups)
{
    struct oracle_aggregate *aggregate = &groups->aggregates[groups->aggregate_count++];
    const char *is = json_string_value(json_object_get(item, "is"));
    const char *as = json_string_value(json_object_get(item, "as"));
    const char *inside = is == NULL || as == NULL ? NULL : read_call(is, arena, aggregate);
    if (inside == NULL) {
        return "an item of agg";
    }
    if (aggregate->function == ORACLE_COUNT && strcmp(inside, "*") == 0) {
        aggregate->function = ORACLE_COUNT_ALL;
    } else {
        const char *error =
            oracle_read_expression(inside, arena, &pipeline->source, &aggregate->argument);
        if (error != NULL) {
            return error;
        }
    }
    enum type of =
        aggregate->argument == NULL ? TYPE_LONG : oracle_expression_result(aggregate->argument);
    aggregate->name = arena_strdup(arena, as);
    aggregate->type = result_type(aggregate->function, of);
    aggregate->buffer = groups->buffer.count;
    add_field(&groups->buffer,
              aggregate->function == ORACLE_AVG ? "sum" : aggregate->name,
              aggregate->type,
              NULL);
    if (aggregate->function == ORACLE_AVG) {
        add_field(&groups->buffer, "count", TYPE_LONG, NULL);
    }
    return aggregate->type == TYPE_COUNT ? "an aggregate of a type that it does not take" : NULL;
}

static struct field *room(struct arena *arena)
{
    return arena_alloc(
        arena, (2 * ORACLE_GROUPINGS_MAX + 2 * ORACLE_AGGREGATES_MAX) * sizeof(struct field));
}

static const char *read_aggregation(const json_t *by,
                                    const json_t *agg,
                                    struct arena *arena,
                                    struct oracle_pipeline *pipeline)
{
    struct oracle_aggregation *groups = arena_alloc(arena, sizeof *groups);
    groups->event_time_key = -1;
    groups->key.fields = room(arena);
    groups->buffer.fields = room(arena);
    groups->groups.fields = room(arena);
    if (json_array_size(by) > ORACLE_GROUPINGS_MAX ||
        json_array_size(agg) > ORACLE_AGGREGATES_MAX) {
        return "more groupings or aggregates than this reads";
    }
    const char *error = NULL;
    for (size_t i = 0; i < json_array_size(by) && error == NULL; i++) {
        error = read_grouping(json_array_get(by, i), arena, pipeline, groups);
    }
    for (size_t i = 0; i < json_array_size(agg) && error == NULL; i++) {
        error = read_aggregate(json_array_get(agg, i), arena, pipeline, groups);
    }
    for (size_t i = 0; i < groups->key.count; i++) {
        const struct field *field = &groups->key.fields[i];
        add_field(&groups->groups, field->name, field->type, field->parent);
    }
    for (size_t i = 0; i < groups->aggregate_count && error == NULL; i++) {
        add_field(&groups->groups, groups->aggregates[i].name, groups->aggregates[i].type, NULL);
    }
    pipeline->aggregation = groups;
    return error;
}

const char *
oracle_read_groups(const json_t *root, struct arena *arena, struct oracle_pipeline *pipeline)
{
    const json_t *watermark = json_object_get(root, "withWatermark");
    const json_t *by = json_object_get(root, "groupBy");
    const json_t *agg = json_object_get(root, "agg");
    const char *mode =
        json_string_value(json_object_get(json_object_get(root, "sink"), "outputMode"));
    pipeline->complete = mode != NULL && strcasecmp(mode, "complete") == 0;
    const char *error = NULL;
    if (watermark != NULL) {
        error = read_watermark(watermark, arena, pipeline);
    }
    if (error == NULL && (by != NULL || agg != NULL)) {
        error = read_aggregation(by, agg, arena, pipeline);
    }
    return error;
}
