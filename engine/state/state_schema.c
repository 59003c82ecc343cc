#include "engine/state/state_schema.h"

#include <inttypes.h>

#include "engine/base/document.h"
#include "engine/plan/expression.h"

#define VERSION       "v2"
#define VERSION_PLAIN "v1"

enum { UTF_SIZE_MAX = 65535 };

/* ---- StructType JSON ----------------------------------------------------------------------------
 */

static void write_plain(const char *name, enum type type, bool nullable, struct buf *out)
{
    buf_text(out, "{\"name\":");
    buf_json_string(out, bytes_of_text(name));
    buf_printf(
        out, ",\"type\":\"%s\",\"nullable\":%s", type_name(type), nullable ? "true" : "false");
}

static void write_struct(const struct field *fields, size_t count, bool nullable, struct buf *out)
{
    buf_text(out, "{\"name\":");
    buf_json_string(out, bytes_of_text(fields[0].parent));
    buf_text(out, ",\"type\":{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i == 0 ? "" : ",");
        write_plain(field_member_name(&fields[i]), fields[i].type, true, out);
        buf_text(out, ",\"metadata\":{}}");
    }
    buf_printf(out, "]},\"nullable\":%s", nullable ? "true" : "false");
}

/* Spark's Expand makes a row of each window that overlaps and says that the window may be null;
 * its one window of a tumbling query is not. A key that was not nullable and is now is refused by
 * Spark (STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE). */
static bool windows_overlap(const struct aggregation *aggregation)
{
    return aggregation->window.slide_us < aggregation->window.length_us;
}

/* Spark marks the columns that a watermark is held against, and windows. */
static void write_metadata(bool window, const struct watermark *watermark, struct buf *out)
{
    buf_text(out, ",\"metadata\":{");
    if (window) {
        buf_text(out, "\"spark.timeWindow\":true");
    }
    if (watermark != NULL) {
        buf_printf(
            out, "%s\"spark.watermarkDelayMs\":%" PRId64, window ? "," : "", watermark->delay_ms);
    }
    buf_text(out, "}}");
}

/* Spark groups by columns: of what is none it makes one first, under a name of its own, and an
 * alias comes after the grouping. */
static const char *key_name(const struct plan *plan, size_t key)
{
    const struct aggregation *aggregation = plan->aggregation;
    for (size_t i = 0; i < aggregation->grouping_count; i++) {
        size_t field = 0;
        if (aggregation->groupings[i].key != key) {
            continue;
        }
        return expression_is_column(aggregation->groupings[i].expression, &field)
                   ? plan->source.fields[field].name
                   : "_groupingexpression";
    }
    return aggregation->key.fields[key].name;
}

void state_key_schema_json(const struct plan *plan, struct buf *out)
{
    const struct aggregation *aggregation = plan->aggregation;
    const struct schema *schema = &aggregation->key;
    buf_text(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < schema->count;) {
        const struct field *field = &schema->fields[i];
        size_t count = schema_column_fields(schema, i);
        int event_time = aggregation->event_time_key;
        bool held = event_time >= 0 && (size_t)event_time >= i && (size_t)event_time < i + count;
        buf_text(out, i == 0 ? "" : ",");
        if (field->parent == NULL) {
            write_plain(key_name(plan, i), field->type, true, out);
        } else {
            write_struct(field, count, windows_overlap(aggregation), out);
        }
        write_metadata(field->parent != NULL, held ? plan->watermark : NULL, out);
        i += count;
    }
    buf_text(out, "]}");
}

static bool is_count(const struct aggregation *aggregation, size_t field)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct aggregate *aggregate = &aggregation->aggregates[i];
        if (aggregate->buffer == field) {
            return aggregate->function == AGGREGATE_COUNT ||
                   aggregate->function == AGGREGATE_COUNT_ALL;
        }
    }
    return false;
}

