/* The oracle's own reading of the filter and select language (its grammar:
 * engine/plan/expression.h): a tree, evaluated a row at a time by Spark's ANSI rules and SQL's
 * three-valued logic. Shares no code with the engine's vectorised evaluation. Recursive within
 * ORACLE_DEPTH_MAX levels. */
#ifndef SIM_CHECK_ORACLE_EXPRESSION_H
#define SIM_CHECK_ORACLE_EXPRESSION_H

#include "sim/check/value.h"

enum { ORACLE_DEPTH_MAX = 300 };

struct oracle_expression;

/* NULL with `*error` when it cannot be read. Everything lives in `arena`. */
struct oracle_expression *oracle_expression_parse(struct arena *arena,
                                                  struct bytes text,
                                                  const struct schema *schema,
                                                  const char **error);

/* TYPE_COUNT: of an untyped null. */
enum type oracle_expression_result(const struct oracle_expression *expression);

/* Is it a column and nothing else? */
bool oracle_expression_column(const struct oracle_expression *expression, size_t *column);

/* Spark's order of two present values of one type: negative, zero, positive. NaN is above all. */
int oracle_value_order(enum type type, const struct value *left, const struct value *right);

/* Value of the expression over the cells of one row. NULL, or the class of Spark's error
 * (ARITHMETIC_OVERFLOW, DIVIDE_BY_ZERO). */
const char *oracle_expression_value(const struct oracle_expression *expression,
                                    const struct value *cells,
                                    struct value *value);

#endif
