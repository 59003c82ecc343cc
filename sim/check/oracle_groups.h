/* A map of group -> buffers, between oracle_stream.c and oracle_groups.c. */
#ifndef SIM_CHECK_ORACLE_GROUPS_H
#define SIM_CHECK_ORACLE_GROUPS_H

#include "sim/check/oracle_keys.h"

struct oracle_group {
    struct oracle_group *next; /* in its bucket, or in the list of free ones */
    const struct oracle_key *key;
    int64_t touched; /* the batch that changed it last */
    uint64_t digest; /* of key and value; 0: not in the state yet */
    struct value buffer[];
};

/* A zeroed one with `aggregation` set is empty. All memory is the arena's. */
struct oracle_groups {
    const struct oracle_aggregation *aggregation;
    struct arena arena;
    struct oracle_group **buckets; /* a power of two */
    size_t bucket_count;
    size_t count;
    struct oracle_group *free;
};

struct oracle_group *
oracle_groups_find(const struct oracle_groups *groups, struct bytes row, uint64_t hash);
/* Made with empty buffers when it is not there. */
struct oracle_group *oracle_groups_get(struct oracle_groups *groups, const struct oracle_key *key);
void oracle_groups_remove(struct oracle_groups *groups, struct oracle_group *group);
void oracle_groups_clear(struct oracle_groups *groups);
void oracle_groups_free(struct oracle_groups *groups);

/* Walk in no special order: begin with bucket 0 and NULL; NULL behind the last. The group that was
 * given before may be removed meanwhile. */
struct oracle_group_walk {
    size_t bucket;
    struct oracle_group *next;
};
struct oracle_group *oracle_groups_walk(const struct oracle_groups *groups,
                                        struct oracle_group_walk *walk);

/* Each: NULL, or the class of Spark's error. */
const char *oracle_group_add(const struct oracle_aggregation *aggregation,
                             struct oracle_group *group,
                             const struct value *values);
const char *oracle_group_merge(const struct oracle_aggregation *aggregation,
                               struct oracle_group *into,
                               const struct oracle_group *from);
/* The results, one a cell, behind the key's cells. */
void oracle_group_results(const struct oracle_aggregation *aggregation,
                          const struct oracle_group *group,
                          struct value *cells);

#endif
