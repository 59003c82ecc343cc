/* Nodes with types: each operator checks its operands and widens them as Spark's ANSI type coercion
 * does (AnsiTypeCoercion.scala: int -> long -> double; Division: always double). Literals are
 * widened in place, anything else gets a cast in front of its operator. */
#include <float.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/base/units.h"
#include "engine/plan/expression_node.h"

static const char *name_of(enum type type)
{
    return type == TYPE_UNKNOWN ? "null" : type_name(type);
}

static bool is_number(enum type type)
{
    return type == TYPE_INT || type == TYPE_LONG || type == TYPE_DOUBLE;
}

static enum status
append(struct builder *builder, const struct node *node, uint16_t *index, struct diag *diag)
{
    if (builder->count == builder->capacity) {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               node->column,
                               "more than %d values and operators",
                               EXPRESSION_NODES_MAX);
    }
    builder->nodes[builder->count] = *node;
    *index = (uint16_t)builder->count++;
    return OK;
}

/* A struct where a value must stand, or a member spelled as a column, or a column spelled as a
 * member. */
static enum status fail_struct(const struct schema *schema,
                               int field,
                               const struct token *token,
                               const char *name,
                               struct diag *diag)
{
    for (size_t i = 0; field < 0 && i < schema->count; i++) {
        const struct field *member = &schema->fields[i];
        if (member->parent != NULL && fold_equal(member->parent, name)) {
            return expression_fail(diag,
                                   "UNRESOLVED_COLUMN",
                                   token->column,
                                   "\"%.100s\" is a struct, no value; name a member such as %s",
                                   name,
                                   member->name);
        }
    }
    if (field < 0) {
        return OK;
    }
    return expression_fail(diag,
                           "UNRESOLVED_COLUMN",
                           token->column,
                           token->dotted ? "\"%.100s\" is one column's name: it needs backquotes"
                                         : "\"%.100s\" is a member of a struct: no backquotes",
                           name);
}

static enum status build_column(struct builder *builder,
                                const struct token *token,
                                struct node *node,
                                struct diag *diag)
{
    const struct schema *schema = builder->schema;
    int field = schema_find(schema, token->value);
    if (field >= 0 && (schema->fields[field].parent != NULL) == token->dotted) {
        node->kind = NODE_COLUMN;
        node->field = (size_t)field;
        node->type = schema->fields[field].type;
        return OK;
    }
    const char **names = arena_alloc(builder->arena, (schema->count + 1) * sizeof *names);
    for (size_t i = 0; i < schema->count; i++) {
        names[i] = schema->fields[i].name;
    }
    const char *name = arena_copy(builder->arena, token->value.data, token->value.size);
    TRY(fail_struct(schema, field, token, name, diag));
    const char *nearest = diag_nearest(name, names);
    return expression_fail(diag,
                           "UNRESOLVED_COLUMN",
                           token->column,
                           "no column \"%.100s\"; %s \"%s\"%s",
                           name,
                           nearest != NULL ? "did you mean" : "the first one is",
                           nearest != NULL ? nearest : schema->fields[0].name,
                           nearest != NULL ? "?" : "");
}

static enum status
build_integer(const struct token *token, bool negative, struct node *node, struct diag *diag)
{
    struct decimal number = token->number;
    int64_t value = 0;
    number.negative = negative;
    if (!decimal_int64(&number, &value)) {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               token->column,
                               "beyond the range of long, and decimals are not built; for a "
                               "double append D");
    }
    if (token->is_long || value < INT32_MIN || value > INT32_MAX) {
        node->type = TYPE_LONG;
        node->value.number = value;
    } else {
        node->type = TYPE_INT;
        node->value.integer = (int32_t)value;
    }
    return OK;
}

static enum status
build_real(const struct token *token, bool negative, struct node *node, struct diag *diag)
{
    double value = decimal_double(&token->number);
    if (value > DBL_MAX) {
        return expression_fail(
            diag, "PARSE_SYNTAX_ERROR", token->column, "beyond the range of double");
    }
    node->type = TYPE_DOUBLE;
    node->value.real = negative ? -value : value;
    return OK;
}

