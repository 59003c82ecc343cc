#include "engine/plan/expression.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/plan/expression_node.h"

enum status
expression_fail(struct diag *diag, const char *error_class, int column, const char *format, ...)
{
    if (diag->set) {
        return ERR_FAILED;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diag->column = column;
    return diag_fail(diag, error_class, "%s", text);
}

enum status expression_compile(struct arena *arena,
                               struct bytes text,
                               const struct schema *schema,
                               struct expression **expression,
                               struct diag *diag)
{
    require(schema->count > 0);
    if (text.size > EXPRESSION_SIZE_MAX) {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               EXPRESSION_SIZE_MAX,
                               "longer than %d bytes",
                               EXPRESSION_SIZE_MAX);
    }
    struct builder builder = {.arena = arena, .schema = schema};
    /* Every value or operator takes a byte, every operator at most two casts. */
    builder.capacity = 3 * text.size < EXPRESSION_NODES_MAX ? 3 * text.size : EXPRESSION_NODES_MAX;
    builder.nodes = arena_alloc(arena, builder.capacity * sizeof *builder.nodes);
    uint16_t root = 0;
    TRY(expression_parse(&builder, text, &root, diag));
    require(root + 1U == builder.count); /* the root is what was built last */
    if (builder.nodes[root].type == TYPE_UNKNOWN) {
        return expression_fail(
            diag, "DATATYPE_MISMATCH", 1, "null alone has no type: expected a value");
    }
    struct expression *built = arena_alloc(arena, sizeof *built);
    built->text = arena_copy(arena, text.data, text.size);
    built->nodes = arena_copy(arena, builder.nodes, builder.count * sizeof *builder.nodes);
    built->count = builder.count;
    built->type = builder.nodes[root].type;
    *expression = built;
    return OK;
}

enum type expression_type(const struct expression *expression)
{
    return expression->type;
}

bool expression_is_column(const struct expression *expression, size_t *field)
{
    *field = expression->nodes[0].field;
    return expression->count == 1 && expression->nodes[0].kind == NODE_COLUMN;
}
