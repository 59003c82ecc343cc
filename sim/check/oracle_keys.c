#include "sim/check/oracle_keys.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "sim/check/state_row.h"

/* Towards minus infinity, also before 1970 (SPARK-39347). */
static int64_t floored(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

/* Spark groups -0.0 with 0.0 and all NaNs together (NormalizeFloatingNumbers). */
static void normalise(struct value *cell)
{
    if (cell->present && cell->type == TYPE_DOUBLE) {
        double real = cell->as.real;
        cell->as.real = __builtin_isnan(real) ? __builtin_nan("") : real + 0.0;
    }
}

static const char *
key_cells(const struct oracle_aggregation *groups, const struct value *cells, struct value *key)
{
    for (size_t i = 0; i < groups->grouping_count; i++) {
        const struct oracle_grouping *grouping = &groups->groupings[i];
        struct value *cell = &key[grouping->key];
        if (grouping->is == NULL) {
            cell[0] = (struct value){.type = TYPE_TIMESTAMP, .present = true};
            cell[1] = cell[0];
            continue;
        }
        const char *error = oracle_expression_value(grouping->is, cells, cell);
        if (error != NULL) {
            return error;
        }
        cell->type = groups->key.fields[grouping->key].type;
        normalise(cell);
    }
    return NULL;
}

static void add_key(const struct oracle_aggregation *groups,
                    const struct value *cells,
                    struct arena *arena,
                    struct oracle_key *key)
{
    struct buf row = {0};
    state_row_encode(&groups->key, cells, &row);
    key->row = bytes_of(arena_copy(arena, row.data, row.size), row.size);
    key->hash = hash_bytes(row.data, row.size);
    key->cells = cells;
    key->murmur = state_row_hash(&groups->key, cells);
    buf_free(&row);
}

static size_t window_cell(const struct oracle_aggregation *groups)
{
    size_t at = 0;
    while (groups->groupings[at].is != NULL) {
        at++;
        require(at < groups->grouping_count);
    }
    return groups->groupings[at].key;
}

/* A window a start, from the last that holds the time back to the first; none without a time. */
static void window_keys(const struct oracle_aggregation *groups,
                        const struct value *time,
                        const struct value *first,
                        struct arena *arena,
                        struct oracle_input *input)
{
    const struct oracle_window *window = &groups->window;
    size_t most = (size_t)((window->length_us + window->slide_us - 1) / window->slide_us);
    struct oracle_key *keys = arena_alloc(arena, (most + 1) * sizeof *keys);
    size_t at = window_cell(groups);
    int64_t last = floored(time->as.number - window->start_us, window->slide_us) + window->start_us;
    for (int64_t start = last; start + window->length_us > time->as.number;
         start -= window->slide_us) {
        struct value *cells = arena_copy(arena, first, (groups->key.count + 1) * sizeof *first);
        cells[at].as.number = start;
        cells[at + 1].as.number = start + window->length_us;
        require(input->key_count < most);
        add_key(groups, cells, arena, &keys[input->key_count++]);
    }
    input->keys = keys;
}

static const char *aggregate_values(const struct oracle_aggregation *groups,
                                    const struct value *cells,
                                    struct arena *arena,
                                    struct oracle_input *input)
{
    struct value *values = arena_alloc(arena, (groups->aggregate_count + 1) * sizeof *values);
    for (size_t i = 0; i < groups->aggregate_count; i++) {
        const struct oracle_aggregate *aggregate = &groups->aggregates[i];
        values[i].present = true;
        const char *error = aggregate->argument == NULL
                                ? NULL
                                : oracle_expression_value(aggregate->argument, cells, &values[i]);
        if (error != NULL) {
            return error;
        }
    }
    input->values = values;
    return NULL;
}

const char *oracle_input_of(const struct oracle_pipeline *pipeline,
                            const struct value *cells,
                            struct arena *arena,
                            struct oracle_input *input)
{
    *input = (struct oracle_input){.observed = false};
    const struct oracle_watermark *watermark = pipeline->watermark;
    if (watermark != NULL && cells[watermark->column].present) {
        input->observed = true;
        input->event_ms = floored(cells[watermark->column].as.number, US_PER_MS) / US_PER_MS;
    }
    const struct oracle_aggregation *groups = pipeline->aggregation;
    const struct value *time =
        groups == NULL || !groups->windowed ? NULL : &cells[groups->window.column];
    if (groups == NULL || (time != NULL && !time->present)) {
        return NULL;
    }
    struct value *first = arena_alloc(arena, (groups->key.count + 1) * sizeof *first);
    const char *error = key_cells(groups, cells, first);
    if (error == NULL) {
        error = aggregate_values(groups, cells, arena, input);
    }
    if (error != NULL) {
        return error;
    }
    if (time != NULL) {
        window_keys(groups, time, first, arena, input);
    } else {
        struct oracle_key *key = arena_alloc(arena, sizeof *key);
        add_key(groups, first, arena, key);
        input->keys = key;
        input->key_count = 1;
    }
    return NULL;
}
