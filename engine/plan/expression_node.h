/* What the parts of the expression compiler share: lexer -> parser -> nodes -> evaluator. A
 * compiled expression is a list of nodes in which operands stand before their operator, so that one
 * walk from the first to the last evaluates it. Nobody outside engine/plan/expression*.c includes
 * this. */
#ifndef ENGINE_PLAN_EXPRESSION_NODE_H
#define ENGINE_PLAN_EXPRESSION_NODE_H

#include "engine/base/decimal.h"
#include "engine/plan/expression.h"

/* ---- tokens ------------------------------------------------------------------------------- */

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_INTEGER, /* 1, 1L */
    TOKEN_REAL,    /* 1.5, 1e3, 1D */
    TOKEN_STRING,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NULL,
    TOKEN_TIMESTAMP, /* the keyword in front of a string */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_IS,
    TOKEN_NOT,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_EQUAL,
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_SAME, /* <=> */
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_PERCENT,
};

struct token {
    enum token_kind kind;
    struct bytes text;     /* as written */
    struct bytes value;    /* of a name or string, unescaped */
    struct decimal number; /* of a number */
    bool is_long;          /* 1L */
    bool dotted;           /* a member of a struct column: window.start */
    int column;            /* 1-based byte of its start */
};

struct lexer {
    struct arena *arena;
    struct bytes text;
    size_t at;
};

/* The next token; TOKEN_END for ever behind the last. Errors: ERR_FAILED, PARSE_SYNTAX_ERROR. */
MUST_CHECK enum status lexer_next(struct lexer *lexer, struct token *token, struct diag *diag);

/* ---- nodes -------------------------------------------------------------------------------- */

enum node_kind {
    NODE_COLUMN,
    NODE_LITERAL,
    NODE_CAST, /* int -> long, int or long -> double */
    NODE_NEGATE,
    NODE_NOT,
    NODE_IS_NULL,
    NODE_IS_NOT_NULL,
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_REMAINDER,
    NODE_EQUAL,
    NODE_NOT_EQUAL,
    NODE_LESS,
    NODE_LESS_EQUAL,
    NODE_GREATER,
    NODE_GREATER_EQUAL,
    NODE_SAME,
    NODE_AND,
    NODE_OR,
};

/* The type of a null literal that nothing has given a type yet. */
#define TYPE_UNKNOWN TYPE_COUNT

struct node {
    enum node_kind kind;
    enum type type;
    uint16_t left; /* operands, by index; `left` alone for one */
    uint16_t right;
    size_t field; /* NODE_COLUMN */
    bool is_null; /* NODE_LITERAL */
    union {
        bool boolean;
        int32_t integer;
        int64_t number; /* long and timestamp */
        double real;
        struct bytes string;
    } value;    /* NODE_LITERAL */
    int column; /* where it stands, for messages */
};

struct expression {
    const char *text; /* as written, for messages */
    struct node *nodes;
    size_t count;
    enum type type;
};

/* What builds the nodes, with Spark's coercions; each call appends and gives the new index. */
struct builder {
    struct arena *arena;
    const struct schema *schema;
    struct node *nodes;
    size_t count;
    size_t capacity;
};

/* A column or literal. `negative`: a minus stands in front of the number. */
MUST_CHECK enum status build_operand(struct builder *builder,
                                     const struct token *token,
                                     bool negative,
                                     uint16_t *node,
                                     struct diag *diag);

MUST_CHECK enum status build_timestamp(struct builder *builder,
                                       const struct token *string,
                                       uint16_t *node,
                                       struct diag *diag);

/* An operator; `node` holds the (left) operand and receives the result. `right` is not looked at
 * for an operator of one operand. */
MUST_CHECK enum status build_operator(struct builder *builder,
                                      const struct node *operator_node,
                                      uint16_t *node,
                                      uint16_t right,
                                      struct diag *diag);

/* An error at byte `column` of the expression. */
enum status
expression_fail(struct diag *diag, const char *error_class, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The whole text to nodes. Operators wait on a stack until one that binds less tightly arrives
 * (shunting-yard), so that nesting costs stack entries, never calls. */
MUST_CHECK enum status
expression_parse(struct builder *builder, struct bytes text, uint16_t *root, struct diag *diag);

#endif
