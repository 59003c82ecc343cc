/* The key tables as JSON schema (draft 07). Each table is one definition; it says no more than one
 * object can show: what ties two keys together is the loader's. */
#include "scenarios/loader/schema.h"

#include <jansson.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "scenarios/loader/keys.h"

enum { TABLES_MAX = 64 };

struct schema_work {
    struct arena arena;
    const struct key_table *tables[TABLES_MAX]; /* each once, in the order they are met */
    size_t table_count;
};

static void put(json_t *object, const char *key, json_t *value)
{
    require(json_object_set_new(object, key, value) == 0);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    put(object, key, json_string(text));
}

static json_t *name_list(const char *const *names)
{
    json_t *list = json_array();
    for (size_t i = 0; names[i] != NULL; i++) {
        require(json_array_append_new(list, json_string(names[i])) == 0);
    }
    return list;
}

/* A reference to a table's definition, which is printed later. */
static json_t *reference(struct schema_work *work, const struct key_table *table)
{
    size_t i = 0;
    while (i < work->table_count && work->tables[i] != table) {
        i++;
    }
    if (i == work->table_count) {
        require(work->table_count < TABLES_MAX);
        work->tables[work->table_count++] = table;
    }
    json_t *schema = json_object();
    put_text(schema, "$ref", arena_printf(&work->arena, "#/definitions/%s", table->name));
    return schema;
}

static json_t *text_like(const char *pattern)
{
    json_t *schema = json_object();
    put_text(schema, "type", "string");
    put_text(schema, "pattern", pattern);
    return schema;
}

static json_t *whole_number(int64_t min, const int64_t *max)
{
    json_t *schema = json_object();
    put_text(schema, "type", "integer");
    put(schema, "minimum", json_integer(min));
    if (max != NULL) {
        put(schema, "maximum", json_integer(*max));
    }
    return schema;
}

static json_t *either(json_t *one, json_t *other)
{
    json_t *schema = json_object();
    json_t *list = json_array();
    require(json_array_append_new(list, one) == 0);
    require(json_array_append_new(list, other) == 0);
    put(schema, "anyOf", list);
    return schema;
}

static json_t *one_of_names(const char *const *names)
{
    json_t *schema = json_object();
    put(schema, "enum", name_list(names));
    return schema;
}

static json_t *variants(struct schema_work *work, const struct key *key)
{
    json_t *schema = json_object();
    json_t *list = json_array();
    for (size_t i = 0; key->variants[i] != NULL; i++) {
        require(json_array_append_new(list, reference(work, key->variants[i])) == 0);
    }
    put(schema, "oneOf", list);
    return schema;
}

#define DURATION_PATTERN "^ *[0-9].*[A-Za-z] *$"

/* Every kind but lists and maps. */
static json_t *plain_schema(struct schema_work *work, const struct key *key)
{
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_PATH:
        return text_like(".");
    case KEY_NAME:
        return one_of_names(key->names);
    case KEY_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case KEY_INT:
        return whole_number(key->min, &key->max);
    case KEY_DURATION:
        return text_like(DURATION_PATTERN);
    case KEY_RATE:
        return text_like("^[0-9]+/(ms|s|sec|second|m|min|minute|h|hour|d|day)$");
    case KEY_MILLISECONDS:
        return either(whole_number(key->min > 0 ? key->min : -1, NULL),
                      text_like(DURATION_PATTERN));
    case KEY_BYTES:
        return either(whole_number(key->min > 0 ? key->min : -1, NULL),
                      text_like("^ *[0-9]+ *[A-Za-z]+ *$"));
    case KEY_TIMESTAMP:
        return text_like("^[0-9]{4}-[0-9]{2}-[0-9]{2}");
    case KEY_TARGET:
        return text_like("^(driver|second driver|executors|driver machine|storage"
                         "|executor( [1-9][0-9]{0,3}( machine)?)?|broker [1-9][0-9]{0,3}( machine)?"
                         "|topic [a-zA-Z0-9._-]+)$");
    case KEY_SCALAR:
        return json_pack("{s:[s,s,s]}", "type", "string", "integer", "boolean");
    case KEY_OBJECT:
        return reference(work, key->table);
    case KEY_INT_OR_OBJECT:
        return either(whole_number(key->min, &key->max), reference(work, key->table));
    case KEY_VARIANTS:
        return variants(work, key);
    case KEY_LIST:
    case KEY_MAP:
        break;
    }
    require(false && "a list is no element");
    return NULL;
}

