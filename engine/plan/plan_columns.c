/* What a pipeline says about columns: source.schema, filter, select. */
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/plan/plan_compile.h"

enum { COLUMNS_MAX = 1000 };

static enum status
compile_type(struct compiler *compiler, const char *path, const char *text, enum type *type)
{
    static const char *const known[] = {
        "boolean", "int", "integer", "long", "bigint", "double", "string", "timestamp", NULL};
    static const char *const later[] = {"decimal",
                                        "date",
                                        "binary",
                                        "float",
                                        "short",
                                        "byte",
                                        "array",
                                        "map",
                                        "struct",
                                        "timestamp_ntz",
                                        "variant",
                                        NULL};
    if (text != NULL && type_parse(text, type)) {
        return OK;
    }
    if (text == NULL) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             path,
                             false,
                             "expected a type: boolean, int, long, double, string or timestamp");
    }
    for (size_t i = 0; later[i] != NULL; i++) {
        if (strncmp(text, later[i], strlen(later[i])) == 0) {
            return document_fail(&compiler->document,
                                 compiler->diag,
                                 PLAN_ERROR,
                                 path,
                                 false,
                                 "the type \"%.64s\" is not built yet; there are boolean, int, "
                                 "long, double, string, timestamp",
                                 text);
        }
    }
    const char *nearest = diag_nearest(text, known);
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "unknown type \"%.64s\"; %s%s%s boolean, int, long, double, string, "
                         "timestamp",
                         text,
                         nearest == NULL ? "" : "did you mean ",
                         nearest == NULL ? "" : nearest,
                         nearest == NULL ? "there are" : "? There are");
}

/* No name twice, also not in another case: every look-up ignores case, as Spark's does. */
static enum status check_name(struct compiler *compiler,
                              const struct schema *schema,
                              const char *path,
                              const char *name,
                              bool at_key)
{
    if (name[0] != '\0' && schema_find(schema, bytes_of_text(name)) < 0) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         at_key,
                         name[0] == '\0' ? "a column must have a name%s"
                                         : "column \"%.100s\" is there already (names ignore case)",
                         name);
}

enum status compile_schema(struct compiler *compiler, json_t *object)
{
    TRY(compile_check_object(compiler, object, "source.schema"));
    struct plan *plan = compiler->plan;
    size_t count = json_object_size(object);
    if (count == 0 || count > COLUMNS_MAX) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "source.schema",
                             false,
                             "expected 1 to %d columns, found %zu",
                             COLUMNS_MAX,
                             count);
    }
    struct field *fields = arena_alloc(compiler->arena, count * sizeof *fields);
    plan->source.fields = fields;
    void *member = json_object_iter(object);
    for (; member != NULL; member = json_object_iter_next(object, member)) {
        const char *name = json_object_iter_key(member);
        char path[DOCUMENT_PATH_SIZE];
        compile_path(path, "source.schema", name);
        TRY(check_name(compiler, &plan->source, path, name, true));
        struct field *field = &fields[plan->source.count];
        const char *type = json_string_value(json_object_iter_value(member));
        TRY(compile_type(compiler, path, type, &field->type));
        field->name = arena_strdup(compiler->arena, name);
        plan->source.count++;
    }
    return OK;
}

/* One expression over the source columns, its complaints put at `path`. */
static enum status compile_expression(struct compiler *compiler,
                                      const char *path,
                                      struct bytes text,
                                      struct expression **expression)
{
    struct diag inner = {0};
    enum status status =
        expression_compile(compiler->arena, text, &compiler->plan->source, expression, &inner);
    if (status == OK) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "at byte %d of the expression: %s (%s)",
                         inner.column,
                         inner.text,
                         inner.error_class);
}

static struct bytes text_of(json_t *string)
{
    return bytes_of(json_string_value(string), json_string_length(string));
}

enum status compile_filter(struct compiler *compiler, json_t *filter)
{
    struct plan *plan = compiler->plan;
    if (filter == NULL) {
        return OK;
    }
    if (!json_is_string(filter)) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "filter",
                             false,
                             "expected a condition as text, such as \"delay > 15\"");
    }
    TRY(compile_expression(compiler, "filter", text_of(filter), &plan->filter));
    if (expression_type(plan->filter) == TYPE_BOOLEAN) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         "filter",
                         false,
                         "expected a condition (boolean), found %s",
                         type_name(expression_type(plan->filter)));
}

/* A column by its name as an expression: backquoted, a backquote in it doubled. */
static struct bytes quoted_name(struct arena *arena, const char *name)
{
    char *quoted = arena_alloc(arena, 2 * strlen(name) + 3);
    size_t size = 0;
    quoted[size++] = '`';
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '`') {
            quoted[size++] = '`';
        }
        quoted[size++] = *c;
    }
    quoted[size++] = '`';
    return bytes_of(quoted, size);
}

/* Delta refuses these characters in a column's name (without column mapping, which is not built).
 */
static enum status check_output_name(struct compiler *compiler, const char *path, const char *name)
{
    if (strpbrk(name, " ,;{}()\n\t=") == NULL) {
        return check_name(compiler, &compiler->plan->output, path, name, false);
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

/* One output column; `text` is its expression, which stands at `path`, the name at `name_path`. */
static enum status add_projection(struct compiler *compiler,
                                  const char *path,
                                  struct bytes text,
                                  const char *name_path,
                                  const char *name)
{
    struct plan *plan = compiler->plan;
    struct projection *projection = &plan->projections[plan->output.count];
    TRY(check_output_name(compiler, name_path, name));
    TRY(compile_expression(compiler, path, text, &projection->expression));
    projection->name = arena_strdup(compiler->arena, name);
    compiler->output_fields[plan->output.count] =
        (struct field){.name = projection->name, .type = expression_type(projection->expression)};
    plan->output.count++;
    return OK;
}

static enum status compile_item(struct compiler *compiler, json_t *item, const char *path)
{
    static const struct known_key keys[] = {
        {"as", NULL}, {"is", NULL}, {"note", NULL}, {NULL, NULL}};
    const char *name = json_string_value(item);
    if (name != NULL) {
        return add_projection(compiler, path, quoted_name(compiler->arena, name), path, name);
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
    TRY(compile_check_keys(compiler, item, path, keys));
    TRY(compile_text(compiler, item, path, "as", NULL, &name));
    TRY(compile_text(compiler, item, path, "is", NULL, &text));
    char place[DOCUMENT_PATH_SIZE];
    char name_place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, "is");
    compile_path(name_place, path, "as");
    return add_projection(compiler, place, bytes_of_text(text), name_place, name);
}

static void reserve_projections(struct compiler *compiler, size_t count)
{
    struct plan *plan = compiler->plan;
    plan->projections = arena_alloc(compiler->arena, count * sizeof *plan->projections);
    compiler->output_fields = arena_alloc(compiler->arena, count * sizeof *plan->output.fields);
    plan->output.fields = compiler->output_fields;
}

/* Without a select, every column of the source. */
static enum status select_all(struct compiler *compiler)
{
    const struct schema *source = &compiler->plan->source;
    reserve_projections(compiler, source->count);
    for (size_t i = 0; i < source->count; i++) {
        const char *name = source->fields[i].name;
        char path[DOCUMENT_PATH_SIZE];
        compile_path(path, "source.schema", name);
        TRY(add_projection(compiler, path, quoted_name(compiler->arena, name), path, name));
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
