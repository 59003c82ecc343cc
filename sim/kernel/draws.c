/* Keyed draws: hash of everything that names a draw. There is no state, so no draw shifts another.
 */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/kernel/kernel_private.h"

uint64_t kernel_draw(
    const struct kernel *kernel, const char *label, uint64_t actor, uint64_t key1, uint64_t key2)
{
    uint64_t hash = hash_mix64(kernel->config.seed);
    hash = hash_chain(hash, hash_text(label));
    hash = hash_chain(hash, actor);
    hash = hash_chain(hash, key1);
    return hash_chain(hash, key2);
}

bool kernel_chance(const struct kernel *kernel,
                   const char *label,
                   uint64_t actor,
                   uint64_t key1,
                   uint64_t key2,
                   uint32_t numerator,
                   uint32_t denominator)
{
    require(denominator > 0);
    uint64_t drawn = kernel_draw(kernel, label, actor, key1, key2) >> 32;
    return drawn * denominator >> 32 < numerator;
}

uint64_t kernel_actor(const struct sim_process *process)
{
    return process == NULL ? 0 : process->private->actor;
}
