/* The oracle's own reading of a record value: JSON text into one cell a declared column, by Spark's
 * from_json rules (JacksonParser, FailureSafeParser, partial results on):
 *
 *   no JSON, something behind it, or no object    every cell null; FAILFAST: an error
 *   a value of another type than its column       that cell stays as it is (null); FAILFAST: an
 * error only white space, or no value                 every cell null, in FAILFAST too a member
 * that stands twice                    the last one that fits boolean: true, false; int, long: a
 * whole number in range; double: any number, or a text such as "NaN"; timestamp: a text, or whole
 * seconds; string: a text, or another value's text as it is. */
#ifndef SIM_CHECK_ORACLE_DECODE_H
#define SIM_CHECK_ORACLE_DECODE_H

#include "engine/base/arena.h"
#include "sim/check/value.h"

/* Fill `cells` (schema->count). NULL, or the class of the error (`failfast` only). Texts borrow
 * from `record` or live in `arena`. */
const char *oracle_decode(const struct schema *schema,
                          bool failfast,
                          struct bytes record,
                          struct arena *arena,
                          struct value *cells);

#endif
