/* The file state/<op>/0/_metadata/schema (spark-checkpoint 1.11), big-endian:
 *
 *     v2: writeUTF("v2") { chunks:int32 writeUTF* } of the key, the same of the value
 *     v1: writeUTF("v1") writeUTF(key) writeUTF(value)
 *
 * writeUTF: uint16 size, then Java's modified UTF-8. The schemas are Spark's StructType JSON. Pure.
 */
#ifndef ENGINE_STATE_STATE_SCHEMA_H
#define ENGINE_STATE_STATE_SCHEMA_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/plan/plan.h"

/* As Spark: grouping columns, the struct `window`; the watermark's delay as field metadata. */
void state_key_schema_json(const struct plan *plan, struct buf *out);
/* The aggregation buffers. A count is never null. */
void state_value_schema_json(const struct plan *plan, struct buf *out);

/* `key` and `value` are JSON texts. */
void state_schema_write(struct bytes key, struct bytes value, struct buf *out);
/* Either version; texts live in `arena` (as modified UTF-8: other than UTF-8 only outside the basic
 * plane). Errors: ERR_CORRUPT. Safe on hostile bytes. */
MUST_CHECK enum status
state_schema_read(struct bytes file, struct arena *arena, struct bytes *key, struct bytes *value);

/* What must stay the same about a schema: "struct<timestamp,timestamp>,string,long"; names, nulls
 * and metadata may differ. A type that no plan here can have stays recognisably different. */
const char *state_schema_types(const struct schema *schema, struct arena *arena);
/* The same of JSON. Errors: ERR_CORRUPT: it is no StructType. */
MUST_CHECK enum status
state_schema_json_types(struct bytes json, struct arena *arena, const char **types);

/* The columns that such a text speaks of, without names. False: a type that no plan here can have.
 */
bool state_schema_of_types(const char *types, struct arena *arena, struct schema *schema);

#endif