void state_value_schema_json(const struct plan *plan, struct buf *out)
{
    const struct aggregation *aggregation = plan->aggregation;
    buf_text(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < aggregation->buffer.count; i++) {
        const struct field *field = &aggregation->buffer.fields[i];
        buf_text(out, i == 0 ? "" : ",");
        write_plain(field->name, field->type, !is_count(aggregation, i), out);
        buf_text(out, ",\"metadata\":{}}");
    }
    buf_text(out, "]}");
}

/* ---- modified UTF-8 -----------------------------------------------------------------------------
 */

/* One character of UTF-8 as Java writes it: outside the basic plane as two surrogates of three
 * bytes each. JSON holds no zero byte, the other difference. */
static size_t java_character(struct bytes text, size_t at, uint8_t out[6], size_t *size)
{
    uint8_t first = text.data[at];
    size_t length = 1;
    if (first >= 0xc0) {
        length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    }
    length = length < text.size - at ? length : text.size - at;
    if (length < 4) {
        memcpy(out, text.data + at, length);
        *size = length;
        return length;
    }
    const uint8_t *b = text.data + at;
    uint32_t code = (uint32_t)(b[0] & 7) << 18 | (uint32_t)(b[1] & 63) << 12 |
                    (uint32_t)(b[2] & 63) << 6 | (uint32_t)(b[3] & 63);
    const uint32_t surrogates[2] = {0xd800 | ((code - 0x10000) >> 10 & 0x3ff),
                                    0xdc00 | (code & 0x3ff)};
    for (size_t i = 0; i < 2; i++) {
        out[3 * i] = (uint8_t)(0xe0 | surrogates[i] >> 12);
        out[3 * i + 1] = (uint8_t)(0x80 | (surrogates[i] >> 6 & 63));
        out[3 * i + 2] = (uint8_t)(0x80 | (surrogates[i] & 63));
    }
    *size = 6;
    return length;
}

static void put_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* As many characters from `at` on as one writeUTF may hold; gives where the next one begins. */
static size_t write_utf(struct bytes text, size_t at, struct buf *out)
{
    size_t size_at = out->size;
    size_t written = 0;
    put_be16(buf_extend(out, 2), 0);
    while (at < text.size) {
        uint8_t character[6];
        size_t size = 0;
        size_t length = java_character(text, at, character, &size);
        if (written + size > UTF_SIZE_MAX) {
            break;
        }
        buf_append(out, character, size);
        written += size;
        at += length;
    }
    put_be16(out->data + size_at, written);
    return at;
}

static void write_chunks(struct bytes text, struct buf *out)
{
    struct buf chunks = {0};
    uint32_t count = 0;
    for (size_t at = 0; at < text.size; count++) {
        at = write_utf(text, at, &chunks);
    }
    buf_be32(out, count);
    buf_append(out, chunks.data, chunks.size);
    buf_free(&chunks);
}

