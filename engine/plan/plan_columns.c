/* What a pipeline says about columns: source.schema, filter, select. */
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/plan_compile.h"

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

static bool has_column(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (fold_equal(field->parent == NULL ? field->name : field->parent, name)) {
            return true;
        }
    }
    return schema_find(schema, bytes_of_text(name)) >= 0;
}

enum status compile_check_name(struct compiler *compiler,
                               const struct schema *schema,
                               const char *path,
                               const char *name,
                               bool at_key)
{
    if (name[0] != '\0' && !has_column(schema, name)) {
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
        TRY(compile_check_name(compiler, &plan->source, path, name, true));
        struct field *field = &fields[plan->source.count];
        const char *type = json_string_value(json_object_iter_value(member));
        TRY(compile_type(compiler, path, type, &field->type));
        field->name = arena_strdup(compiler->arena, name);
        plan->source.count++;
    }
    return OK;
}

enum status compile_expression(struct compiler *compiler,
                               const char *path,
                               const struct schema *schema,
                               struct bytes text,
                               size_t skipped,
                               struct expression **expression)
{
    struct diag inner = {0};
    enum status status = expression_compile(compiler->arena, text, schema, expression, &inner);
    if (status == OK) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         "at byte %zu of the expression: %s (%s)",
                         (size_t)inner.column + skipped,
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
    TRY(compile_expression(compiler, "filter", &plan->source, text_of(filter), 0, &plan->filter));
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

struct bytes quoted_name(struct arena *arena, const char *name)
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

enum status compile_named(
    struct compiler *compiler, json_t *item, const char *path, const char **name, const char **text)
{
    static const struct known_key keys[] = {
        {"as", NULL}, {"is", NULL}, {"note", NULL}, {NULL, NULL}};
    TRY(compile_check_keys(compiler, item, path, keys));
    TRY(compile_text(compiler, item, path, "as", NULL, name));
    return compile_text(compiler, item, path, "is", NULL, text);
}
