/* What a pipeline says about groups: groupBy, agg, and whether the sink's output mode goes with
 * them. A group's key, its buffer and what select may read of it are three schemas, made here once
 * for both sides of the shuffle, the state and the sink. */
#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/plan_compile.h"

/* The three schemas while they grow. */
struct group_fields {
    struct field *key;
    struct field *buffer;
    struct field *groups;
};

static enum status fail_at(struct compiler *compiler, const char *path, const char *text)
{
    return document_fail(&compiler->document, compiler->diag, PLAN_ERROR, path, false, "%s", text);
}

/* ---- groupBy ------------------------------------------------------------------------------ */

static void
add_key(struct aggregation *aggregation, struct group_fields *fields, const struct field *field)
{
    fields->key[aggregation->key.count++] = *field;
    fields->groups[aggregation->groups.count++] = *field;
}

/* The first key that carries event time is the one that the watermark is held against. */
static void note_event_time(struct compiler *compiler, size_t column, size_t key)
{
    const struct watermark *watermark = compiler->plan->watermark;
    struct aggregation *aggregation = compiler->plan->aggregation;
    if (watermark != NULL && watermark->column == column && aggregation->event_time_key < 0) {
        aggregation->event_time_key = (int)key;
    }
}

static enum status
add_window(struct compiler *compiler, struct group_fields *fields, json_t *item, const char *path)
{
    static const struct known_key keys[] = {
        {"window", NULL},
        {"note", NULL},
        {"as", "the column is called window; select gives it another name"},
        {"is", "a window is described by timeColumn, windowDuration, slideDuration"},
        {NULL, NULL}};
    static const char parent[] = "window";
    static const struct field start = {"window.start", TYPE_TIMESTAMP, parent};
    static const struct field end = {"window.end", TYPE_TIMESTAMP, parent};
    struct aggregation *aggregation = compiler->plan->aggregation;
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, "window");
    TRY(compile_check_keys(compiler, item, path, keys));
    if (aggregation->windowed) {
        return fail_at(compiler,
                       place,
                       "there is a window already; as in Spark several windows in one groupBy are "
                       "not supported");
    }
    TRY(compile_check_name(compiler, &aggregation->groups, place, "window", true));
    TRY(compile_window(compiler, json_object_get(item, "window"), place, &aggregation->window));
    aggregation->windowed = true;
    aggregation->window_key = aggregation->key.count;
    add_key(aggregation, fields, &start);
    add_key(aggregation, fields, &end);
    note_event_time(compiler, aggregation->window.column, aggregation->window_key + 1);
    return OK;
}

/* A column, or an expression with its name. */
static enum status
add_grouping(struct compiler *compiler, struct group_fields *fields, json_t *item, const char *path)
{
    struct aggregation *aggregation = compiler->plan->aggregation;
    const char *name = json_string_value(item);
    const char *text = NULL;
    char is_place[DOCUMENT_PATH_SIZE];
    char as_place[DOCUMENT_PATH_SIZE];
    compile_path(is_place, path, "is");
    compile_path(as_place, path, "as");
    bool named = name == NULL;
    if (named) {
        TRY(compile_named(compiler, item, path, &name, &text));
    }
    struct bytes source = named ? bytes_of_text(text) : quoted_name(compiler->arena, name);
    const char *place = named ? is_place : path;
    TRY(compile_check_name(compiler, &aggregation->groups, named ? as_place : path, name, false));
    struct grouping *grouping = &aggregation->groupings[aggregation->grouping_count];
    TRY(compile_expression(
        compiler, place, &compiler->plan->source, source, 0, &grouping->expression));
    grouping->key = aggregation->key.count;
    aggregation->grouping_count++;
    struct field field = {.name = arena_strdup(compiler->arena, name),
                          .type = expression_type(grouping->expression)};
    size_t column = 0;
    if (expression_is_column(grouping->expression, &column)) {
        note_event_time(compiler, column, grouping->key);
    }
    add_key(aggregation, fields, &field);
    return OK;
}

