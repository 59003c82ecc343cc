/* Between the evaluator's walk (expression_eval.c) and its loops (expression_kernels.c). A row of a
 * node is null, a value, or an error. An error is carried along like a value and only counts when
 * it reaches the root. So an operator decides by its operands' states, row for row, exactly as
 * row-at-a-time code that evaluates one operand first and perhaps never the other (Spark:
 * BinaryExpression.nullSafeEval left first, DivModLike right first, And and Or). */
#ifndef ENGINE_PLAN_EXPRESSION_EVAL_H
#define ENGINE_PLAN_EXPRESSION_EVAL_H

#include "engine/plan/expression_node.h"

/* In the `present` bytes of a node's column; the first two mean there what they mean everywhere. */
enum state {
    STATE_NULL,
    STATE_VALUE,
    STATE_INT_OVERFLOW,
    STATE_LONG_OVERFLOW,
    STATE_DIVIDE_BY_ZERO,
};

/* The operands and the result of one node, over one block. */
struct operands {
    const struct column *left;
    const struct column *right; /* anything, for an operator of one operand */
    struct column *out;
    size_t rows;
};

/* Fill `out`: states, and values (zero where there is none). */
void evaluate_operator(enum node_kind kind, const struct operands *operands);

#endif
