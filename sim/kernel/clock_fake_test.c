/* The world's virtual time keeps the port's contract. */
#include "engine/ports/clock_contract.h"

#include "sim/fakes/contract_world.h"

Test(clock_fake, keeps_the_contract)
{
    contract_world_check(clock_contract, clock_contract_count, 1, false);
}

Test(clock_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        contract_world_check(clock_contract, clock_contract_count, seed, true);
    }
}