static enum status
compile_group_by(struct compiler *compiler, struct group_fields *fields, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        char path[DOCUMENT_PATH_SIZE] = "groupBy";
        document_path_item(path, i);
        json_t *item = json_array_get(list, i);
        if (json_object_get(item, "session_window") != NULL ||
            json_object_get(item, "sessionWindow") != NULL) {
            return fail_at(compiler, path, "session windows are not built yet; use a window");
        }
        if (!json_is_string(item) && !json_is_object(item)) {
            return fail_at(compiler,
                           path,
                           "expected a column's name, {\"as\": name, \"is\": expression} or "
                           "{\"window\": {...}}");
        }
        TRY(json_object_get(item, "window") != NULL ? add_window(compiler, fields, item, path)
                                                    : add_grouping(compiler, fields, item, path));
    }
    return OK;
}

/* ---- agg ---------------------------------------------------------------------------------- */

struct call {
    struct bytes name;
    struct bytes argument;
    size_t skipped; /* bytes in front of the argument */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Does `text` begin with `word` and a space behind it? */
static bool is_word(const char *text, const char *word)
{
    size_t size = 0;
    while (word[size] != '\0' && fold_byte((uint8_t)text[size]) == (uint8_t)word[size]) {
        size++;
    }
    return word[size] == '\0' && is_space(text[size]);
}

/* Where the parenthesis that opens at `open` closes, quotes left aside; 0: nowhere. */
static size_t closing(const char *text, size_t open)
{
    size_t depth = 0;
    char quote = '\0';
    for (size_t i = open; text[i] != '\0'; i++) {
        char c = text[i];
        if (quote != '\0') {
            i += c == '\\' && quote != '`' && text[i + 1] != '\0';
            if (c == quote) {
                quote = '\0';
            }
        } else if (c == '\'' || c == '"' || c == '`') {
            quote = c;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            return i;
        }
    }
    return 0;
}

/* "name(argument)" and nothing else. */
static bool split_call(const char *text, struct call *call)
{
    size_t start = 0;
    while (is_space(text[start])) {
        start++;
    }
    size_t end = start;
    while ((fold_byte((uint8_t)text[end]) >= 'a' && fold_byte((uint8_t)text[end]) <= 'z') ||
           text[end] == '_') {
        end++;
    }
    size_t open = end;
    while (is_space(text[open])) {
        open++;
    }
    if (end == start || text[open] != '(') {
        return false;
    }
    size_t close = closing(text, open);
    size_t behind = close + 1;
    while (close != 0 && is_space(text[behind])) {
        behind++;
    }
    *call = (struct call){.name = bytes_of(text + start, end - start), .skipped = open + 1};
    if (close == 0 || text[behind] != '\0') {
        return false;
    }
    call->argument = bytes_of(text + open + 1, close - open - 1);
    return true;
}

static enum status find_function(struct compiler *compiler,
                                 const char *path,
                                 struct bytes name,
                                 enum aggregate_function *function)
{
    static const char *const names[] = {"count", "sum", "min", "max", "avg", "mean", NULL};
    static const enum aggregate_function functions[] = {
        AGGREGATE_COUNT, AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, AGGREGATE_AVG, AGGREGATE_AVG};
    static const char *const later[] = {"first",
                                        "last",
                                        "stddev",
                                        "variance",
                                        "collect_list",
                                        "collect_set",
                                        "approx_count_distinct",
                                        "percentile",
                                        "median",
                                        "mode",
                                        "count_if",
                                        "any",
                                        "every",
                                        NULL};
    const char *text = arena_copy(compiler->arena, name.data, name.size);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (fold_equal(names[i], text)) {
            *function = functions[i];
            return OK;
        }
    }
    const char *nearest = diag_nearest(text, names);
    bool known = false;
    for (size_t i = 0; later[i] != NULL; i++) {
        known = known || fold_equal(later[i], text);
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "%s function \"%.64s\"%s; %s%s%scount, sum, min, max, avg "
                         "(UNRESOLVED_ROUTINE)",
                         known ? "the" : "unknown",
                         text,
                         known ? " is not built yet" : "",
                         nearest == NULL || known ? "" : "did you mean ",
                         nearest == NULL || known ? "" : nearest,
                         nearest == NULL || known ? "there are " : "? There are ");
}

