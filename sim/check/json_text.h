/* Values as JSON text, the way Spark's to_json and Delta's statistics write them; for people and
 * for jq. Whatever bytes a file brings, what comes out is valid JSON that steers no terminal. */
#ifndef SIM_CHECK_JSON_TEXT_H
#define SIM_CHECK_JSON_TEXT_H

#include "engine/base/buf.h"

/* A string: control characters (also those of ISO 8859, and DEL) as \u00xx, bytes that are no UTF-8
 * as U+FFFD. */
void json_put_text(struct buf *out, struct bytes text);
/* The shortest digits that read back as the same double (or float); "NaN", "Infinity" as strings.
 */
void json_put_double(struct buf *out, double value, bool is_float);
/* "2001-01-01T01:53:00.000Z", with six digits when it has microseconds; "utc" puts the Z. */
void json_put_timestamp(struct buf *out, int64_t time_us, bool utc);
/* "2001-01-01" */
void json_put_date(struct buf *out, int64_t days);
/* Bytes as a string in base64. */
void json_put_binary(struct buf *out, struct bytes bytes);
/* A decimal from its unscaled value: big-endian two's complement of 1 to 16 bytes. */
void json_put_decimal(struct buf *out, struct bytes unscaled, int64_t scale);
void json_put_decimal64(struct buf *out, int64_t unscaled, int64_t scale);

#endif
