#include "sim/check/parquet_program.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "sim/check/json_text.h"

/* ---- values --------------------------------------------------------------------------------- */

static bool is_text(const struct parquet_element *leaf)
{
    return leaf->converted == CONVERTED_UTF8 || leaf->converted == CONVERTED_ENUM ||
           leaf->converted == CONVERTED_JSON || leaf->logical == LOGICAL_STRING ||
           leaf->logical == LOGICAL_ENUM || leaf->logical == LOGICAL_JSON;
}

static void put_number(const struct parquet_element *leaf, int64_t number, struct buf *out)
{
    if (leaf->converted == CONVERTED_DECIMAL || leaf->logical == LOGICAL_DECIMAL) {
        json_put_decimal64(out, number, leaf->scale);
    } else if (leaf->converted == CONVERTED_DATE || leaf->logical == LOGICAL_DATE) {
        json_put_date(out, number);
    } else if (leaf->unit != 0 || leaf->physical == PHYSICAL_INT96) {
        /* Only a logical type can say that it is no instant but a local time. */
        json_put_timestamp(out, number, leaf->logical != LOGICAL_TIMESTAMP || leaf->utc);
    } else {
        buf_printf(out, "%" PRId64, number);
    }
}

void parquet_value_json(const struct parquet_element *leaf,
                        const struct value *value,
                        struct buf *out)
{
    switch (leaf->physical) {
    case PHYSICAL_BOOLEAN:
        buf_text(out, value->as.boolean ? "true" : "false");
        break;
    case PHYSICAL_FLOAT:
    case PHYSICAL_DOUBLE:
        json_put_double(out, value->as.real, leaf->physical == PHYSICAL_FLOAT);
        break;
    case PHYSICAL_BYTE_ARRAY:
    case PHYSICAL_FIXED:
        if (leaf->converted == CONVERTED_DECIMAL || leaf->logical == LOGICAL_DECIMAL) {
            json_put_decimal(out, value->as.text, leaf->scale);
        } else if (is_text(leaf)) {
            json_put_text(out, value->as.text);
        } else {
            json_put_binary(out, value->as.text);
        }
        break;
    default:
        put_number(leaf, value->as.number, out);
    }
}

/* ---- the program ---------------------------------------------------------------------------- */

/* What an open group is to its children. */
enum role {
    ROLE_STRUCT,
    ROLE_LIST,    /* (LIST): holds one repeated child */
    ROLE_WRAPPER, /* that child, when it only holds the element */
    ROLE_MAP,     /* (MAP): holds one repeated child */
    ROLE_ENTRY    /* that child: key and value */
};

struct open_element {
    size_t index;
    enum role role;
    int64_t seen; /* children that have begun */
    size_t unless;
    size_t repeat; /* steps whose target is its end; none: there are no such steps */
};
static const size_t none = SIZE_MAX;

struct making {
    const struct parquet_footer *footer;
    struct arena *arena;
    struct parquet_program *program;
    size_t room;
    struct open_element open[PARQUET_DEPTH_MAX];
    size_t depth;
};

static size_t add_step(struct making *making, const struct program_step *step)
{
    struct parquet_program *program = making->program;
    if (program->count == making->room) {
        size_t room = making->room == 0 ? 64 : making->room * 2;
        struct program_step *more = arena_alloc(making->arena, room * sizeof *more);
        if (program->count > 0) {
            memcpy(more, program->steps, program->count * sizeof *more);
        }
        program->steps = more;
        making->room = room;
    }
    program->steps[program->count] = *step;
    return program->count++;
}

static void add_text(struct making *making, const char *text)
{
    (void)add_step(making, &(struct program_step){.kind = STEP_TEXT, .text = bytes_of_text(text)});
}

/* `{"name":` or `,"name":` */
static void add_name(struct making *making, bool first, struct bytes name)
{
    struct buf text = {0};
    buf_byte(&text, first ? '{' : ',');
    json_put_text(&text, name);
    buf_byte(&text, ':');
    struct bytes kept = bytes_of(arena_copy(making->arena, text.data, text.size), text.size);
    (void)add_step(making, &(struct program_step){.kind = STEP_TEXT, .text = kept});
    buf_free(&text);
}

static size_t
add_unless(struct making *making, const struct parquet_element *element, const char *text)
{
    return add_step(making,
                    &(struct program_step){.kind = STEP_UNLESS,
                                           .text = bytes_of_text(text),
                                           .leaf = element->leaf,
                                           .leaf_end = element->leaf_end,
                                           .level = element->def});
}

/* A repeated child of a list holds the element, or is the element (parquet-format, LogicalTypes:
 * backward compatibility). */
static bool is_wrapper(const struct parquet_footer *footer, size_t index)
{
    const struct parquet_element *element = &footer->elements[index];
    struct bytes outer = footer->elements[element->parent].name;
    bool tuple = element->name.size == outer.size + 6 &&
                 memcmp(element->name.data, outer.data, outer.size) == 0 &&
                 memcmp(element->name.data + outer.size, "_tuple", 6) == 0;
    return element->children == 1 && !bytes_equal_text(element->name, "array") && !tuple;
}

