/* A partition's state in memory: the newest version as one hash map, and an undo log of what was
 * changed since its last mark. Between two marks lies one batch: rolling back gives the version
 * before it. Pure; memory is of the current process' heap. */
#ifndef ENGINE_STATE_STATE_MAP_H
#define ENGINE_STATE_STATE_MAP_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"

struct state_map;

struct state_map *state_map_new(void);
void state_map_free(struct state_map *map);

bool state_map_get(const struct state_map *map, struct bytes key, struct bytes *value);
/* Copies both. */
void state_map_put(struct state_map *map, struct bytes key, struct bytes value);
/* Was it there? */
bool state_map_remove(struct state_map *map, struct bytes key);

int64_t state_map_count(const struct state_map *map);
int64_t state_map_bytes(const struct state_map *map); /* of keys and values */

/* From here on every change is noted, so that it can be undone; what was noted before is forgotten.
 * Without a mark nothing is noted (loading). */
void state_map_mark(struct state_map *map);
/* Undo every change since the mark. Nothing is noted until the next mark. */
void state_map_rollback(struct state_map *map);

/* One key and value; valid until the next mark or rollback (a removed key, too) and, of the value,
 * the next put of its key. */
struct state_pair {
    struct bytes key;
    struct bytes value;
};

/* Everything, in no order that means anything: an array in `arena`, the caller's to reorder, whose
 * bytes are borrowed. */
struct state_pair *state_map_pairs(const struct state_map *map, struct arena *arena);

/* Called for each pair, in no order that means anything; must not change the map. Not OK ends it,
 * and is returned. */
MUST_CHECK enum status
state_map_each(const struct state_map *map,
               enum status (*pair)(void *context, struct bytes key, struct bytes value),
               void *context);

/* Everything in the order of the keys' bytes: an array in `arena` whose bytes are borrowed. */
const struct state_pair *state_map_sorted(const struct state_map *map, struct arena *arena);

#endif
