#include "engine/source/decode.h"

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/source/decode_value.h"
#include "engine/source/json_scan.h"

/* One column: its name, and the same with quotes, as it mostly stands in a record (empty when the
 * name needs an escape there). */
struct column_name {
    struct bytes name;
    struct bytes quoted;
};

struct decoder {
    const struct schema *schema;
    enum decode_mode mode;
    struct column_name *names;
    size_t slot_count; /* power of two, at least twice the columns */
    uint16_t *slots;   /* column + 1, or 0; open addressing by slot_of */
};

/* The state of one row. */
struct row {
    const struct decoder *decoder;
    struct arena *arena;
    struct columns *columns;
    struct scan scan;
    size_t guess;          /* the column that the next member probably is */
    const uint8_t *misfit; /* the first value of another type than its column */
    size_t misfit_column;
};

static size_t slot_of(const struct decoder *decoder, struct bytes name)
{
    uint64_t head = 0;
    memcpy(&head, name.data, name.size < sizeof head ? name.size : sizeof head);
    return (size_t)((head + name.size) * 0x9e3779b97f4a7c15ULL >> 40) & (decoder->slot_count - 1);
}

struct decoder *decoder_new(struct arena *arena, const struct schema *schema, enum decode_mode mode)
{
    require(schema->count > 0);
    require(schema->count < UINT16_MAX / 4);
    struct decoder *decoder = arena_alloc(arena, sizeof *decoder);
    decoder->schema = schema;
    decoder->mode = mode;
    decoder->names = arena_alloc(arena, schema->count * sizeof *decoder->names);
    decoder->slot_count = 4;
    while (decoder->slot_count < 2 * schema->count) {
        decoder->slot_count *= 2;
    }
    decoder->slots = arena_alloc(arena, decoder->slot_count * sizeof *decoder->slots);
    for (size_t i = 0; i < schema->count; i++) {
        struct bytes name = bytes_of_text(schema->fields[i].name);
        decoder->names[i].name = name;
        if (strpbrk(schema->fields[i].name, "\"\\") == NULL) {
            decoder->names[i].quoted =
                bytes_of_text(arena_printf(arena, "\"%s\"", schema->fields[i].name));
        }
        size_t slot = slot_of(decoder, name);
        while (decoder->slots[slot] != 0) {
            slot = (slot + 1) & (decoder->slot_count - 1);
        }
        decoder->slots[slot] = (uint16_t)(i + 1);
    }
    return decoder;
}

/* The column of exactly this name (JacksonParser matches case-sensitively), or -1. */
static int find_column(const struct decoder *decoder, struct bytes name)
{
    size_t slot = slot_of(decoder, name);
    for (; decoder->slots[slot] != 0; slot = (slot + 1) & (decoder->slot_count - 1)) {
        size_t column = decoder->slots[slot] - 1U;
        if (bytes_equal(name, decoder->names[column].name)) {
            return (int)column;
        }
    }
    return -1;
}

/* The name at the cursor, as a column or -1. Records mostly have their members in one order, so the
 * column behind the last one is compared before anything is looked up. */
static bool read_name(struct row *row, int *column)
{
    struct scan *scan = &row->scan;
    const struct decoder *decoder = row->decoder;
    struct bytes guess = decoder->names[row->guess].quoted;
    if (guess.size > 0 && (size_t)(scan->end - scan->at) >= guess.size &&
        memcmp(scan->at, guess.data, guess.size) == 0) {
        scan->at += guess.size;
        *column = (int)row->guess;
    } else {
        struct bytes name;
        bool escaped = false;
        if (scan_peek(scan) != '"') {
            return scan_fail(scan, "a member's name");
        }
        if (!scan_string(scan, &name, &escaped)) {
            return false;
        }
        *column = find_column(decoder, escaped ? scan_unescape(row->arena, name) : name);
    }
    if (*column >= 0) {
        row->guess = (size_t)*column + 1 == decoder->schema->count ? 0 : (size_t)*column + 1;
    }
    scan_space(scan);
    return scan_byte(scan, ':') || scan_fail(scan, "':'");
}

static void clear_row(struct columns *columns)
{
    size_t row = columns->rows;
    for (size_t i = 0; i < columns->schema->count; i++) {
        value_set_null(&columns->columns[i], row);
    }
}

/* A value for a column. False: no JSON. A value that does not fit leaves the column as it is: with
 * a member that stands twice, Spark keeps the earlier value then. */
static bool read_value(struct row *row, size_t column)
{
    const uint8_t *start = row->scan.at;
    enum value_fit fit =
        value_read(&row->scan, row->arena, &row->columns->columns[column], row->columns->rows);
    if (fit == VALUE_MISFIT && row->misfit == NULL) {
        row->misfit = start;
        row->misfit_column = column;
    }
    return fit != VALUE_MALFORMED;
}

static bool read_members(struct row *row)
{
    struct scan *scan = &row->scan;
    do {
        int column = -1;
        scan_space(scan);
        if (!read_name(row, &column)) {
            return false;
        }
        scan_space(scan);
        if (!(column < 0 ? scan_skip(scan, 1) : read_value(row, (size_t)column))) {
            return false;
        }
        scan_space(scan);
    } while (scan_byte(scan, ','));
    return scan_byte(scan, '}') || scan_fail(scan, "',' or '}'");
}

/* The whole record; the cursor stands on its first byte that is no white space. */
static bool read_record(struct row *row)
{
    struct scan *scan = &row->scan;
    if (!scan_byte(scan, '{')) {
        return scan_fail(scan, "a JSON object");
    }
    scan_space(scan);
    if (!scan_byte(scan, '}') && !read_members(row)) {
        return false;
    }
    scan_space(scan);
    return scan->at == scan->end || scan_fail(scan, "nothing behind the object");
}

static enum status
refuse_record(const struct row *row, const uint8_t *start, bool good, struct diag *diag)
{
    const struct schema *schema = row->decoder->schema;
    if (!good) {
        return diag_fail(diag,
                         "MALFORMED_RECORD_IN_PARSING",
                         "malformed record at byte %zu: expected %s; mode FAILFAST ends the query, "
                         "PERMISSIVE makes the row null",
                         (size_t)(row->scan.at - start),
                         row->scan.expected);
    }
    const struct field *field = &schema->fields[row->misfit_column];
    return diag_fail(diag,
                     "MALFORMED_RECORD_IN_PARSING",
                     "the value of \"%s\" at byte %zu is no %s; mode FAILFAST ends the query, "
                     "PERMISSIVE makes the column null",
                     field->name,
                     (size_t)(row->misfit - start),
                     type_name(field->type));
}

enum status decoder_row(const struct decoder *decoder,
                        struct arena *arena,
                        struct bytes value,
                        struct columns *columns,
                        struct diag *diag)
{
    require(columns->rows < columns->capacity);
    require(columns->schema->count == decoder->schema->count);
    clear_row(columns);
    struct row row = {.decoder = decoder, .arena = arena, .columns = columns};
    row.scan = (struct scan){.at = value.data, .end = value.data};
    if (value.size > 0) {
        row.scan.end += value.size;
        scan_space(&row.scan);
    }
    if (row.scan.at != row.scan.end) {
        bool good = read_record(&row);
        if (decoder->mode == DECODE_FAILFAST && (!good || row.misfit != NULL)) {
            return refuse_record(&row, value.data, good, diag);
        }
        if (!good) {
            clear_row(columns);
        }
    }
    columns->rows++;
    return OK;
}