static enum status build_leaf(struct builder *builder,
                              const struct token *token,
                              bool negative,
                              struct node *node,
                              struct diag *diag)
{
    if (token->kind == TOKEN_NAME) {
        return build_column(builder, token, node, diag);
    }
    if (token->kind == TOKEN_INTEGER) {
        return build_integer(token, negative, node, diag);
    }
    if (token->kind == TOKEN_REAL) {
        return build_real(token, negative, node, diag);
    }
    if (token->kind == TOKEN_STRING) {
        node->type = TYPE_STRING;
        node->value.string = token->value;
    } else if (token->kind == TOKEN_NULL) {
        node->is_null = true;
    } else {
        require(token->kind == TOKEN_TRUE || token->kind == TOKEN_FALSE);
        node->type = TYPE_BOOLEAN;
        node->value.boolean = token->kind == TOKEN_TRUE;
    }
    return OK;
}

enum status build_operand(struct builder *builder,
                          const struct token *token,
                          bool negative,
                          uint16_t *index,
                          struct diag *diag)
{
    struct node node = {.kind = NODE_LITERAL, .type = TYPE_UNKNOWN, .column = token->column};
    TRY(build_leaf(builder, token, negative, &node, diag));
    return append(builder, &node, index, diag);
}

/* A string literal becomes the instant that it names. */
static enum status
to_timestamp(struct node *node, struct bytes string, int column, struct diag *diag)
{
    int64_t time_us = 0;
    if (!timestamp_parse(string, &time_us)) {
        return expression_fail(diag,
                               "INVALID_TYPED_LITERAL",
                               column,
                               "'%.*s' is no timestamp; expected such as 2001-01-01T00:00:00Z",
                               (int)(string.size > 60 ? 60 : string.size),
                               (const char *)string.data);
    }
    *node = (struct node){.kind = NODE_LITERAL, .type = TYPE_TIMESTAMP, .column = column};
    node->value.number = time_us;
    return OK;
}

enum status build_timestamp(struct builder *builder,
                            const struct token *string,
                            uint16_t *index,
                            struct diag *diag)
{
    struct node node = {0};
    TRY(to_timestamp(&node, string->value, string->column, diag));
    return append(builder, &node, index, diag);
}

/* Make operand `*index` a `type`: it is one, or an untyped null, or a narrower number. */
static enum status
widen(struct builder *builder, uint16_t *index, enum type type, struct diag *diag)
{
    struct node *node = &builder->nodes[*index];
    if (node->type == type) {
        return OK;
    }
    if (node->kind != NODE_LITERAL) {
        struct node cast = {
            .kind = NODE_CAST, .type = type, .left = *index, .column = node->column};
        return append(builder, &cast, index, diag);
    }
    if (!node->is_null) {
        int64_t number = node->type == TYPE_INT ? node->value.integer : node->value.number;
        require(is_number(node->type));
        require(type == TYPE_LONG || type == TYPE_DOUBLE);
        if (type == TYPE_LONG) {
            node->value.number = number;
        } else {
            node->value.real = (double)number;
        }
    }
    node->type = type;
    return OK;
}

/* The wider of two numeric types; an untyped null takes the other's. */
static enum type wider(enum type a, enum type b)
{
    if (a == TYPE_UNKNOWN || b == TYPE_UNKNOWN) {
        return a == TYPE_UNKNOWN ? b : a;
    }
    if (a == TYPE_DOUBLE || b == TYPE_DOUBLE) {
        return TYPE_DOUBLE;
    }
    return a == TYPE_LONG || b == TYPE_LONG ? TYPE_LONG : TYPE_INT;
}

static enum status mismatch(
    const struct node *node, const char *wanted, enum type left, enum type right, struct diag *diag)
{
    const char *hint = "";
    if ((left == TYPE_STRING && is_number(right)) || (right == TYPE_STRING && is_number(left))) {
        hint = "; a number stands without quotes";
    } else if (left == TYPE_TIMESTAMP || right == TYPE_TIMESTAMP) {
        hint = "; a timestamp meets a timestamp, or a literal such as '2001-01-01T00:00:00Z'";
    }
    return expression_fail(diag,
                           "DATATYPE_MISMATCH",
                           node->column,
                           "expected %s, found %s and %s%s",
                           wanted,
                           name_of(left),
                           name_of(right),
                           hint);
}

static enum status build_arithmetic(struct builder *builder, struct node *node, struct diag *diag)
{
    enum type left = builder->nodes[node->left].type;
    enum type right = builder->nodes[node->right].type;
    if (!(is_number(left) || left == TYPE_UNKNOWN) ||
        !(is_number(right) || right == TYPE_UNKNOWN)) {
        return mismatch(node, "two numbers", left, right, diag);
    }
    node->type = wider(left, right);
    if (node->kind == NODE_DIVIDE || node->type == TYPE_UNKNOWN) {
        node->type = TYPE_DOUBLE;
    }
    TRY(widen(builder, &node->left, node->type, diag));
    return widen(builder, &node->right, node->type, diag);
}

