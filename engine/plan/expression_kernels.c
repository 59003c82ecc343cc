/* The loops behind the operators of an expression: one call is one node over one block of rows, by
 * the operands' states and values (expression_eval.h says what a state is). Doubles: no function of
 * the mathematics library, so that a result is the same bits everywhere. */
#include "engine/plan/expression_eval.h"

#include <float.h>
#include <math.h>

#include "engine/base/check.h"

/* The state of an operator that evaluates `first`, and `second` only if that is a value. */
static inline uint8_t in_order(uint8_t first, uint8_t second)
{
    return first != STATE_VALUE ? first : second;
}

/* A function `name` for one operator of whole numbers, with its check for overflow. */
#define CHECKED_OPERATOR(name, member, type, checked, overflow)                                    \
    static void name(const struct operands *operands)                                              \
    {                                                                                              \
        const struct column *left = operands->left;                                                \
        const struct column *right = operands->right;                                              \
        for (size_t i = 0; i < operands->rows; i++) {                                              \
            type result = 0;                                                                       \
            uint8_t state = in_order(left->present[i], right->present[i]);                         \
            bool over = checked(left->values.member[i], right->values.member[i], &result);         \
            state = over && state == STATE_VALUE ? (uint8_t)(overflow) : state;                    \
            operands->out->present[i] = state;                                                     \
            operands->out->values.member[i] = state == STATE_VALUE ? result : 0;                   \
        }                                                                                          \
    }

/* One of doubles: IEEE 754, no errors. */
#define DOUBLE_OPERATOR(name, operation)                                                           \
    static void name(const struct operands *operands)                                              \
    {                                                                                              \
        const struct column *left = operands->left;                                                \
        const struct column *right = operands->right;                                              \
        for (size_t i = 0; i < operands->rows; i++) {                                              \
            uint8_t state = in_order(left->present[i], right->present[i]);                         \
            double result = left->values.doubles[i] operation right->values.doubles[i];            \
            operands->out->present[i] = state;                                                     \
            operands->out->values.doubles[i] = state == STATE_VALUE ? result : 0;                  \
        }                                                                                          \
    }

CHECKED_OPERATOR(add_ints, ints, int32_t, __builtin_add_overflow, STATE_INT_OVERFLOW)
CHECKED_OPERATOR(subtract_ints, ints, int32_t, __builtin_sub_overflow, STATE_INT_OVERFLOW)
CHECKED_OPERATOR(multiply_ints, ints, int32_t, __builtin_mul_overflow, STATE_INT_OVERFLOW)
CHECKED_OPERATOR(add_longs, longs, int64_t, __builtin_add_overflow, STATE_LONG_OVERFLOW)
CHECKED_OPERATOR(subtract_longs, longs, int64_t, __builtin_sub_overflow, STATE_LONG_OVERFLOW)
CHECKED_OPERATOR(multiply_longs, longs, int64_t, __builtin_mul_overflow, STATE_LONG_OVERFLOW)
DOUBLE_OPERATOR(add_doubles, +)
DOUBLE_OPERATOR(subtract_doubles, -)
DOUBLE_OPERATOR(multiply_doubles, *)

static bool is_zero(double value)
{
    return !(value < 0) && !(value > 0) && !__builtin_isnan(value);
}

static bool is_infinite(double value)
{
    return value > DBL_MAX || value < -DBL_MAX;
}

/* The IEEE exponent and mantissa of a finite positive double: value = mantissa * 2^exponent. */
static void split_double(double value, uint64_t *mantissa, int *exponent)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    int field = (int)(bits >> 52 & 0x7ff);
    *mantissa = (bits & 0xfffffffffffffULL) | (field == 0 ? 0 : 1ULL << 52);
    *exponent = (field == 0 ? 1 : field) - 1075;
}

