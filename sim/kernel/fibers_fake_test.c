/* The world's scheduler keeps the port's contract. */
#include "engine/ports/fibers_contract.h"

#include "sim/fakes/contract_world.h"

Test(fibers_fake, keeps_the_contract)
{
    contract_world_check(fibers_contract, fibers_contract_count, 1, false);
}

Test(fibers_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        contract_world_check(fibers_contract, fibers_contract_count, seed, true);
    }
}