static bool is_string_literal(const struct node *node)
{
    return node->kind == NODE_LITERAL && node->type == TYPE_STRING;
}

static enum status build_comparison(struct builder *builder, struct node *node, struct diag *diag)
{
    struct node *left = &builder->nodes[node->left];
    struct node *right = &builder->nodes[node->right];
    if (left->type == TYPE_TIMESTAMP && is_string_literal(right)) {
        TRY(to_timestamp(right, right->value.string, right->column, diag));
    } else if (right->type == TYPE_TIMESTAMP && is_string_literal(left)) {
        TRY(to_timestamp(left, left->value.string, left->column, diag));
    }
    enum type type = left->type;
    if (is_number(left->type) && is_number(right->type)) {
        type = wider(left->type, right->type);
    } else if (left->type == TYPE_UNKNOWN) {
        type = right->type == TYPE_UNKNOWN ? TYPE_BOOLEAN : right->type;
    } else if (right->type != left->type && right->type != TYPE_UNKNOWN) {
        return mismatch(node, "two values of one type", left->type, right->type, diag);
    }
    node->type = TYPE_BOOLEAN;
    TRY(widen(builder, &node->left, type, diag));
    return widen(builder, &node->right, type, diag);
}

static enum status build_logic(struct builder *builder, struct node *node, struct diag *diag)
{
    enum type left = builder->nodes[node->left].type;
    enum type right = builder->nodes[node->right].type;
    if ((left != TYPE_BOOLEAN && left != TYPE_UNKNOWN) ||
        (right != TYPE_BOOLEAN && right != TYPE_UNKNOWN)) {
        return mismatch(node, "two conditions (booleans)", left, right, diag);
    }
    node->type = TYPE_BOOLEAN;
    TRY(widen(builder, &node->left, TYPE_BOOLEAN, diag));
    return widen(builder, &node->right, TYPE_BOOLEAN, diag);
}

static enum status build_unary(struct builder *builder, struct node *node, struct diag *diag)
{
    enum type type = builder->nodes[node->left].type;
    if (node->kind == NODE_IS_NULL || node->kind == NODE_IS_NOT_NULL) {
        node->type = TYPE_BOOLEAN;
        return widen(builder, &node->left, type == TYPE_UNKNOWN ? TYPE_BOOLEAN : type, diag);
    }
    bool negate = node->kind == NODE_NEGATE;
    require(negate || node->kind == NODE_NOT);
    if (type != TYPE_UNKNOWN && (negate ? !is_number(type) : type != TYPE_BOOLEAN)) {
        return expression_fail(diag,
                               "DATATYPE_MISMATCH",
                               node->column,
                               "expected %s, found %s",
                               negate ? "a number behind -" : "a condition (boolean) behind not",
                               name_of(type));
    }
    node->type = type != TYPE_UNKNOWN ? type : negate ? TYPE_DOUBLE : TYPE_BOOLEAN;
    return widen(builder, &node->left, node->type, diag);
}

static enum status build_typed(struct builder *builder, struct node *node, struct diag *diag)
{
    switch (node->kind) {
    case NODE_NEGATE:
    case NODE_NOT:
    case NODE_IS_NULL:
    case NODE_IS_NOT_NULL:
        return build_unary(builder, node, diag);
    case NODE_ADD:
    case NODE_SUBTRACT:
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
    case NODE_REMAINDER:
        return build_arithmetic(builder, node, diag);
    case NODE_EQUAL:
    case NODE_NOT_EQUAL:
    case NODE_LESS:
    case NODE_LESS_EQUAL:
    case NODE_GREATER:
    case NODE_GREATER_EQUAL:
    case NODE_SAME:
        return build_comparison(builder, node, diag);
    case NODE_AND:
    case NODE_OR:
        return build_logic(builder, node, diag);
    case NODE_COLUMN:
    case NODE_LITERAL:
    case NODE_CAST:
        break;
    }
    require(node->kind > NODE_CAST);
    return ERR_FAILED;
}

enum status build_operator(struct builder *builder,
                           const struct node *operator_node,
                           uint16_t *index,
                           uint16_t right,
                           struct diag *diag)
{
    struct node node = *operator_node;
    node.left = *index;
    node.right = right;
    TRY(build_typed(builder, &node, diag));
    return append(builder, &node, index, diag);
}
