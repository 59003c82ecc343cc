/* The real random port keeps its contract. */
#include "engine/ports/random_contract.h"

#include "engine/real/forked_world.h"

Test(random_real, keeps_the_contract)
{
    forked_world_check(random_contract, random_contract_count);
}
