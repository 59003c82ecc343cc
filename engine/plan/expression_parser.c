/* Tokens -> nodes, by Spark's precedence (SqlBaseParser.g4: booleanExpression, valueExpression).
 * Loosest first: or, and, not, comparison and is null, + -, * / %, unary minus. */
#include "engine/base/check.h"
#include "engine/plan/expression_node.h"

enum precedence {
    PRECEDENCE_OPEN, /* a parenthesis: nothing reduces it but its partner */
    PRECEDENCE_OR,
    PRECEDENCE_AND,
    PRECEDENCE_NOT,
    PRECEDENCE_COMPARE,
    PRECEDENCE_ADD,
    PRECEDENCE_MULTIPLY,
    PRECEDENCE_NEGATE,
};

struct pending {
    enum node_kind kind;
    enum precedence precedence;
    int column;
};

struct parser {
    struct builder *builder;
    struct lexer lexer;
    struct pending stack[EXPRESSION_DEPTH_MAX];
    size_t depth;
    uint16_t operands[EXPRESSION_DEPTH_MAX + 1];
    size_t operand_count;
    /* `x is null` may stand beside and, or, `)` and the end only, as in Spark. */
    bool behind_predicate;
};

static enum status unexpected(const struct token *token, const char *expected, struct diag *diag)
{
    return expression_fail(diag,
                           "PARSE_SYNTAX_ERROR",
                           token->column,
                           "expected %s, found %.*s",
                           expected,
                           (int)(token->text.size > 60 ? 60 : token->text.size),
                           (const char *)token->text.data);
}

static bool
binary_operator(enum token_kind token, enum node_kind *kind, enum precedence *precedence)
{
    static const struct {
        enum token_kind token;
        enum node_kind kind;
        enum precedence precedence;
    } table[] = {{TOKEN_OR, NODE_OR, PRECEDENCE_OR},
                 {TOKEN_AND, NODE_AND, PRECEDENCE_AND},
                 {TOKEN_EQUAL, NODE_EQUAL, PRECEDENCE_COMPARE},
                 {TOKEN_NOT_EQUAL, NODE_NOT_EQUAL, PRECEDENCE_COMPARE},
                 {TOKEN_LESS, NODE_LESS, PRECEDENCE_COMPARE},
                 {TOKEN_LESS_EQUAL, NODE_LESS_EQUAL, PRECEDENCE_COMPARE},
                 {TOKEN_GREATER, NODE_GREATER, PRECEDENCE_COMPARE},
                 {TOKEN_GREATER_EQUAL, NODE_GREATER_EQUAL, PRECEDENCE_COMPARE},
                 {TOKEN_SAME, NODE_SAME, PRECEDENCE_COMPARE},
                 {TOKEN_PLUS, NODE_ADD, PRECEDENCE_ADD},
                 {TOKEN_MINUS, NODE_SUBTRACT, PRECEDENCE_ADD},
                 {TOKEN_STAR, NODE_MULTIPLY, PRECEDENCE_MULTIPLY},
                 {TOKEN_SLASH, NODE_DIVIDE, PRECEDENCE_MULTIPLY},
                 {TOKEN_PERCENT, NODE_REMAINDER, PRECEDENCE_MULTIPLY}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].token == token) {
            *kind = table[i].kind;
            *precedence = table[i].precedence;
            return true;
        }
    }
    return false;
}

static enum status push(struct parser *parser,
                        enum node_kind kind,
                        enum precedence precedence,
                        int column,
                        struct diag *diag)
{
    if (parser->depth == EXPRESSION_DEPTH_MAX) {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               column,
                               "nested deeper than %d operators and parentheses",
                               EXPRESSION_DEPTH_MAX);
    }
    parser->stack[parser->depth++] =
        (struct pending){.kind = kind, .precedence = precedence, .column = column};
    return OK;
}

/* Apply what waits and binds at least as tightly as `least`. */
static enum status reduce(struct parser *parser, enum precedence least, struct diag *diag)
{
    require(least > PRECEDENCE_OPEN);
    while (parser->depth > 0 && parser->stack[parser->depth - 1].precedence >= least) {
        struct pending top = parser->stack[--parser->depth];
        struct node node = {.kind = top.kind, .column = top.column};
        bool unary = top.kind == NODE_NOT || top.kind == NODE_NEGATE;
        uint16_t right = 0;
        if (!unary) {
            require(parser->operand_count >= 2);
            right = parser->operands[--parser->operand_count];
        }
        uint16_t *operand = &parser->operands[parser->operand_count - 1];
        TRY(build_operator(parser->builder, &node, operand, right, diag));
    }
    return OK;
}