/* value = mantissa * 2^exponent, exact here: both come from a remainder of two doubles. */
static double join_double(uint64_t mantissa, int exponent)
{
    while (mantissa != 0 && mantissa < 1ULL << 52 && exponent > -1074) {
        mantissa <<= 1;
        exponent--;
    }
    uint64_t field = mantissa < 1ULL << 52 ? 0 : (uint64_t)(exponent + 1075);
    uint64_t bits = (mantissa & 0xfffffffffffffULL) | field << 52;
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Java's % of doubles: exact, the sign of the dividend; fmod without the mathematics library. */
static double remainder_of(double left, double right)
{
    if (__builtin_isnan(left) || __builtin_isnan(right) || is_infinite(left)) {
        return (double)NAN;
    }
    if (is_infinite(right) || is_zero(left)) {
        return left;
    }
    uint64_t a = 0;
    uint64_t b = 0;
    int a_exponent = 0;
    int b_exponent = 0;
    split_double(left < 0 ? -left : left, &a, &a_exponent);
    split_double(right < 0 ? -right : right, &b, &b_exponent);
    if (a_exponent < b_exponent) {
        return left; /* the divisor is then no subnormal, so |left| < 2^52 * 2^b_exponent <= |right|
                      */
    }
    a %= b;
    for (; a_exponent > b_exponent && a != 0; a_exponent--) {
        a = (a << 1) % b; /* b < 2^53: the shift loses nothing */
    }
    double result = join_double(a, b_exponent);
    return left < 0 ? -result : result;
}

/* Division and remainder look at the right operand first and leave the left one alone when it is
 * null (DivModLike). */
static void divide(const struct operands *operands)
{
    for (size_t i = 0; i < operands->rows; i++) {
        double right = operands->right->values.doubles[i];
        uint8_t state = in_order(operands->right->present[i], operands->left->present[i]);
        if (state == STATE_VALUE && is_zero(right)) {
            state = STATE_DIVIDE_BY_ZERO;
        }
        bool value = state == STATE_VALUE;
        operands->out->present[i] = state;
        operands->out->values.doubles[i] = value ? operands->left->values.doubles[i] / right : 0;
    }
}

static void remainder_doubles(const struct operands *operands)
{
    for (size_t i = 0; i < operands->rows; i++) {
        double left = operands->left->values.doubles[i];
        double right = operands->right->values.doubles[i];
        uint8_t state = in_order(operands->right->present[i], operands->left->present[i]);
        if (state == STATE_VALUE && is_zero(right)) {
            state = STATE_DIVIDE_BY_ZERO;
        }
        operands->out->present[i] = state;
        operands->out->values.doubles[i] = state == STATE_VALUE ? remainder_of(left, right) : 0;
    }
}

/* By -1 the remainder is 0; the smallest long by -1 would trap. */
#define REMAINDER_OPERATOR(name, member)                                                           \
    static void name(const struct operands *operands)                                              \
    {                                                                                              \
        const struct column *left = operands->left;                                                \
        const struct column *right = operands->right;                                              \
        for (size_t i = 0; i < operands->rows; i++) {                                              \
            uint8_t state = in_order(right->present[i], left->present[i]);                         \
            bool zero = right->values.member[i] == 0;                                              \
            state = zero && state == STATE_VALUE ? STATE_DIVIDE_BY_ZERO : state;                   \
            bool some = state == STATE_VALUE && right->values.member[i] != -1;                     \
            operands->out->present[i] = state;                                                     \
            operands->out->values.member[i] =                                                      \
                some ? left->values.member[i] % right->values.member[i] : 0;                       \
        }                                                                                          \
    }

REMAINDER_OPERATOR(remainder_ints, ints)
REMAINDER_OPERATOR(remainder_longs, longs)

/* Spark's order of doubles: NaN equals NaN and is above all else, -0.0 equals 0.0. */
static inline int compare_doubles(double a, double b)
{
    if (a < b) {
        return -1;
    }
    return a > b ? 1 : (__builtin_isnan(a) != 0) - (__builtin_isnan(b) != 0);
}

#define COMPARE_LOOP(expression)                                                                   \
    for (size_t i = 0; i < rows; i++) {                                                            \
        int order_ = (expression);                                                                 \
        uint8_t state_ = in_order(left->present[i], right->present[i]);                            \
        out->present[i] = state_;                                                                  \
        out->values.booleans[i] = state_ == STATE_VALUE && (wanted >> (order_ + 1) & 1) != 0;      \
    }

#define ORDER(member)                                                                              \
    ((left->values.member[i] > right->values.member[i]) -                                          \
     (left->values.member[i] < right->values.member[i]))

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* `wanted`: bit 0 less, bit 1 equal, bit 2 greater. */
static void compare_values(const struct operands *operands, unsigned wanted)
{
    const struct column *left = operands->left;
    const struct column *right = operands->right;
    struct column *out = operands->out;
    size_t rows = operands->rows;
    switch (left->type) {
    case TYPE_BOOLEAN:
        COMPARE_LOOP(ORDER(booleans))
        break;
    case TYPE_INT:
        COMPARE_LOOP(ORDER(ints))
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        COMPARE_LOOP(ORDER(longs))
        break;
    case TYPE_DOUBLE:
        COMPARE_LOOP(compare_doubles(left->values.doubles[i], right->values.doubles[i]))
        break;
    case TYPE_STRING:
        COMPARE_LOOP(sign(bytes_compare(left->values.strings[i], right->values.strings[i])))
        break;
    case TYPE_COUNT:
        require(left->type < TYPE_COUNT);
    }
}

static unsigned wanted_orders(enum node_kind kind)
{
    static const uint8_t wanted[] = {[NODE_EQUAL] = 2,
                                     [NODE_NOT_EQUAL] = 5,
                                     [NODE_LESS] = 1,
                                     [NODE_LESS_EQUAL] = 3,
                                     [NODE_GREATER] = 4,
                                     [NODE_GREATER_EQUAL] = 6,
                                     [NODE_SAME] = 2};
    require(kind >= NODE_EQUAL);
    require(kind <= NODE_SAME);
    return wanted[kind];
}

/* <=> knows nulls: it evaluates both operands and is never null itself. */
static void compare_nulls(const struct operands *operands)
{
    for (size_t i = 0; i < operands->rows; i++) {
        uint8_t left = operands->left->present[i];
        uint8_t right = operands->right->present[i];
        uint8_t state = left > STATE_VALUE ? left : right > STATE_VALUE ? right : STATE_VALUE;
        if (left != STATE_VALUE || right != STATE_VALUE) {
            operands->out->values.booleans[i] = left == right;
        }
        operands->out->present[i] = state;
    }
}

/* `decides` is the value that settles the result alone: false for and, true for or. */
static void evaluate_logic(const struct operands *operands, bool decides)
{
    const struct column *left = operands->left;
    const struct column *right = operands->right;
    for (size_t i = 0; i < operands->rows; i++) {
        uint8_t l = left->present[i];
        uint8_t r = right->present[i];
        bool left_decides = l == STATE_VALUE && left->values.booleans[i] == decides;
        bool right_decides = r == STATE_VALUE && right->values.booleans[i] == decides;
        uint8_t state = STATE_VALUE;
        bool value = decides;
        if (!left_decides && l > STATE_VALUE) {
            state = l;
        } else if (!left_decides && r > STATE_VALUE) {
            state = r;
        } else if (!left_decides && !right_decides) {
            state = l == STATE_VALUE && r == STATE_VALUE ? STATE_VALUE : STATE_NULL;
            value = !decides;
        }
        operands->out->present[i] = state;
        operands->out->values.booleans[i] = state == STATE_VALUE && value;
    }
}

#define NEGATE_OPERATOR(name, member, type, overflow)                                              \
    static void name(const struct operands *operands)                                              \
    {                                                                                              \
        for (size_t i = 0; i < operands->rows; i++) {                                              \
            type result = 0;                                                                       \
            uint8_t state = operands->left->present[i];                                            \
            bool over =                                                                            \
                __builtin_sub_overflow((type)0, operands->left->values.member[i], &result);        \
            state = over && state == STATE_VALUE ? (uint8_t)(overflow) : state;                    \
            operands->out->present[i] = state;                                                     \
            operands->out->values.member[i] = state == STATE_VALUE ? result : 0;                   \
        }                                                                                          \
    }

NEGATE_OPERATOR(negate_ints, ints, int32_t, STATE_INT_OVERFLOW)
NEGATE_OPERATOR(negate_longs, longs, int64_t, STATE_LONG_OVERFLOW)

static void negate_doubles(const struct operands *operands)
{
    for (size_t i = 0; i < operands->rows; i++) {
        bool value = operands->left->present[i] == STATE_VALUE;
        operands->out->present[i] = operands->left->present[i];
        operands->out->values.doubles[i] = value ? -operands->left->values.doubles[i] : 0;
    }
}

static void evaluate_not(const struct operands *operands)
{
    for (size_t i = 0; i < operands->rows; i++) {
        uint8_t state = operands->left->present[i];
        operands->out->present[i] = state;
        operands->out->values.booleans[i] =
            state == STATE_VALUE && !operands->left->values.booleans[i];
    }
}

static void test_null(const struct operands *operands, bool wanted)
{
    for (size_t i = 0; i < operands->rows; i++) {
        uint8_t state = operands->left->present[i];
        operands->out->present[i] = state > STATE_VALUE ? state : STATE_VALUE;
        operands->out->values.booleans[i] = (state == STATE_NULL) == wanted;
    }
}

static void cast(const struct operands *operands)
{
    const struct column *left = operands->left;
    struct column *out = operands->out;
    bool ints = left->type == TYPE_INT;
    memcpy(out->present, left->present, operands->rows);
    for (size_t i = 0; i < operands->rows; i++) {
        int64_t value = ints ? left->values.ints[i] : left->values.longs[i];
        if (out->type == TYPE_LONG) {
            out->values.longs[i] = value;
        } else {
            out->values.doubles[i] = (double)value;
        }
    }
}

static void evaluate_numbers(enum node_kind kind, const struct operands *operands)
{
    typedef void operation(const struct operands *operands);
    static operation *const table[][3] = {
        [NODE_NEGATE] = {negate_ints, negate_longs, negate_doubles},
        [NODE_ADD] = {add_ints, add_longs, add_doubles},
        [NODE_SUBTRACT] = {subtract_ints, subtract_longs, subtract_doubles},
        [NODE_MULTIPLY] = {multiply_ints, multiply_longs, multiply_doubles},
        [NODE_DIVIDE] = {NULL, NULL, divide},
        [NODE_REMAINDER] = {remainder_ints, remainder_longs, remainder_doubles}};
    enum type type = operands->out->type;
    require(type >= TYPE_INT);
    require(type <= TYPE_DOUBLE);
    operation *evaluate = table[kind][type - TYPE_INT];
    require(evaluate != NULL);
    evaluate(operands);
}

void evaluate_operator(enum node_kind kind, const struct operands *operands)
{
    switch (kind) {
    case NODE_ADD:
    case NODE_SUBTRACT:
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
    case NODE_REMAINDER:
    case NODE_NEGATE:
        evaluate_numbers(kind, operands);
        break;
    case NODE_EQUAL:
    case NODE_NOT_EQUAL:
    case NODE_LESS:
    case NODE_LESS_EQUAL:
    case NODE_GREATER:
    case NODE_GREATER_EQUAL:
        compare_values(operands, wanted_orders(kind));
        break;
    case NODE_SAME:
        compare_values(operands, wanted_orders(kind));
        compare_nulls(operands);
        break;
    case NODE_AND:
    case NODE_OR:
        evaluate_logic(operands, kind == NODE_OR);
        break;
    case NODE_NOT:
        evaluate_not(operands);
        break;
    case NODE_IS_NULL:
    case NODE_IS_NOT_NULL:
        test_null(operands, kind == NODE_IS_NULL);
        break;
    case NODE_CAST:
        cast(operands);
        break;
    case NODE_COLUMN:
    case NODE_LITERAL:
        require(kind > NODE_LITERAL);
    }
}