static enum role role_of(const struct making *making, size_t index, enum role above)
{
    const struct parquet_footer *footer = making->footer;
    const struct parquet_element *element = &footer->elements[index];
    bool one =
        element->children == 1 && footer->elements[index + 1].repetition == REPETITION_REPEATED;
    if (above == ROLE_LIST && is_wrapper(footer, index)) {
        return ROLE_WRAPPER;
    }
    if (above == ROLE_MAP) {
        return ROLE_ENTRY;
    }
    if (one && (element->converted == CONVERTED_LIST || element->logical == LOGICAL_LIST)) {
        return ROLE_LIST;
    }
    bool map = element->converted == CONVERTED_MAP || element->logical == LOGICAL_MAP ||
               element->converted == CONVERTED_MAP_KEY_VALUE;
    return one && map && footer->elements[index + 1].children == 2 ? ROLE_MAP : ROLE_STRUCT;
}

/* What stands before an element, by what it is a child of. */
static void begin_in(struct making *making, const struct parquet_element *element)
{
    struct open_element *above = &making->open[making->depth - 1];
    if (above->role == ROLE_STRUCT) {
        add_name(making, above->seen == 0, element->name);
    } else if (above->role == ROLE_ENTRY && above->seen == 1) {
        add_text(making, ":");
    }
    above->seen++;
}

static const char *open_element(struct making *making, size_t index)
{
    const struct parquet_element *element = &making->footer->elements[index];
    struct open_element *above = &making->open[making->depth - 1];
    bool key = above->role == ROLE_ENTRY && above->seen == 0;
    bool listed = above->role == ROLE_LIST || above->role == ROLE_MAP;
    struct open_element open = {.index = index,
                                .role = role_of(making, index, above->role),
                                .unless = none,
                                .repeat = none};
    if (making->depth == PARQUET_DEPTH_MAX) {
        return "the schema is nested too deep";
    }
    begin_in(making, element);
    if (element->repetition == REPETITION_REPEATED) {
        if (!listed) {
            add_text(making, "["); /* a list without an annotation */
        }
        open.repeat = add_unless(making, element, "");
    } else if (element->repetition == REPETITION_OPTIONAL) {
        open.unless = add_unless(making, element, key ? "\"null\"" : "null");
    }
    if (element->children == 0) {
        (void)add_step(
            making,
            &(struct program_step){.kind = key ? STEP_KEY : STEP_VALUE, .leaf = element->leaf});
    } else if (open.role == ROLE_LIST || open.role == ROLE_MAP) {
        add_text(making, open.role == ROLE_LIST ? "[" : "{");
    }
    making->open[making->depth++] = open;
    return NULL;
}

static void close_element(struct making *making)
{
    const struct open_element *open = &making->open[--making->depth];
    const struct parquet_element *element = &making->footer->elements[open->index];
    struct parquet_program *program = making->program;
    if (element->children > 0 && open->role != ROLE_WRAPPER && open->role != ROLE_ENTRY) {
        add_text(making, open->role == ROLE_LIST ? "]" : "}");
    }
    if (open->repeat != none) {
        (void)add_step(making,
                       &(struct program_step){.kind = STEP_AGAIN,
                                              .leaf = element->leaf,
                                              .level = element->rep,
                                              .target = open->repeat + 1});
        program->steps[open->repeat].target = program->count;
        enum role above = making->open[making->depth - 1].role;
        if (above != ROLE_LIST && above != ROLE_MAP) {
            add_text(making, "]");
        }
    }
    if (open->unless != none) {
        program->steps[open->unless].target = program->count;
    }
}

/* The column at `first` and all below it. */
static const char *add_column(struct making *making, size_t first)
{
    size_t end = making->footer->elements[first].end;
    for (size_t i = first; i < end; i++) {
        const char *error = open_element(making, i);
        if (error != NULL) {
            return error;
        }
        while (making->depth > 1 &&
               making->footer->elements[making->open[making->depth - 1].index].end == i + 1) {
            close_element(making);
        }
    }
    const struct parquet_element *column = &making->footer->elements[first];
    for (size_t i = column->leaf; i < column->leaf_end; i++) {
        making->program->reads[i] = true;
    }
    return NULL;
}

/* The column at the root with this name; 0: there is none. */
static size_t find_column(const struct parquet_footer *footer, struct bytes name)
{
    for (size_t i = 1; i < footer->element_count; i = footer->elements[i].end) {
        if (bytes_equal(footer->elements[i].name, name)) {
            return i;
        }
    }
    return 0;
}

static const char *add_chosen(struct making *making, const struct record_column *chosen)
{
    size_t found = chosen->json == NULL ? find_column(making->footer, chosen->name) : 0;
    if (found != 0) {
        return add_column(making, found);
    }
    add_name(making, making->open[0].seen++ == 0, chosen->name);
    add_text(making, chosen->json == NULL ? "null" : chosen->json);
    return NULL;
}

const char *parquet_program_make(const struct parquet_footer *footer,
                                 const struct record_column *columns,
                                 size_t count,
                                 struct arena *arena,
                                 struct parquet_program *program)
{
    *program = (struct parquet_program){
        .reads = arena_alloc(arena, footer->leaf_count * sizeof *program->reads)};
    struct making making = {.footer = footer, .arena = arena, .program = program, .depth = 1};
    making.open[0] = (struct open_element){.role = ROLE_STRUCT, .unless = none, .repeat = none};
    const char *error = NULL;
    for (size_t i = 0; i < count && columns != NULL && error == NULL; i++) {
        error = add_chosen(&making, &columns[i]);
    }
    for (size_t i = 1; i < footer->element_count && columns == NULL && error == NULL;
         i = footer->elements[i].end) {
        error = add_column(&making, i);
    }
    add_text(&making, making.open[0].seen == 0 ? "{}" : "}");
    require(error != NULL || making.depth == 1);
    return error;
}
