/* The small expression language of filter and select: column names (`in backquotes` where they are
 * no plain identifiers; window.start for a member of a struct column), literals (1, 1L, 1.5,
 * 'text', true, null, timestamp '2001-01-01T00:00:00Z'), comparison (= == != <> < <= > >= <=>), and
 * or not, + - * / %, unary minus, is null, is not null, parentheses. SQL's three-valued logic;
 * Spark's precedence (SqlBaseParser.g4) and ANSI rules: overflow of int and long and division by
 * zero end the query with Spark's error (ARITHMETIC_OVERFLOW, DIVIDE_BY_ZERO). No recursion,
 * bounded size and depth.
 *
 * Types: int -> long -> double where two numbers meet; `/` is always double; strings meet strings,
 * booleans booleans; a timestamp meets a timestamp or a string literal that is one. 1.5 is a double
 * (Spark reads a decimal, a type that is not built; 1.5D means the same in both).
 *
 * Errors and evaluation order are a row's own, as in Spark's row-at-a-time code: an operand that
 * Spark would not have evaluated cannot fail. `false and E`, `true or E`, `null + E`, `null = E`
 * never fail by E, neither does `E / null`; so `x <> 0 and 10 / x > 1` is safe. Where Spark's
 * optimizer may turn conditions round, the written order holds here. */
#ifndef ENGINE_PLAN_EXPRESSION_H
#define ENGINE_PLAN_EXPRESSION_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/exec/columns.h"
#include "engine/plan/schema.h"

enum { EXPRESSION_SIZE_MAX = 8192, EXPRESSION_NODES_MAX = 512, EXPRESSION_DEPTH_MAX = 128 };

struct expression; /* compiled, typed, immutable */

/* Compile `text` over `schema`. Keeps nothing of `text`. Errors: ERR_FAILED with `diag` (Spark's
 * classes PARSE_SYNTAX_ERROR, UNRESOLVED_COLUMN, DATATYPE_MISMATCH): column (1-based byte within
 * `text`), what was found, what was expected, the nearest column name. */
MUST_CHECK enum status expression_compile(struct arena *arena,
                                          struct bytes text,
                                          const struct schema *schema,
                                          struct expression **expression,
                                          struct diag *diag);

enum type expression_type(const struct expression *expression);

/* Is the expression nothing but a column? Then `field` is its index in the schema. */
bool expression_is_column(const struct expression *expression, size_t *field);

/* Evaluate over all rows of `input` (of the schema compiled for) into `result`, a column of the
 * expression's type with room for them. Scratch memory comes from `arena`. Strings borrow from
 * `input` or from the expression. Errors: ERR_FAILED with `diag` (class ARITHMETIC_OVERFLOW or
 * DIVIDE_BY_ZERO): the first row, in order, that fails. Never suspends. */
MUST_CHECK enum status expression_evaluate(const struct expression *expression,
                                           struct arena *arena,
                                           const struct columns *input,
                                           struct column *result,
                                           struct diag *diag);

#endif
