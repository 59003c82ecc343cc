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

bool schema_names_equal(const char *a, const char *b)
{
    return equal_ignoring_case(a, strlen(a), b, strlen(b));
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

const char *field_column_name(const struct field *field)
{
    return field->parent == NULL ? field->name : field->parent;
}

size_t schema_column_fields(const struct schema *schema, size_t first)
{
    require(first < schema->count);
    const char *parent = schema->fields[first].parent;
    size_t count = 1;
    while (parent != NULL && first + count < schema->count &&
           schema->fields[first + count].parent != NULL &&
           strcmp(schema->fields[first + count].parent, parent) == 0) {
        count++;
    }
    return count;
}

size_t schema_column_count(const struct schema *schema)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->count; i += schema_column_fields(schema, i)) {
        count++;
    }
    return count;
}

static void begin_column(struct buf *out, bool first, const char *name)
{
    buf_text(out, first ? "{\"name\":" : ",{\"name\":");
    buf_json_string(out, bytes_of_text(name));
    buf_text(out, ",\"type\":");
}

static void end_column(struct buf *out)
{
    buf_text(out, ",\"nullable\":true,\"metadata\":{}}");
}

static void write_fields(const struct field *fields, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        begin_column(out, i == 0, field_member_name(&fields[i]));
        buf_printf(out, "\"%s\"", type_name(fields[i].type));
        end_column(out);
    }
}

void schema_json(const struct schema *schema, struct buf *out)
{
    buf_text(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < schema->count;) {
        const struct field *field = &schema->fields[i];
        size_t count = schema_column_fields(schema, i);
        if (field->parent == NULL) {
            buf_text(out, i == 0 ? "" : ",");
            write_fields(field, 1, out);
        } else {
            begin_column(out, i == 0, field->parent);
            buf_text(out, "{\"type\":\"struct\",\"fields\":[");
            write_fields(field, count, out);
            buf_text(out, "]}");
            end_column(out);
        }
        i += count;
    }
    buf_text(out, "]}");
}
