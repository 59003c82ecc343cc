/* The world's keyed draws keeps the port's contract. */
#include "engine/ports/random_contract.h"

#include "sim/fakes/contract_world.h"

Test(random_fake, keeps_the_contract)
{
    contract_world_check(random_contract, random_contract_count, 1, false);
}

Test(random_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        contract_world_check(random_contract, random_contract_count, seed, true);
    }
}