static enum status take_open_or_prefix(struct parser *parser,
                                       const struct token *token,
                                       bool *taken,
                                       struct diag *diag)
{
    *taken = true;
    if (token->kind == TOKEN_OPEN) {
        return push(parser, NODE_LITERAL, PRECEDENCE_OPEN, token->column, diag);
    }
    if (token->kind == TOKEN_MINUS) {
        return push(parser, NODE_NEGATE, PRECEDENCE_NEGATE, token->column, diag);
    }
    if (token->kind == TOKEN_NOT) {
        if (parser->depth > 0 && parser->stack[parser->depth - 1].precedence > PRECEDENCE_NOT) {
            return unexpected(token, "a value (put `not ...` into parentheses)", diag);
        }
        return push(parser, NODE_NOT, PRECEDENCE_NOT, token->column, diag);
    }
    *taken = false;
    return OK;
}

static enum status
build_value(struct parser *parser, const struct token *token, uint16_t *node, struct diag *diag)
{
    if (token->kind == TOKEN_TIMESTAMP) {
        struct token string;
        TRY(lexer_next(&parser->lexer, &string, diag));
        return build_timestamp(parser->builder, &string, node, diag);
    }
    if (token->kind < TOKEN_NAME || token->kind > TOKEN_NULL) {
        return unexpected(token, "a value", diag);
    }
    /* The minus in front belongs to the number, so that -2147483648 is an int. */
    bool number = token->kind == TOKEN_INTEGER || token->kind == TOKEN_REAL;
    bool negative =
        number && parser->depth > 0 && parser->stack[parser->depth - 1].kind == NODE_NEGATE;
    parser->depth -= negative;
    return build_operand(parser->builder, token, negative, node, diag);
}

/* One token where a value must begin. `*more` stays true while it has not. */
static enum status
take_operand(struct parser *parser, const struct token *token, bool *more, struct diag *diag)
{
    uint16_t node = 0;
    TRY(take_open_or_prefix(parser, token, more, diag));
    if (*more) {
        return OK;
    }
    TRY(build_value(parser, token, &node, diag));
    require(parser->operand_count <= EXPRESSION_DEPTH_MAX);
    parser->operands[parser->operand_count++] = node;
    return OK;
}

static enum status take_close(struct parser *parser, const struct token *token, struct diag *diag)
{
    TRY(reduce(parser, PRECEDENCE_OR, diag));
    if (parser->depth == 0) {
        return unexpected(token, "an operator or the end: no ( is open", diag);
    }
    parser->depth--;
    parser->behind_predicate = false;
    return OK;
}

/* is null, is not null; `is` itself is read. */
static enum status take_is(struct parser *parser, const struct token *is, struct diag *diag)
{
    struct node node = {.kind = NODE_IS_NULL, .column = is->column};
    struct token token;
    TRY(lexer_next(&parser->lexer, &token, diag));
    if (token.kind == TOKEN_NOT) {
        node.kind = NODE_IS_NOT_NULL;
        TRY(lexer_next(&parser->lexer, &token, diag));
    }
    if (token.kind != TOKEN_NULL) {
        return unexpected(&token, "null or not null behind is", diag);
    }
    TRY(reduce(parser, PRECEDENCE_COMPARE, diag));
    uint16_t *operand = &parser->operands[parser->operand_count - 1];
    parser->behind_predicate = true;
    return build_operator(parser->builder, &node, operand, 0, diag);
}

/* One token where an operator must stand. `*more` is true when a value must follow. */
static enum status
take_operator(struct parser *parser, const struct token *token, bool *more, struct diag *diag)
{
    enum node_kind kind = NODE_OR;
    enum precedence precedence = PRECEDENCE_OR;
    *more = false;
    if (token->kind == TOKEN_CLOSE) {
        return take_close(parser, token, diag);
    }
    bool binary = binary_operator(token->kind, &kind, &precedence);
    if (!binary && token->kind != TOKEN_IS) {
        return unexpected(token, "an operator or the end", diag);
    }
    if (parser->behind_predicate && (!binary || precedence >= PRECEDENCE_COMPARE)) {
        return unexpected(token, "and, or, ) or the end behind is null (use parentheses)", diag);
    }
    if (!binary) {
        return take_is(parser, token, diag);
    }
    TRY(reduce(parser, precedence, diag));
    parser->behind_predicate = false;
    *more = true;
    return push(parser, kind, precedence, token->column, diag);
}

/* Every token, until the text ends where it may. */
static enum status take_tokens(struct parser *parser, struct diag *diag)
{
    bool operand_next = true;
    for (;;) {
        struct token token;
        TRY(lexer_next(&parser->lexer, &token, diag));
        if (!operand_next && token.kind == TOKEN_END) {
            return reduce(parser, PRECEDENCE_OR, diag);
        }
        TRY(operand_next ? take_operand(parser, &token, &operand_next, diag)
                         : take_operator(parser, &token, &operand_next, diag));
    }
}

enum status
expression_parse(struct builder *builder, struct bytes text, uint16_t *root, struct diag *diag)
{
    struct parser parser = {.builder = builder};
    parser.lexer = (struct lexer){.arena = builder->arena, .text = text};
    TRY(take_tokens(&parser, diag));
    if (parser.depth > 0) {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               parser.stack[parser.depth - 1].column,
                               "the ( that opens here is never closed");
    }
    require(parser.operand_count == 1);
    *root = parser.operands[0];
    return OK;
}
