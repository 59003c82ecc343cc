/* The fake network keeps the port's contract. */
#include "engine/ports/network_contract.h"

#include "sim/fakes/contract_world.h"

Test(network_fake, keeps_the_contract)
{
    contract_world_check(network_contract, network_contract_count, 1, false);
}

Test(network_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        contract_world_check(network_contract, network_contract_count, seed, true);
    }
}
