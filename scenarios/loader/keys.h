/* The grammar of scenario files as tables: each object's keys with kind, limits and one line of
 * help. The one source: the checker refuses by it, `aftershock list` explains by it, schema.json is
 * printed from it. What ties two keys together (a point and its target) stands in load_*.c. */
#ifndef SCENARIOS_LOADER_KEYS_H
#define SCENARIOS_LOADER_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/diag.h"
#include "engine/base/document.h"

enum key_kind {
    KEY_TEXT,          /* not empty */
    KEY_NAME,          /* one of `names` */
    KEY_PATH,          /* relative to the file; see paths.h */
    KEY_BOOL,          /* */
    KEY_INT,           /* min to max */
    KEY_DURATION,      /* "20s"; min us */
    KEY_RATE,          /* "4/s" */
    KEY_MILLISECONDS,  /* "24h", or a bare number as Kafka's *.ms, -1 for none */
    KEY_BYTES,         /* "64KiB", or a bare number as Kafka's *.bytes, -1 for none */
    KEY_TIMESTAMP,     /* "2001-01-01T00:00:00Z" */
    KEY_TARGET,        /* "executor 1" */
    KEY_SCALAR,        /* text, whole number or boolean: an option's value */
    KEY_OBJECT,        /* by `table` */
    KEY_INT_OR_OBJECT, /* min to max, or by `table` */
    KEY_VARIANTS,      /* an object by that one of `variants` whose leading key it has */
    KEY_LIST,          /* of `element`, at least min of them */
    KEY_MAP            /* any key (or one of `names`) to `element`; at least min of them */
};

struct key {
    const char *name; /* NULL ends a table */
    enum key_kind kind;
    bool required;
    int64_t min;
    int64_t max;
    const char *const *names; /* KEY_NAME, KEY_MAP; for other kinds: texts allowed besides */
    const struct key_table *table;
    const struct key_table *const *variants; /* ends with NULL */
    const struct key *element;
    const char *standard; /* what holds when it is absent; NULL: nothing */
    const char *help;
};

struct key_table {
    const char *name;    /* of its definition in the schema */
    const char *leading; /* a variant: the key that chooses it */
    const char *help;
    const struct key *keys;
};

extern const struct key_table keys_scenario;
extern const struct key key_event;       /* an element of "script" (keys_script.c) */
extern const struct key_table keys_vary; /* keys_vary.c: "vary" */
extern const struct key_table keys_late; /* keys_vary.c: "late" of a workload */

/* Keys that every object may have beside its table's: "note" for people, "$schema" for editors. */
bool key_is_remark(const char *key);

/* Check the whole document against the tables: unknown keys (with the nearest known one), missing
 * ones, kinds, units, limits. After OK every value can be read by values.h.
 * Errors: ERR_FAILED with `diag`, class INVALID_SCENARIO. Iterative: the tables bound its depth. */
MUST_CHECK enum status
keys_check(const struct document *document, struct arena *arena, struct diag *diag);

#define SCENARIO_ERROR "INVALID_SCENARIO"

#endif
