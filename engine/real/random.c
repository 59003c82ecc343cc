/* Keyed draws for real: as in the simulator a pure function of what is drawn for, but of a seed
 * that the system drew at this process' birth. */
#include <sys/random.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/real/real_ports.h"

struct real_random {
    uint64_t seed[2];
};

static uint64_t draw(void *self, const char *label, uint64_t key1, uint64_t key2)
{
    const struct real_random *random = self;
    uint64_t hash = hash_chain(random->seed[0], hash_text(label));
    return hash_chain(hash_chain(hash_chain(hash, key1), key2), random->seed[1]);
}

struct real_random *real_random_new(void)
{
    struct real_random *random = heap_alloc(sizeof *random);
    ssize_t got = getrandom(random->seed, sizeof random->seed, 0); /* so few come whole or not */
    require(got == (ssize_t)sizeof random->seed);
    return random;
}

void real_random_free(struct real_random *random)
{
    heap_free(random);
}

struct random_port real_random_port(struct real_random *random)
{
    static const struct random_ops ops = {.draw = draw};
    return (struct random_port){.ops = &ops, .self = random};
}
