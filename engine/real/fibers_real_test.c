/* The real fibers port keeps its contract. */
#include "engine/ports/fibers_contract.h"

#include "engine/real/forked_world.h"

Test(fibers_real, keeps_the_contract)
{
    forked_world_check(fibers_contract, fibers_contract_count);
}
