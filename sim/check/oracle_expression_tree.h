/* The tree between the oracle's parser and its evaluation; known by those two only. */
#ifndef SIM_CHECK_ORACLE_EXPRESSION_TREE_H
#define SIM_CHECK_ORACLE_EXPRESSION_TREE_H

#include "sim/check/oracle_expression.h"

enum oracle_op {
    OP_LITERAL,
    OP_COLUMN,
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_IS_NULL,
    OP_IS_NOT_NULL,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_NULL_SAFE_EQUAL,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_REMAINDER,
    OP_NEGATE
};

struct oracle_expression {
    enum oracle_op op;
    enum type type;    /* of the result; TYPE_COUNT: an untyped null */
    enum type operand; /* comparison and arithmetic: what both sides are widened to */
    const struct oracle_expression *left;
    const struct oracle_expression *right;
    struct value literal;
    size_t column;
};

#endif
