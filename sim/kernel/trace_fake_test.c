/* The world's trace keeps the port's contract. */
#include "engine/ports/trace_contract.h"

#include "sim/fakes/contract_world.h"

Test(trace_fake, keeps_the_contract)
{
    contract_world_check(trace_contract, trace_contract_count, 1, false);
}

Test(trace_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        contract_world_check(trace_contract, trace_contract_count, seed, true);
    }
}
