/* Evaluation of the oracle's expression tree: one row, one value. Spark's order of evaluation,
 * since an error may hide in what is not evaluated: and/or stop at a deciding left side; arithmetic
 * and comparison stop at a null left side, division at a null or its right side first
 * (org.apache.spark.sql.catalyst.expressions: predicates.scala, arithmetic.scala). */
#include <string.h>

#include "engine/base/check.h"
#include "sim/check/oracle_expression_tree.h"

static const char overflow[] = "ARITHMETIC_OVERFLOW";

static double as_real(const struct value *value)
{
    return value->type == TYPE_DOUBLE ? value->as.real : (double)value->as.number;
}

static int order_of_reals(double a, double b)
{
    bool a_nan = __builtin_isnan(a);
    bool b_nan = __builtin_isnan(b);
    if (a_nan || b_nan) { /* Spark: NaN equals NaN and is above everything */
        return (int)a_nan - (int)b_nan;
    }
    return (a > b) - (a < b);
}

int oracle_value_order(enum type type, const struct value *left, const struct value *right)
{
    switch (type) {
    case TYPE_BOOLEAN:
        return (int)left->as.boolean - (int)right->as.boolean;
    case TYPE_DOUBLE:
        return order_of_reals(as_real(left), as_real(right));
    case TYPE_STRING:
        return bytes_compare(left->as.text, right->as.text);
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return (left->as.number > right->as.number) - (left->as.number < right->as.number);
    case TYPE_COUNT:
        break;
    }
    require(type != TYPE_COUNT);
    return 0;
}

static bool compare(enum oracle_op op, int order)
{
    return op == OP_EQUAL || op == OP_NULL_SAFE_EQUAL ? order == 0
           : op == OP_NOT_EQUAL                       ? order != 0
           : op == OP_LESS                            ? order < 0
           : op == OP_LESS_EQUAL                      ? order <= 0
           : op == OP_GREATER                         ? order > 0
                                                      : order >= 0;
}

static const char *whole_arithmetic(const struct oracle_expression *e,
                                    int64_t left,
                                    int64_t right,
                                    struct value *value)
{
    int64_t result = 0;
    bool over = false;
    if (e->op == OP_ADD) {
        over = __builtin_add_overflow(left, right, &result);
    } else if (e->op == OP_SUBTRACT) {
        over = __builtin_sub_overflow(left, right, &result);
    } else if (e->op == OP_MULTIPLY) {
        over = __builtin_mul_overflow(left, right, &result);
    } else {
        result = right == -1 ? 0 : left % right; /* the least % -1 traps in C, is 0 in Java */
    }
    if (e->type == TYPE_INT && (result < INT32_MIN || result > INT32_MAX)) {
        over = true;
    }
    *value = (struct value){e->type, true, .as = {.number = result}};
    return over ? overflow : NULL;
}

/* C's fmod, which is exact: take away the divisor's largest doubling that fits, until none does. */
static double remainder_of(double left, double right)
{
    double divisor = __builtin_fabs(right);
    double rest = __builtin_fabs(left);
    if (__builtin_isnan(left) || __builtin_isnan(right) || __builtin_isinf(left)) {
        return __builtin_nan("");
    }
    if (__builtin_isinf(right)) {
        return left;
    }
    while (rest >= divisor) {
        double step = divisor;
        while (step + step <= rest) {
            step += step;
        }
        rest -= step;
    }
    return __builtin_copysign(rest, left);
}

static const char *arithmetic(const struct oracle_expression *e,
                              const struct value *left,
                              const struct value *right,
                              struct value *value)
{
    if (e->operand != TYPE_DOUBLE) {
        bool by_zero = e->op == OP_REMAINDER && right->as.number == 0;
        return by_zero ? "DIVIDE_BY_ZERO"
                       : whole_arithmetic(e, left->as.number, right->as.number, value);
    }
    double a = as_real(left);
    double b = as_real(right);
    bool by_zero = (e->op == OP_DIVIDE || e->op == OP_REMAINDER) && order_of_reals(b, 0.0) == 0;
    if (by_zero) {
        return "DIVIDE_BY_ZERO";
    }
    double result = e->op == OP_ADD        ? a + b
                    : e->op == OP_SUBTRACT ? a - b
                    : e->op == OP_MULTIPLY ? a * b
                    : e->op == OP_DIVIDE   ? a / b
                                           : remainder_of(a, b);
    *value = (struct value){TYPE_DOUBLE, true, .as = {.real = result}};
    return NULL;
}