/* The result's type by the argument's; Spark's ANSI coercion would also cast texts to numbers. */
static enum status
type_aggregate(struct compiler *compiler, const char *path, struct aggregate *aggregate)
{
    enum type type = expression_type(aggregate->argument);
    bool number = type == TYPE_INT || type == TYPE_LONG || type == TYPE_DOUBLE;
    aggregate->type = type;
    if (aggregate->function == AGGREGATE_COUNT) {
        aggregate->type = TYPE_LONG;
    } else if (aggregate->function == AGGREGATE_AVG) {
        aggregate->type = TYPE_DOUBLE;
    } else if (aggregate->function == AGGREGATE_SUM) {
        aggregate->type = type == TYPE_DOUBLE ? TYPE_DOUBLE : TYPE_LONG;
    }
    if (number || (aggregate->function != AGGREGATE_SUM && aggregate->function != AGGREGATE_AVG)) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "%s needs a number, found %s (DATATYPE_MISMATCH)",
                         aggregate->function == AGGREGATE_SUM ? "sum" : "avg",
                         type_name(type));
}

static enum status compile_call(struct compiler *compiler,
                                const char *path,
                                const char *text,
                                struct aggregate *aggregate)
{
    struct call call;
    if (!split_call(text, &call)) {
        return fail_at(compiler,
                       path,
                       "expected one aggregate, such as count(*) or sum(delay - 15); compute with "
                       "its result in select");
    }
    TRY(find_function(compiler, path, call.name, &aggregate->function));
    struct bytes star = call.argument;
    while (star.size > 0 && is_space((char)star.data[0])) {
        star = bytes_of(star.data + 1, star.size - 1);
    }
    while (star.size > 0 && is_space((char)star.data[star.size - 1])) {
        star.size--;
    }
    if (aggregate->function == AGGREGATE_COUNT && bytes_equal_text(star, "*")) {
        aggregate->function = AGGREGATE_COUNT_ALL;
        aggregate->type = TYPE_LONG;
        return OK;
    }
    const char *inside = arena_copy(compiler->arena, star.data, star.size);
    if (is_word(inside, "distinct")) {
        return fail_at(compiler,
                       path,
                       "distinct aggregations are refused by Spark on a stream; group by the "
                       "column too");
    }
    TRY(compile_expression(compiler,
                           path,
                           &compiler->plan->source,
                           call.argument,
                           call.skipped,
                           &aggregate->argument));
    return type_aggregate(compiler, path, aggregate);
}

/* Spark's buffers under Spark's names: the state's schema file says them. */
static void add_buffers(struct aggregation *aggregation,
                        struct group_fields *fields,
                        struct aggregate *aggregate)
{
    static const char *const names[] = {[AGGREGATE_COUNT_ALL] = "count",
                                        [AGGREGATE_COUNT] = "count",
                                        [AGGREGATE_SUM] = "sum",
                                        [AGGREGATE_MIN] = "min",
                                        [AGGREGATE_MAX] = "max",
                                        [AGGREGATE_AVG] = "sum"};
    aggregate->buffer = aggregation->buffer.count;
    fields->buffer[aggregation->buffer.count++] =
        (struct field){.name = names[aggregate->function], .type = aggregate->type};
    if (aggregate->function == AGGREGATE_AVG) {
        fields->buffer[aggregation->buffer.count++] =
            (struct field){.name = "count", .type = TYPE_LONG};
    }
    fields->groups[aggregation->groups.count++] =
        (struct field){.name = aggregate->name, .type = aggregate->type};
}

