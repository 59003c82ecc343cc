/* A15 and A16: rows against their schema, keys against their partition. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/exec/unsafe_row.h"
#include "engine/shuffle/partition.h"
#include "engine/state/state_audit_internal.h"

enum { SHOWN = 32 }; /* bytes of a key in a text */

static const char *shown(const struct audit_partition *partition, struct bytes key)
{
    struct buf text = {0};
    for (size_t i = 0; i < key.size && i < SHOWN; i++) {
        buf_printf(&text, "%02x", (unsigned)key.data[i]);
    }
    buf_text(&text, key.size > SHOWN ? "..." : "");
    const char *kept = arena_copy(partition->findings->arena, text.data, text.size);
    buf_free(&text);
    return kept;
}

/* In which partition it belongs; -1: in any. */
static int64_t belongs(const struct audit_partition *partition, const struct cell *cells)
{
    const struct state_audit *audit = partition->audit;
    const struct schema hashed = {.fields = audit->key->fields, .count = audit->hashed};
    require(audit->hashed <= audit->key->count);
    return audit->hashed == 0 ? -1 : shuffle_partition(&hashed, cells, audit->partitions);
}

static bool check_key(const struct audit_partition *partition,
                      struct bytes key,
                      struct cell *cells,
                      const char *file)
{
    if (unsafe_row_decode(partition->audit->key, key, cells) != OK) {
        audit_find(partition->findings,
                   STATE_A16,
                   file,
                   "the key 0x%s is no row of its schema",
                   shown(partition, key));
        return false;
    }
    int64_t expected = belongs(partition, cells);
    if (expected >= 0 && expected != partition->partition) {
        audit_find(partition->findings,
                   STATE_A15,
                   file,
                   "the key 0x%s belongs to partition %" PRId64,
                   shown(partition, key),
                   expected);
        return false;
    }
    return true;
}

static bool check_value(const struct audit_partition *partition,
                        const struct state_pair *pair,
                        struct cell *cells,
                        const char *file)
{
    if (unsafe_row_decode(partition->audit->value, pair->value, cells) == OK) {
        return true;
    }
    audit_find(partition->findings,
               STATE_A16,
               file,
               "the value of key 0x%s is no row of its schema",
               shown(partition, pair->key));
    return false;
}

void audit_rows(const struct audit_partition *partition,
                const struct state_map *map,
                const char *file)
{
    const struct state_audit *audit = partition->audit;
    struct arena scratch = {0};
    int64_t count = state_map_count(map);
    const struct state_pair *pairs = state_map_sorted(map, &scratch);
    bool keys = audit->key != NULL;
    bool values = audit->value != NULL;
    struct cell *key = arena_alloc(&scratch, (keys ? audit->key->count : 0) * sizeof *key);
    struct cell *value = arena_alloc(&scratch, (values ? audit->value->count : 0) * sizeof *value);
    for (int64_t i = 0; i < count; i++) {
        keys = keys && check_key(partition, pairs[i].key, key, file);
        values = values && check_value(partition, &pairs[i], value, file);
    }
    partition->findings->rows += audit->key != NULL || audit->value != NULL ? count : 0;
    arena_free(&scratch);
}
