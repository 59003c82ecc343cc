#include "sim/check/oracle_decode.h"

#include "engine/base/units.h"
#include "sim/check/json_pull.h"

static const char malformed[] = "MALFORMED_RECORD_IN_PARSING";

static void set_number(struct value *cell, int64_t number)
{
    cell->present = true;
    cell->as.number = number;
}

static bool whole_cell(const struct json_pull *json, struct value *cell)
{
    int64_t number;
    bool fits = pull_int64(json, &number) &&
                (cell->type == TYPE_LONG || (number >= INT32_MIN && number <= INT32_MAX));
    if (fits) {
        set_number(cell, number);
    }
    return fits;
}

/* The texts that Spark takes for a double that JSON cannot write. */
static bool special_double(struct bytes text, double *real)
{
    static const struct {
        const char *text;
        int sign;
    } specials[] = {{"NaN", 0},
                    {"Infinity", 1},
                    {"+Infinity", 1},
                    {"+INF", 1},
                    {"-Infinity", -1},
                    {"-INF", -1}};
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (bytes_equal_text(text, specials[i].text)) {
            *real = specials[i].sign == 0  ? __builtin_nan("")
                    : specials[i].sign > 0 ? __builtin_inf()
                                           : -__builtin_inf();
            return true;
        }
    }
    return false;
}

static bool double_cell(const struct json_pull *json, struct arena *arena, struct value *cell)
{
    double real;
    bool fits = json->token == PULL_STRING ? special_double(pull_string(json, arena), &real)
                                           : pull_double(json, &real);
    if (fits) {
        cell->present = true;
        cell->as.real = real;
    }
    return fits;
}

static bool timestamp_cell(const struct json_pull *json, struct arena *arena, struct value *cell)
{
    int64_t time;
    bool fits = json->token == PULL_STRING
                    ? timestamp_parse(pull_string(json, arena), &time)
                    : pull_int64(json, &time) && !__builtin_mul_overflow(time, 1000000, &time);
    if (fits) {
        set_number(cell, time);
    }
    return fits;
}

static void text_cell(struct json_pull *json, struct arena *arena, struct value *cell)
{
    size_t begin = json->token_at;
    bool plain = json->token == PULL_STRING;
    struct bytes text = plain ? pull_string(json, arena) : bytes_of(NULL, 0);
    if (!plain && pull_skip(json)) {
        text = bytes_of(json->text.data + begin, json->at - begin);
    }
    cell->present = true;
    cell->as.text = text;
}

/* The value at the reader into its cell; false when it does not fit (the cell is as it was). */
static bool decode_cell(struct json_pull *json, struct arena *arena, struct value *cell)
{
    if (json->token == PULL_NULL) {
        cell->present = false;
        return true;
    }
    switch (cell->type) {
    case TYPE_BOOLEAN:
        if (json->token == PULL_TRUE || json->token == PULL_FALSE) {
            cell->present = true;
            cell->as.boolean = json->token == PULL_TRUE;
            return true;
        }
        return false;
    case TYPE_INT:
    case TYPE_LONG:
        return whole_cell(json, cell);
    case TYPE_DOUBLE:
        return double_cell(json, arena, cell);
    case TYPE_TIMESTAMP:
        return timestamp_cell(json, arena, cell);
    case TYPE_STRING:
        text_cell(json, arena, cell);
        return true;
    case TYPE_COUNT:
        break;
    }
    return false;
}

static void clear(const struct schema *schema, struct value *cells)
{
    for (size_t i = 0; i < schema->count; i++) {
        cells[i] = (struct value){.type = schema->fields[i].type};
    }
}

static struct value *cell_of(const struct schema *schema, struct bytes name, struct value *cells)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (bytes_equal_text(name, schema->fields[i].name)) {
            return &cells[i];
        }
    }
    return NULL;
}

static bool only_space(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == 0) {
            return false;
        }
    }
    return true;
}

const char *oracle_decode(const struct schema *schema,
                          bool failfast,
                          struct bytes record,
                          struct arena *arena,
                          struct value *cells)
{
    clear(schema, cells);
    if (only_space(record)) {
        return NULL;
    }
    bool all_fit = true;
    struct json_pull json;
    pull_open(&json, record);
    bool object = pull_next(&json) == PULL_OBJECT;
    while (object && pull_member(&json)) {
        struct value *cell = cell_of(schema, pull_string(&json, arena), cells);
        pull_next(&json);
        all_fit = (cell == NULL || decode_cell(&json, arena, cell)) && all_fit;
        pull_skip(&json);
    }
    if (!object || json.token != PULL_OBJECT_END || pull_next(&json) != PULL_END) {
        clear(schema, cells);
        all_fit = false;
    }
    return failfast && !all_fit ? malformed : NULL;
}