static enum status compile_agg(struct compiler *compiler, struct group_fields *fields, json_t *list)
{
    struct aggregation *aggregation = compiler->plan->aggregation;
    for (size_t i = 0; i < json_array_size(list); i++) {
        char path[DOCUMENT_PATH_SIZE] = "agg";
        document_path_item(path, i);
        struct aggregate *aggregate = &aggregation->aggregates[i];
        const char *text = NULL;
        TRY(compile_check_object(compiler, json_array_get(list, i), path));
        TRY(compile_named(compiler, json_array_get(list, i), path, &aggregate->name, &text));
        char place[DOCUMENT_PATH_SIZE];
        compile_path(place, path, "as");
        TRY(compile_check_name(compiler, &aggregation->groups, place, aggregate->name, false));
        compile_path(place, path, "is");
        TRY(compile_call(compiler, place, text, aggregate));
        aggregation->aggregate_count++;
        add_buffers(aggregation, fields, aggregate);
    }
    return OK;
}

/* ---- both --------------------------------------------------------------------------------- */

static enum status check_lists(struct compiler *compiler, json_t *group_by, json_t *agg)
{
    if (group_by != NULL && (!json_is_array(group_by) || json_array_size(group_by) > COLUMNS_MAX)) {
        return fail_at(compiler,
                       "groupBy",
                       "expected a list of at most 1000 columns; [] groups all rows into one");
    }
    if (!json_is_array(agg) || json_array_size(agg) == 0 || json_array_size(agg) > COLUMNS_MAX) {
        return fail_at(compiler,
                       "agg",
                       agg == NULL
                           ? "\"agg\" is missing: groupBy needs it, such as [{\"as\": \"n\", "
                             "\"is\": \"count(*)\"}]"
                           : "expected a list of 1 to 1000 aggregates {\"as\": name, \"is\": "
                             "aggregate}");
    }
    return OK;
}

enum status compile_aggregation(struct compiler *compiler, json_t *group_by, json_t *agg)
{
    if (group_by == NULL && agg == NULL) {
        return OK;
    }
    TRY(check_lists(compiler, group_by, agg));
    struct arena *arena = compiler->arena;
    size_t keys = json_array_size(group_by) + 1; /* a window is two */
    size_t aggregates = json_array_size(agg);
    struct aggregation *aggregation = arena_alloc(arena, sizeof *aggregation);
    struct group_fields fields = {
        .key = arena_alloc(arena, keys * sizeof *fields.key),
        .buffer = arena_alloc(arena, 2 * aggregates * sizeof *fields.buffer),
        .groups = arena_alloc(arena, (keys + aggregates) * sizeof *fields.groups)};
    aggregation->groupings = arena_alloc(arena, keys * sizeof *aggregation->groupings);
    aggregation->aggregates = arena_alloc(arena, aggregates * sizeof *aggregation->aggregates);
    aggregation->key.fields = fields.key;
    aggregation->buffer.fields = fields.buffer;
    aggregation->groups.fields = fields.groups;
    aggregation->event_time_key = -1;
    compiler->plan->aggregation = aggregation;
    TRY(compile_group_by(compiler, &fields, group_by));
    return compile_agg(compiler, &fields, agg);
}

enum status compile_check_mode(struct compiler *compiler)
{
    static const char error_class[] = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION";
    const struct plan *plan = compiler->plan;
    const struct aggregation *aggregation = plan->aggregation;
    if (plan->output_mode == OUTPUT_COMPLETE && aggregation == NULL) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             error_class,
                             "sink.outputMode",
                             false,
                             "outputMode complete needs a streaming aggregation (groupBy, agg); "
                             "without one every batch would be the whole stream: use append");
    }
    if (plan->output_mode == OUTPUT_APPEND && aggregation != NULL &&
        aggregation->event_time_key < 0) {
        return document_fail(
            &compiler->document,
            compiler->diag,
            error_class,
            "groupBy",
            true,
            "outputMode append is not supported for a streaming aggregation without watermark on "
            "a grouping column: no group would ever be final; %s, or use outputMode complete",
            plan->watermark == NULL
                ? "add withWatermark and group by a window over its column"
                : "group by a window over the watermark's column, or by that column itself");
    }
    return OK;
}
