/* What a pipeline puts out: select over the columns of the source, or over the groups of its
 * aggregation; without one, all of them. */
#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/plan_compile.h"

/* What select reads. */
static const struct schema *input_of(const struct plan *plan)
{
    return plan->aggregation == NULL ? &plan->source : &plan->aggregation->groups;
}

/* Delta refuses these characters in a column's name (without column mapping, which is not built).
 */
static enum status check_output_name(struct compiler *compiler, const char *path, const char *name)
{
    if (strpbrk(name, " ,;{}()\n\t=") == NULL) {
        return compile_check_name(compiler, &compiler->plan->output, path, name, false);
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "Delta takes no column named \"%.100s\": none of \" ,;{}()=\", tab and "
                         "newline; give another name by {\"as\": ..., \"is\": ...}",
                         name);
}

static void append_projection(struct compiler *compiler,
                              const char *name,
                              const char *parent,
                              struct expression *expression)
{
    struct plan *plan = compiler->plan;
    plan->projections[plan->output.count] =
        (struct projection){.name = name, .expression = expression};
    compiler->output_fields[plan->output.count] =
        (struct field){.name = name, .type = expression_type(expression), .parent = parent};
    plan->output.count++;
}

/* One output column: its expression stands at `path`, its name at `name_path`. */
struct item {
    const char *path;
    struct bytes text;
    const char *name_path;
    const char *name;
};

static enum status add_projection(struct compiler *compiler, const struct item *item)
{
    struct expression *expression = NULL;
    TRY(check_output_name(compiler, item->name_path, item->name));
    TRY(compile_expression(
        compiler, item->path, input_of(compiler->plan), item->text, 0, &expression));
    append_projection(compiler, arena_strdup(compiler->arena, item->name), NULL, expression);
    return OK;
}

/* Is `name` a whole struct column of the input? Then `first` is its first member. */
static bool find_struct(const struct schema *input, const char *name, size_t *first)
{
    for (*first = 0; *first < input->count; ++*first) {
        const char *parent = input->fields[*first].parent;
        if (parent != NULL && fold_equal(parent, name)) {
            return true;
        }
    }
    return false;
}

/* All members of a struct column; it may get another name, they keep theirs. */
static enum status
add_struct(struct compiler *compiler, size_t first, const char *name_path, const char *name)
{
    const struct schema *input = input_of(compiler->plan);
    const char *parent = input->fields[first].parent;
    const char *renamed = arena_strdup(compiler->arena, name);
    TRY(check_output_name(compiler, name_path, name));
    for (size_t i = first; i < input->count && input->fields[i].parent == parent; i++) {
        const struct field *member = &input->fields[i];
        const char *full =
            arena_printf(compiler->arena, "%s.%s", renamed, field_member_name(member));
        struct expression *expression = NULL;
        TRY(compile_expression(
            compiler, name_path, input, bytes_of_text(member->name), 0, &expression));
        append_projection(compiler, full, renamed, expression);
    }
    return OK;
}

/* A name in the list: a column, a struct, or a member of one, which gets its own name (Spark calls
 * window.start start). */
static enum status add_name(struct compiler *compiler, const char *path, const char *name)
{
    const struct schema *input = input_of(compiler->plan);
    size_t first = 0;
    if (find_struct(input, name, &first)) {
        return add_struct(compiler, first, path, name);
    }
    struct item item = {.path = path, .name_path = path, .name = name};
    item.text = quoted_name(compiler->arena, name);
    int field = schema_find(input, bytes_of_text(name));
    if (field >= 0 && input->fields[field].parent != NULL) {
        item.name = field_member_name(&input->fields[field]);
        item.text = bytes_of_text(name);
    }
    return add_projection(compiler, &item);
}

static enum status compile_item(struct compiler *compiler, json_t *item, const char *path)
{
    const char *name = json_string_value(item);
    if (name != NULL) {
        return add_name(compiler, path, name);
    }
    if (!json_is_object(item)) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             path,
                             false,
                             "expected a column's name or {\"as\": name, \"is\": expression}");
    }
    const char *text = NULL;
    TRY(compile_named(compiler, item, path, &name, &text));
    char place[DOCUMENT_PATH_SIZE];
    char name_place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, "is");
    compile_path(name_place, path, "as");
    size_t first = 0;
    if (find_struct(input_of(compiler->plan), text, &first)) {
        return add_struct(compiler, first, name_place, name);
    }
    struct item named = {
        .path = place, .text = bytes_of_text(text), .name_path = name_place, .name = name};
    return add_projection(compiler, &named);
}

/* Room for the members that structs bring along: an item is at most all of the input. */
static void reserve_projections(struct compiler *compiler, size_t count)
{
    struct plan *plan = compiler->plan;
    size_t room = 2 * count + 2;
    plan->projections = arena_alloc(compiler->arena, room * sizeof *plan->projections);
    compiler->output_fields = arena_alloc(compiler->arena, room * sizeof *plan->output.fields);
    plan->output.fields = compiler->output_fields;
}

/* Where the i-th column of the input was named, for a complaint about its name. */
static void place_of(const struct plan *plan, size_t field, char place[DOCUMENT_PATH_SIZE])
{
    const struct aggregation *aggregation = plan->aggregation;
    if (aggregation == NULL) {
        compile_path(place, "source.schema", plan->source.fields[field].name);
        return;
    }
    size_t keys = aggregation->key.count;
    size_t before = aggregation->windowed && field > aggregation->window_key ? 1 : 0;
    (void)memcpy(place, field < keys ? "groupBy" : "agg", field < keys ? 8 : 4);
    document_path_item(place, field < keys ? field - before : field - keys);
}

/* Without a select, every column of the input. */
static enum status select_all(struct compiler *compiler)
{
    const struct schema *input = input_of(compiler->plan);
    reserve_projections(compiler, input->count);
    for (size_t i = 0; i < input->count; i++) {
        const struct field *field = &input->fields[i];
        char place[DOCUMENT_PATH_SIZE];
        place_of(compiler->plan, i, place);
        if (field->parent == NULL) {
            struct item item = {.path = place, .name_path = place, .name = field->name};
            item.text = quoted_name(compiler->arena, field->name);
            TRY(add_projection(compiler, &item));
        } else if (i == 0 || input->fields[i - 1].parent != field->parent) {
            TRY(add_struct(compiler, i, place, field->parent));
        }
    }
    return OK;
}

enum status compile_select(struct compiler *compiler, json_t *select)
{
    if (select == NULL) {
        return select_all(compiler);
    }
    size_t count = json_array_size(select);
    if (!json_is_array(select) || count == 0 || count > COLUMNS_MAX) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "select",
                             false,
                             "expected a list of 1 to %d columns",
                             COLUMNS_MAX);
    }
    reserve_projections(compiler, count);
    for (size_t i = 0; i < count; i++) {
        char path[DOCUMENT_PATH_SIZE] = "select";
        document_path_item(path, i);
        TRY(compile_item(compiler, json_array_get(select, i), path));
    }
    return OK;
}
