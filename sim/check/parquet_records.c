#include "sim/check/parquet_records.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/check/json_text.h"
#include "sim/check/parquet_pages.h"
#include "sim/check/parquet_program.h"

struct column {
    struct parquet_pages pages;
    struct arena dictionary;
    struct arena page;
    size_t at; /* the entry of the page that comes next */
};

struct parquet_records {
    struct arena arena;
    struct bytes file;
    struct parquet_footer footer;
    struct parquet_program program;
    struct column *columns; /* one a leaf */
    size_t next_group;
    int64_t left; /* records of the open row group */
    const char *error;
};

static bool fail(struct parquet_records *records, const char *error)
{
    records->error = records->error == NULL ? error : records->error;
    return false;
}

/* ---- columns -------------------------------------------------------------------------------- */

/* The next entry of a leaf stands at column->at; false at the end of the row group or on an error.
 */
static bool has_entry(struct parquet_records *records, size_t leaf)
{
    struct column *column = &records->columns[leaf];
    if (column->at < column->pages.count) {
        return true;
    }
    arena_reset(&column->page);
    column->at = 0;
    const char *error = parquet_pages_next(&column->pages, &column->page);
    if (error != NULL) {
        return fail(records, arena_strdup(&records->arena, error));
    }
    return column->pages.count > 0;
}

/* As has_entry, where a record needs one. */
static bool need_entry(struct parquet_records *records, size_t leaf)
{
    return has_entry(records, leaf) || fail(records, "a column ends before its row group");
}

static uint32_t level_of(struct parquet_records *records, size_t leaf)
{
    const struct column *column = &records->columns[leaf];
    return column->pages.defs[column->at];
}

/* Every leaf below something that is null has one entry that says so. */
static bool pass(struct parquet_records *records, size_t leaf, size_t end)
{
    for (; leaf < end; leaf++) {
        if (!need_entry(records, leaf)) {
            return false;
        }
        records->columns[leaf].at++;
    }
    return true;
}

static bool open_group(struct parquet_records *records)
{
    const struct parquet_footer *footer = &records->footer;
    const struct parquet_group *group = &footer->groups[records->next_group++];
    for (size_t i = 0; i < footer->leaf_count; i++) {
        struct column *column = &records->columns[i];
        arena_reset(&column->dictionary);
        column->at = 0;
        const char *error = parquet_pages_open(
            &column->pages, records->file, &footer->elements[footer->leaves[i]], &group->chunks[i]);
        if (error != NULL) {
            return fail(records, error);
        }
    }
    records->left = group->rows;
    return true;
}

/* ---- running the program -------------------------------------------------------------------- */

static bool
put_value(struct parquet_records *records, const struct program_step *step, struct buf *out)
{
    struct column *column = &records->columns[step->leaf];
    if (!need_entry(records, step->leaf)) {
        return false;
    }
    parquet_value_json(column->pages.leaf, &column->pages.values[column->at], out);
    column->at++;
    return true;
}

/* Keys of JSON objects are strings. */
static bool
put_key(struct parquet_records *records, const struct program_step *step, struct buf *out)
{
    size_t before = out->size;
    if (!put_value(records, step, out)) {
        return false;
    }
    if (out->data[before] != '"') {
        struct bytes plain =
            bytes_of(arena_copy(&records->arena, out->data + before, out->size - before),
                     out->size - before);
        out->size = before;
        json_put_text(out, plain);
    }
    return true;
}

static bool run_step(struct parquet_records *records, size_t *at, struct buf *out)
{
    const struct program_step *step = &records->program.steps[*at];
    size_t next = *at + 1;
    bool fine = true;
    switch (step->kind) {
    case STEP_TEXT:
        buf_append(out, step->text.data, step->text.size);
        break;
    case STEP_VALUE:
        fine = put_value(records, step, out);
        break;
    case STEP_KEY:
        fine = put_key(records, step, out);
        break;
    case STEP_UNLESS:
        fine = need_entry(records, step->leaf);
        if (fine && level_of(records, step->leaf) < step->level) {
            fine = pass(records, step->leaf, step->leaf_end);
            buf_append(out, step->text.data, step->text.size);
            next = step->target;
        }
        break;
    case STEP_AGAIN:
        if (has_entry(records, step->leaf)) {
            const struct column *column = &records->columns[step->leaf];
            if (column->pages.reps[column->at] == step->level) {
                buf_byte(out, ',');
                next = step->target;
            }
        }
        fine = records->error == NULL;
        break;
    }
    *at = next;
    return fine;
}

/* A record begins where no leaf repeats anything. */
static bool begins(struct parquet_records *records)
{
    for (size_t i = 0; i < records->footer.leaf_count; i++) {
        if (!records->program.reads[i]) {
            continue;
        }
        if (!need_entry(records, i)) {
            return false;
        }
        if (records->columns[i].pages.reps[records->columns[i].at] != 0) {
            return fail(records, "the records of two columns do not begin together");
        }
    }
    return true;
}

const char *parquet_records_next(struct parquet_records *records, struct buf *out, bool *more)
{
    *more = false;
    while (records->error == NULL && records->left == 0 &&
           records->next_group < records->footer.group_count) {
        (void)open_group(records);
    }
    if (records->error != NULL || records->left == 0) {
        return records->error;
    }
    records->left--;
    size_t at = 0;
    bool fine = begins(records);
    while (fine && at < records->program.count) {
        fine = run_step(records, &at, out);
    }
    *more = fine;
    return records->error;
}

const char *parquet_records_open(struct bytes file,
                                 const struct record_column *columns,
                                 size_t count,
                                 struct parquet_records **records)
{
    struct parquet_records *opened = heap_alloc(sizeof *opened);
    opened->file = file;
    const char *error = parquet_footer_read(file, &opened->arena, &opened->footer);
    if (error == NULL) {
        error =
            parquet_program_make(&opened->footer, columns, count, &opened->arena, &opened->program);
    }
    if (error != NULL) {
        arena_free(&opened->arena);
        heap_free(opened);
        return error; /* a constant: neither makes texts */
    }
    opened->columns =
        arena_alloc(&opened->arena, opened->footer.leaf_count * sizeof *opened->columns);
    for (size_t i = 0; i < opened->footer.leaf_count; i++) {
        opened->columns[i].pages.arena = &opened->columns[i].dictionary;
    }
    *records = opened;
    return NULL;
}

int64_t parquet_records_count(const struct parquet_records *records)
{
    return records->footer.rows;
}

void parquet_records_close(struct parquet_records *records)
{
    for (size_t i = 0; i < records->footer.leaf_count; i++) {
        arena_free(&records->columns[i].page);
        arena_free(&records->columns[i].dictionary);
    }
    arena_free(&records->arena);
    heap_free(records);
}