void state_schema_write(struct bytes key, struct bytes value, struct buf *out)
{
    (void)write_utf(bytes_of_text(VERSION), 0, out);
    write_chunks(key, out);
    write_chunks(value, out);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static struct bytes read_utf(struct cursor *cursor)
{
    size_t high = cursor_byte(cursor);
    size_t low = cursor_byte(cursor);
    return cursor_take(cursor, high << 8 | low);
}

static struct bytes read_chunks(struct cursor *cursor, struct arena *arena)
{
    uint32_t count = cursor_be32(cursor);
    struct buf text = {0};
    for (uint32_t i = 0; i < count && !cursor->failed; i++) {
        struct bytes chunk = read_utf(cursor);
        buf_append(&text, chunk.data, chunk.size);
    }
    struct bytes copy = bytes_of(arena_copy(arena, text.data, text.size), text.size);
    buf_free(&text);
    return copy;
}

enum status
state_schema_read(struct bytes file, struct arena *arena, struct bytes *key, struct bytes *value)
{
    struct cursor cursor = cursor_of(file);
    struct bytes version = read_utf(&cursor);
    if (bytes_equal_text(version, VERSION)) {
        *key = read_chunks(&cursor, arena);
        *value = read_chunks(&cursor, arena);
    } else if (bytes_equal_text(version, VERSION_PLAIN)) {
        *key = read_utf(&cursor);
        *value = read_utf(&cursor);
    } else {
        return ERR_CORRUPT;
    }
    return cursor.failed || cursor_left(&cursor) > 0 ? ERR_CORRUPT : OK;
}

/* ---- types --------------------------------------------------------------------------------------
 */

static const char *keep(struct buf *text, struct arena *arena)
{
    const char *kept = arena_copy(arena, text->data, text->size);
    buf_free(text);
    return kept;
}

const char *state_schema_types(const struct schema *schema, struct arena *arena)
{
    struct buf text = {0};
    for (size_t i = 0; i < schema->count;) {
        size_t count = schema_column_fields(schema, i);
        bool nested = schema->fields[i].parent != NULL;
        buf_text(&text, i == 0 ? "" : ",");
        buf_text(&text, nested ? "struct<" : "");
        for (size_t member = i; member < i + count; member++) {
            buf_text(&text, member == i ? "" : ",");
            buf_text(&text, type_name(schema->fields[member].type));
        }
        buf_text(&text, nested ? ">" : "");
        i += count;
    }
    return keep(&text, arena);
}

/* A type by its name; a struct of structs, an array or a map is what no plan has. */
static void append_type(const json_t *type, struct buf *out)
{
    const char *name = json_string_value(type);
    buf_text(out, name == NULL ? "(nested)" : name);
}

static bool append_members(const json_t *type, struct buf *out)
{
    const json_t *members = json_object_get(type, "fields");
    if (!json_is_array(members)) {
        buf_text(out, "(nested)"); /* an array, a map, a user's own type */
        return json_is_object(type);
    }
    buf_text(out, "struct<");
    for (size_t i = 0; i < json_array_size(members); i++) {
        buf_text(out, i == 0 ? "" : ",");
        append_type(json_object_get(json_array_get(members, i), "type"), out);
    }
    buf_text(out, ">");
    return true;
}

static bool append_fields(const json_t *root, struct buf *out)
{
    const json_t *fields = json_object_get(root, "fields");
    if (!json_is_array(fields)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *type = json_object_get(json_array_get(fields, i), "type");
        buf_text(out, i == 0 ? "" : ",");
        if (json_is_string(type)) {
            append_type(type, out);
        } else if (!append_members(type, out)) {
            return false;
        }
    }
    return true;
}

enum status state_schema_json_types(struct bytes json, struct arena *arena, const char **types)
{
    struct document document;
    struct diag ignored = {0};
    struct buf text = {0};
    *types = "";
    if (document_parse(arena, "schema", json, "MALFORMED_SCHEMA", &document, &ignored) != OK) {
        return ERR_CORRUPT;
    }
    bool valid = append_fields(document.root, &text);
    document_free(&document);
    *types = keep(&text, arena);
    return valid ? OK : ERR_CORRUPT;
}

bool state_schema_of_types(const char *types, struct arena *arena, struct schema *schema)
{
    struct field *fields = arena_alloc(arena, (strlen(types) / 2 + 1) * sizeof *fields);
    const char *parent = NULL;
    const char *at = types;
    *schema = (struct schema){.fields = fields};
    while (*at != '\0') {
        if (strncmp(at, "struct<", 7) == 0 && parent == NULL) {
            at += 7;
            parent = arena_printf(arena, "%zu", schema->count);
        }
        size_t size = strcspn(at, ",<>");
        struct field *field = &fields[schema->count++];
        *field = (struct field){.name = "", .parent = parent};
        if (size == 0 || !type_parse(arena_copy(arena, at, size), &field->type)) {
            return false;
        }
        at += size;
        if (*at == '>' && parent != NULL) {
            parent = NULL;
            at++;
        }
        bool more = *at == ',' && at[1] != '\0';
        if (!more && *at != '\0') {
            return false;
        }
        at += more;
    }
    return parent == NULL;
}
