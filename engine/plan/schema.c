#include "engine/plan/schema.h"

#include "engine/base/check.h"
#include "engine/base/fold.h"

static const char *const type_names[] = {
#define X(id, name) [id] = (name),
    TYPE_TABLE(X)
#undef X
};

const char *field_member_name(const struct field *field)
{
    return field->parent == NULL ? field->name : field->name + strlen(field->parent) + 1;
}

const char *type_name(enum type type)
{
    require(type < TYPE_COUNT);
    return type_names[type];
}

static bool equal_ignoring_case(const char *a, size_t a_size, const char *b, size_t b_size)
{
    if (a_size != b_size) {
        return false;
    }
    for (size_t i = 0; i < a_size; i++) {
        if (fold_byte((uint8_t)a[i]) != fold_byte((uint8_t)b[i])) {
            return false;
        }
    }
    return true;
}

bool type_parse(const char *name, enum type *type)
{
    /* The names of Spark's SQL grammar (DataTypeAstBuilder.scala) beside the JSON ones. */
    static const struct {
        const char *name;
        enum type type;
    } synonyms[] = {
        {"int", TYPE_INT},
        {"bigint", TYPE_LONG},
    };
    size_t size = strlen(name);
    for (int candidate = 0; candidate < TYPE_COUNT; candidate++) {
        const char *known = type_names[candidate];
        if (equal_ignoring_case(name, size, known, strlen(known))) {
            *type = (enum type)candidate;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        if (equal_ignoring_case(name, size, synonyms[i].name, strlen(synonyms[i].name))) {
            *type = synonyms[i].type;
            return true;
        }
    }
    return false;
}

int schema_find(const struct schema *schema, struct bytes name)
{
    for (size_t i = 0; i < schema->count; i++) {
        const char *known = schema->fields[i].name;
        if (equal_ignoring_case((const char *)name.data, name.size, known, strlen(known))) {
            return (int)i;
        }
    }
    return -1;
}

void schema_json(const struct schema *schema, struct buf *out)
{
    buf_text(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < schema->count; i++) {
        buf_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        buf_json_string(out, bytes_of_text(schema->fields[i].name));
        buf_text(out, ",\"type\":\"");
        buf_text(out, type_name(schema->fields[i].type));
        buf_text(out, "\",\"nullable\":true,\"metadata\":{}}");
    }
    buf_text(out, "]}");
}
