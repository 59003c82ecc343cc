#include "sim/check/oracle_pipeline.h"

#include <strings.h>

#include <jansson.h>

#include "engine/base/document.h"
#include "sim/check/oracle_pipeline_groups.h"

static const char *text_of(const json_t *value, struct arena *arena)
{
    if (json_is_string(value)) {
        return arena_strdup(arena, json_string_value(value));
    }
    if (json_is_integer(value)) {
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    }
    return json_is_true(value) ? "true" : json_is_false(value) ? "false" : NULL;
}

static bool type_named(const char *name, enum type *type)
{
    static const struct {
        const char *name;
        enum type type;
    } types[] = {{"boolean", TYPE_BOOLEAN},
                 {"int", TYPE_INT},
                 {"integer", TYPE_INT},
                 {"long", TYPE_LONG},
                 {"bigint", TYPE_LONG},
                 {"double", TYPE_DOUBLE},
                 {"string", TYPE_STRING},
                 {"timestamp", TYPE_TIMESTAMP}};
    for (size_t i = 0; name != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(name, types[i].name) == 0) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

static const char *
read_schema(json_t *members, struct arena *arena, struct oracle_pipeline *pipeline)
{
    struct field *fields = arena_alloc(arena, (json_object_size(members) + 1) * sizeof *fields);
    size_t count = 0;
    const char *name;
    json_t *type;
    json_object_foreach(members, name, type)
    {
        fields[count].name = arena_strdup(arena, name);
        if (!type_named(json_string_value(type), &fields[count].type)) {
            return arena_printf(arena, "the type of column %s", name);
        }
        count++;
    }
    pipeline->source = (struct schema){.fields = fields, .count = count};
    return count == 0 ? "a source without columns" : NULL;
}

const char *oracle_read_expression(const char *text,
                                   struct arena *arena,
                                   const struct schema *schema,
                                   const struct oracle_expression **expression)
{
    const char *error = NULL;
    struct bytes kept = bytes_of_text(arena_strdup(arena, text));
    *expression = oracle_expression_parse(arena, kept, schema, &error);
    return error == NULL ? NULL : arena_printf(arena, "the expression '%s': %s", text, error);
}

static const char *read_column(const json_t *item,
                               struct arena *arena,
                               const struct schema *schema,
                               struct oracle_column *column)
{
    const char *is = json_string_value(json_is_string(item) ? item : json_object_get(item, "is"));
    const char *as = json_is_string(item) ? is : json_string_value(json_object_get(item, "as"));
    if (is == NULL || as == NULL) {
        return "an item of select";
    }
    column->name = arena_strdup(arena, as);
    if (json_is_string(item)) {
        is = arena_printf(arena, "`%s`", is); /* a column's name, whatever it is made of */
    }
    const char *error = oracle_read_expression(is, arena, schema, &column->is);
    if (error == NULL && oracle_expression_result(column->is) == TYPE_COUNT) {
        return arena_printf(arena, "the type of the column '%s'", as);
    }
    return error;
}

/* `window` stands for its two members; every other item is one column. */
static size_t members_of(const json_t *item, const struct schema *schema, size_t members[2])
{
    const char *is = json_string_value(json_is_string(item) ? item : json_object_get(item, "is"));
    size_t count = 0;
    for (size_t i = 0; is != NULL && i < schema->count && count < 2; i++) {
        const char *parent = schema->fields[i].parent;
        if (parent != NULL && strcasecmp(parent, is) == 0) {
            members[count++] = i;
        }
    }
    return count;
}

static const char *add_members(const json_t *item,
                               struct arena *arena,
                               const struct schema *schema,
                               const size_t members[2],
                               struct oracle_pipeline *pipeline)
{
    const char *as = json_string_value(json_is_string(item) ? item : json_object_get(item, "as"));
    const char *error = as == NULL ? "an item of select" : NULL;
    for (size_t i = 0; i < 2 && error == NULL; i++) {
        struct oracle_column *column = &pipeline->columns[pipeline->column_count++];
        const struct field *field = &schema->fields[members[i]];
        column->name = arena_printf(arena, "%s.%s", as, strrchr(field->name, '.') + 1);
        error = oracle_read_expression(
            arena_printf(arena, "`%s`", field->name), arena, schema, &column->is);
    }
    return error;
}

static const char *
read_all(const struct schema *schema, struct arena *arena, struct oracle_pipeline *pipeline)
{
    const char *error = NULL;
    for (size_t i = 0; i < schema->count && error == NULL; i++) {
        struct oracle_column *column = &pipeline->columns[pipeline->column_count++];
        column->name = schema->fields[i].name;
        error = oracle_read_expression(
            arena_printf(arena, "`%s`", column->name), arena, schema, &column->is);
    }
    return error;
}

static const char *read_select(json_t *items, struct arena *arena, struct oracle_pipeline *pipeline)
{
    const struct schema *schema =
        pipeline->aggregation == NULL ? &pipeline->source : &pipeline->aggregation->groups;
    size_t most = items == NULL ? schema->count : 2 * json_array_size(items);
    pipeline->columns = arena_alloc(arena, (most + 1) * sizeof *pipeline->columns);
    if (items == NULL) {
        return read_all(schema, arena, pipeline);
    }
    const char *error = NULL;
    for (size_t i = 0; i < json_array_size(items) && error == NULL; i++) {
        const json_t *item = json_array_get(items, i);
        size_t members[2];
        if (members_of(item, schema, members) == 2) {
            error = add_members(item, arena, schema, members, pipeline);
        } else {
            struct oracle_column *column = &pipeline->columns[pipeline->column_count++];
            error = read_column(item, arena, schema, column);
        }
    }
    return error == NULL && pipeline->column_count == 0 ? "a select without columns" : error;
}

static void read_settings(json_t *options, struct arena *arena, struct oracle_pipeline *pipeline)
{
    const char *name;
    json_t *value;
    json_object_foreach(options, name, value)
    {
        const char *text = text_of(value, arena);
        if (text != NULL) {
            pipeline->settings[pipeline->setting_count++] =
                (struct oracle_setting){arena_strdup(arena, name), text};
        }
    }
}

static const char *read_root(json_t *root, struct arena *arena, struct oracle_pipeline *pipeline)
{
    json_t *source = json_object_get(root, "source");
    const char *topic = json_string_value(json_object_get(source, "subscribe"));
    const char *table = json_string_value(json_object_get(json_object_get(root, "sink"), "path"));
    const char *mode = json_string_value(json_object_get(source, "mode"));
    const char *filter = json_string_value(json_object_get(root, "filter"));
    if (topic == NULL || table == NULL) {
        return "no source.subscribe or no sink.path";
    }
    pipeline->topic = arena_strdup(arena, topic);
    pipeline->table = arena_strdup(arena, table);
    pipeline->failfast = mode != NULL && strcasecmp(mode, "FAILFAST") == 0;
    const char *error = read_schema(json_object_get(source, "schema"), arena, pipeline);
    if (error == NULL && filter != NULL) {
        error = oracle_read_expression(filter, arena, &pipeline->source, &pipeline->filter);
    }
    if (error == NULL) {
        error = oracle_read_groups(root, arena, pipeline);
    }
    if (error == NULL) {
        error = read_select(json_object_get(root, "select"), arena, pipeline);
    }
    json_t *of_source = json_object_get(source, "options");
    json_t *of_query = json_object_get(root, "options");
    json_t *trigger = json_object_get(root, "trigger");
    pipeline->settings = arena_alloc(
        arena,
        (json_object_size(of_source) + json_object_size(of_query) + json_object_size(trigger) + 1) *
            sizeof *pipeline->settings);
    read_settings(of_source, arena, pipeline);
    read_settings(of_query, arena, pipeline);
    read_settings(trigger, arena, pipeline);
    return error;
}

const char *
oracle_pipeline_read(struct bytes text, struct arena *arena, struct oracle_pipeline *pipeline)
{
    *pipeline = (struct oracle_pipeline){.topic = NULL};
    document_setup();
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) {
        return "the pipeline is no JSON";
    }
    const char *error = read_root(root, arena, pipeline);
    json_decref(root);
    return error;
}
