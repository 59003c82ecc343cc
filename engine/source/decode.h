/* Record values (JSON text) -> columns, by the declared schema only: one pass over the bytes, no
 * tree, at most 0.4 us a flight. Spark's from_json rules (JacksonParser, FailureSafeParser, with
 * spark.sql.json.enablePartialResults as it is by default):
 *
 *   a record that is no JSON object, or no JSON        all columns null
 *   a value of another type than its column            that column null, the others kept
 *   nothing but white space, or no value at all        all columns null, in FAILFAST too
 *   a member the schema does not name                  skipped at any depth (iteratively)
 *   a member that stands twice                         the last one that fits its type wins
 *
 *   boolean    true, false
 *   int, long  a number without fraction or exponent, within range; never a string
 *   double     any number; "NaN", "Infinity", "+Infinity", "-Infinity", "+INF", "-INF"
 *   timestamp  a string that timestamp_parse reads; a whole number is seconds since 1970
 *   string     a string; the text of any other value but null as it stands in the record (Spark 4
 *              keeps it exactly when it reads files; from_json writes it anew: 1.50 as 1.5)
 *
 * In FAILFAST each of the first two rows of the table ends the query. Stricter than Spark: what
 * stands behind the object is malformed (Spark never looks there), and see json_scan.h. */
#ifndef ENGINE_SOURCE_DECODE_H
#define ENGINE_SOURCE_DECODE_H

#include "engine/base/diag.h"
#include "engine/exec/columns.h"
#include "engine/plan/plan.h"

struct decoder; /* names and types of one schema, prepared for matching */

/* Keeps `schema`'s names. */
struct decoder *
decoder_new(struct arena *arena, const struct schema *schema, enum decode_mode mode);

/* Append one row decoded from `value` to `columns` (of the decoder's schema, with room left).
 * Strings without escapes borrow from `value`; others are copied into `arena`. A null value (data
 * == NULL) is a row of nulls. Errors: ERR_FAILED with `diag` (class MALFORMED_RECORD_IN_PARSING;
 * the text says where in the value and what was expected, the caller knows topic, partition and
 * offset), FAILFAST only; no row is appended then. */
MUST_CHECK enum status decoder_row(const struct decoder *decoder,
                                   struct arena *arena,
                                   struct bytes value,
                                   struct columns *columns,
                                   struct diag *diag);

#endif