static void put_remarks(json_t *properties)
{
    put(properties, "note", text_like("."));
    put(properties, "$schema", text_like("."));
}

static json_t *list_schema(struct schema_work *work, const struct key *key)
{
    json_t *schema = json_object();
    put_text(schema, "type", "array");
    put(schema, "items", plain_schema(work, key->element));
    if (key->min > 0) {
        put(schema, "minItems", json_integer(key->min));
    }
    if (key->max > 0) {
        put(schema, "maxItems", json_integer(key->max));
    }
    return schema;
}

static json_t *map_schema(struct schema_work *work, const struct key *key)
{
    json_t *schema = json_object();
    json_t *properties = json_object();
    put_text(schema, "type", "object");
    for (size_t i = 0; key->names != NULL && key->names[i] != NULL; i++) {
        put(properties, key->names[i], plain_schema(work, key->element));
    }
    put_remarks(properties);
    put(schema, "properties", properties);
    put(schema,
        "additionalProperties",
        key->names != NULL ? json_false() : plain_schema(work, key->element));
    if (key->min > 0) {
        put(schema, "minProperties", json_integer(key->min));
    }
    return schema;
}

static json_t *key_schema(struct schema_work *work, const struct key *key)
{
    json_t *schema = NULL;
    if (key->kind == KEY_LIST) {
        schema = list_schema(work, key);
    } else if (key->kind == KEY_MAP) {
        schema = map_schema(work, key);
    } else {
        schema = plain_schema(work, key);
        if (key->names != NULL && key->kind != KEY_NAME) {
            schema = either(schema, one_of_names(key->names));
        }
    }
    if (key->help != NULL) {
        put_text(schema,
                 "description",
                 key->standard == NULL
                     ? key->help
                     : arena_printf(&work->arena, "%s (without it: %s)", key->help, key->standard));
    }
    return schema;
}

static json_t *table_schema(struct schema_work *work, const struct key_table *table)
{
    json_t *schema = json_object();
    json_t *properties = json_object();
    json_t *required = json_array();
    for (const struct key *key = table->keys; key->name != NULL; key++) {
        put(properties, key->name, key_schema(work, key));
        if (key->required) {
            require(json_array_append_new(required, json_string(key->name)) == 0);
        }
    }
    put_remarks(properties);
    put_text(schema, "description", table->help);
    put_text(schema, "type", "object");
    put(schema, "properties", properties);
    if (json_array_size(required) > 0) {
        put(schema, "required", required);
    } else {
        json_decref(required);
    }
    put(schema, "additionalProperties", json_false());
    return schema;
}

void schema_print(struct buf *out)
{
    document_setup();
    struct schema_work work = {0};
    json_t *schema = json_object();
    put_text(schema, "$schema", "http://json-schema.org/draft-07/schema#");
    put_text(schema, "title", "Aftershock scenario");
    json_t *whole = reference(&work, &keys_scenario);
    require(json_object_update_new(schema, whole) == 0);
    json_t *definitions = json_object();
    for (size_t i = 0; i < work.table_count; i++) {
        put(definitions, work.tables[i]->name, table_schema(&work, work.tables[i]));
    }
    put(schema, "definitions", definitions);
    char *text = json_dumps(schema, JSON_INDENT(2));
    require(text != NULL);
    buf_text(out, text);
    buf_text(out, "\n");
    heap_free(text);
    json_decref(schema);
    arena_free(&work.arena);
}
