/* Spark's UnsafeRow as JSON, by the StructType JSON of a state schema file. Bytes that are no such
 * row are shown as they are. Source: spark-checkpoint 1.13. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "sim/check/json_text.h"
#include "sim/cli/state_view.h"

enum { NESTING_MAX = 16, WORD = 8 };

/* One nested row that is being printed. */
struct open_row {
    json_t *fields;
    size_t next;
    struct bytes row;
};

static uint64_t word_at(struct bytes row, size_t at)
{
    uint64_t word = 0;
    for (size_t i = 0; i < WORD; i++) {
        word |= (uint64_t)row.data[at + i] << (8 * i);
    }
    return word;
}

static size_t bitmap_size(size_t fields)
{
    return (fields + 63) / 64 * WORD;
}

static bool is_row(const struct open_row *open)
{
    size_t count = json_array_size(open->fields);
    return json_is_array(open->fields) && open->row.size >= bitmap_size(count) + count * WORD;
}

/* What a word that holds size and offset refers to; false: it lies outside the row. */
static bool slice(struct bytes row, uint64_t word, struct bytes *part)
{
    uint64_t size = word & UINT32_MAX;
    uint64_t offset = word >> 32;
    if (offset > row.size || size > row.size - offset) {
        return false;
    }
    *part = bytes_of(row.data + offset, (size_t)size);
    return true;
}

static bool put_decimal(const char *type, struct bytes row, uint64_t word, struct buf *out)
{
    enum { IN_A_WORD = 18 };
    char *end = NULL;
    long precision = strtol(type + strlen("decimal("), &end, 10);
    long scale = *end == ',' ? strtol(end + 1, NULL, 10) : 0;
    struct bytes part;
    if (precision <= IN_A_WORD) {
        json_put_decimal64(out, (int64_t)word, scale);
        return true;
    }
    if (!slice(row, word, &part)) {
        return false;
    }
    json_put_decimal(out, part, scale);
    return true;
}

static void put_real(const char *type, uint64_t word, struct buf *out)
{
    double real = 0;
    float single = 0;
    uint32_t bits = (uint32_t)word;
    bool is_float = strcmp(type, "float") == 0;
    memcpy(&real, &word, sizeof real);
    memcpy(&single, &bits, sizeof single);
    json_put_double(out, is_float ? (double)single : real, is_float);
}

/* Whole numbers stand in the low bytes of their word; what is above may be anything. */
static bool put_integer(const char *type, uint64_t word, struct buf *out)
{
    int64_t number = (int64_t)word;
    if (strcmp(type, "integer") == 0 || strcmp(type, "date") == 0) {
        number = (int32_t)(uint32_t)word;
    } else if (strcmp(type, "short") == 0) {
        number = (int16_t)(uint16_t)word;
    } else if (strcmp(type, "byte") == 0) {
        number = (int64_t)(word & 0xff);
        number = number < 0x80 ? number : number - 0x100;
    } else if (strcmp(type, "long") != 0 && strncmp(type, "timestamp", 9) != 0) {
        return false;
    }
    if (strcmp(type, "date") == 0) {
        json_put_date(out, number);
    } else if (strncmp(type, "timestamp", 9) == 0) {
        json_put_timestamp(out, number, strcmp(type, "timestamp") == 0);
    } else {
        buf_printf(out, "%" PRId64, number);
    }
    return true;
}

/* A value that is no struct. */
static bool put_plain(json_t *type, struct bytes row, uint64_t word, struct buf *out)
{
    const char *name = json_is_string(type) ? json_string_value(type) : "";
    struct bytes part;
    if (strcmp(name, "boolean") == 0) {
        buf_text(out, (word & 1) != 0 ? "true" : "false");
        return true;
    }
    if (strcmp(name, "double") == 0 || strcmp(name, "float") == 0) {
        put_real(name, word, out);
        return true;
    }
    if (strncmp(name, "decimal(", 8) == 0) {
        return put_decimal(name, row, word, out);
    }
    if (put_integer(name, word, out)) {
        return true;
    }
    if (!slice(row, word, &part)) {
        return false;
    }
    if (strcmp(name, "string") == 0) {
        json_put_text(out, part);
    } else { /* binary, and arrays, maps and user types as their bytes */
        json_put_binary(out, part);
    }
    return true;
}

static void put_bytes(struct bytes row, struct buf *out)
{
    buf_text(out, "\"0x");
    for (size_t i = 0; i < row.size; i++) {
        buf_printf(out, "%02x", row.data[i]);
    }
    buf_byte(out, '"');
}

/* Two buffers may have one name ("sum", "sum"); a JSON object may not: the second is "sum#2". */
static void put_name(json_t *fields, size_t index, struct buf *out)
{
    const char *name = json_string_value(json_object_get(json_array_get(fields, index), "name"));
    struct buf unique = {0};
    size_t earlier = 0;
    name = name == NULL ? "" : name;
    for (size_t i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(fields, i), "name"));
        earlier += other != NULL && strcmp(other, name) == 0;
    }
    buf_text(&unique, name);
    if (earlier > 0) {
        buf_printf(&unique, "#%zu", earlier + 1);
    }
    json_put_text(out, buf_bytes(&unique));
    buf_free(&unique);
}

/* The next field of the innermost row; a struct opens a row of its own. False: it does not fit. */
static bool put_field(struct open_row *open, size_t *depth, struct buf *out)
{
    struct open_row *row = &open[*depth - 1];
    size_t count = json_array_size(row->fields);
    size_t i = row->next++;
    json_t *field = json_array_get(row->fields, i);
    json_t *type = json_object_get(field, "type");
    buf_byte(out, i == 0 ? '{' : ',');
    put_name(row->fields, i, out);
    buf_byte(out, ':');
    if ((row->row.data[i / 8] >> (i % 8) & 1) != 0) {
        buf_text(out, "null");
        return true;
    }
    uint64_t word = word_at(row->row, bitmap_size(count) + i * WORD);
    json_t *members = json_object_get(type, "fields");
    if (members == NULL) {
        return put_plain(type, row->row, word, out);
    }
    struct open_row inner = {.fields = members};
    if (*depth == NESTING_MAX || !slice(row->row, word, &inner.row) || !is_row(&inner)) {
        return false;
    }
    open[*depth] = inner;
    *depth += 1;
    return true;
}

void state_row_json(json_t *schema, struct bytes row, struct buf *out)
{
    struct open_row open[NESTING_MAX] = {{.fields = json_object_get(schema, "fields"), .row = row}};
    size_t begin = out->size;
    size_t depth = 1;
    bool fits = is_row(&open[0]);
    while (fits && depth > 0) {
        struct open_row *innermost = &open[depth - 1];
        if (innermost->next < json_array_size(innermost->fields)) {
            fits = put_field(open, &depth, out);
        } else {
            buf_text(out, innermost->next == 0 ? "{}" : "}");
            depth--;
        }
    }
    if (!fits) {
        out->size = begin;
        put_bytes(row, out);
    }
}