static const char *
logic(const struct oracle_expression *e, const struct value *cells, struct value *value)
{
    bool decides = e->op == OP_OR; /* true decides an or, false an and */
    struct value left;
    const char *error = oracle_expression_value(e->left, cells, &left);
    *value = (struct value){TYPE_BOOLEAN, true, .as = {.boolean = decides}};
    if (error != NULL || (left.present && left.as.boolean == decides)) {
        return error;
    }
    struct value right;
    error = oracle_expression_value(e->right, cells, &right);
    if (error != NULL || (right.present && right.as.boolean == decides)) {
        return error;
    }
    value->present = left.present && right.present;
    value->as.boolean = !decides;
    return NULL;
}

static const char *
one_sided(const struct oracle_expression *e, const struct value *cells, struct value *value)
{
    struct value inner;
    const char *error = oracle_expression_value(e->left, cells, &inner);
    if (error != NULL) {
        return error;
    }
    *value = (struct value){.type = e->type, .present = inner.present};
    if (e->op == OP_IS_NULL || e->op == OP_IS_NOT_NULL) {
        value->present = true;
        value->as.boolean = inner.present == (e->op == OP_IS_NOT_NULL);
    } else if (!inner.present) {
        return NULL;
    } else if (e->op == OP_NOT) {
        value->as.boolean = !inner.as.boolean;
    } else if (e->type == TYPE_DOUBLE) {
        value->as.real = -inner.as.real;
    } else {
        int64_t least = e->type == TYPE_INT ? INT32_MIN : INT64_MIN;
        if (inner.as.number == least) {
            return overflow;
        }
        value->as.number = -inner.as.number;
    }
    return NULL;
}

static const char *
two_sided(const struct oracle_expression *e, const struct value *cells, struct value *value)
{
    bool right_first = e->op == OP_DIVIDE || e->op == OP_REMAINDER;
    struct value first;
    struct value second;
    *value = (struct value){.type = e->type, .present = false};
    const char *error = oracle_expression_value(right_first ? e->right : e->left, cells, &first);
    if (error != NULL || (!first.present && e->op != OP_NULL_SAFE_EQUAL)) {
        return error;
    }
    error = oracle_expression_value(right_first ? e->left : e->right, cells, &second);
    if (error != NULL || (!second.present && e->op != OP_NULL_SAFE_EQUAL)) {
        return error;
    }
    const struct value *left = right_first ? &second : &first;
    const struct value *right = right_first ? &first : &second;
    if (e->op >= OP_ADD) {
        return arithmetic(e, left, right, value);
    }
    bool both = left->present && right->present;
    *value = (struct value){.type = TYPE_BOOLEAN, .present = true};
    value->as.boolean = both ? compare(e->op, oracle_value_order(e->operand, left, right))
                             : left->present == right->present;
    return NULL;
}

const char *oracle_expression_value(const struct oracle_expression *expression,
                                    const struct value *cells,
                                    struct value *value)
{
    switch (expression->op) {
    case OP_LITERAL:
        *value = expression->literal;
        return NULL;
    case OP_COLUMN:
        *value = cells[expression->column];
        return NULL;
    case OP_OR:
    case OP_AND:
        return logic(expression, cells, value);
    case OP_NOT:
    case OP_IS_NULL:
    case OP_IS_NOT_NULL:
    case OP_NEGATE:
        return one_sided(expression, cells, value);
    case OP_EQUAL:
    case OP_NOT_EQUAL:
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_NULL_SAFE_EQUAL:
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_REMAINDER:
        return two_sided(expression, cells, value);
    }
    require(expression->op <= OP_NEGATE);
    return NULL;
}
