/* The small expression language of filter and select: column names, literals (1, 1.5, 'text', true,
 * null, timestamp '2001-01-01T00:00:00Z'), comparison (= == != <> < <= > >= <=>), and or not, + - *
 * / %, unary minus, is null, is not null, parentheses. SQL's three-valued logic; Spark's precedence
 * and ANSI rules: long overflow and division by zero end the query with Spark's error
 * (ARITHMETIC_OVERFLOW, DIVIDE_BY_ZERO). No recursion. */
#ifndef ENGINE_PLAN_EXPRESSION_H
#define ENGINE_PLAN_EXPRESSION_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/plan/schema.h"

struct expression; /* compiled, typed, immutable */

/* Compile `text` over `schema`. Errors: ERR_FAILED with `diag`: column (1-based, within `text`),
 * what was found, what was expected, the nearest column name. */
MUST_CHECK enum status expression_compile(struct arena *arena,
                                          struct bytes text,
                                          const struct schema *schema,
                                          struct expression **expression,
                                          struct diag *diag);

enum type expression_type(const struct expression *expression);

#endif
