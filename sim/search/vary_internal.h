/* What the files of the drawing share. */
#ifndef SIM_SEARCH_VARY_INTERNAL_H
#define SIM_SEARCH_VARY_INTERNAL_H

#include <jansson.h>

#include "engine/base/hash.h"
#include "scenarios/loader/scenario.h"

/* One of `count`, each as likely. */
static inline uint64_t vary_draw(uint64_t seed, const char *label, uint64_t index, uint64_t count)
{
    uint64_t hash = hash_chain(hash_mix64(seed), hash_text(label));
    return (hash_chain(hash, index) >> 32) * count >> 32;
}

/* What is drawn of the surroundings and decides which faults can be drawn. */
struct vary_surroundings {
    uint32_t brokers;
    uint32_t executors;
    bool rocksdb; /* the state is there */
};

/* Append the faults of `seed` to the array `script`. */
void vary_faults(const struct scenario *base,
                 uint64_t seed,
                 const struct vary_surroundings *surroundings,
                 json_t *script);

#endif
