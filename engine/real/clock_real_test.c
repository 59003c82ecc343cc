/* The real clock port keeps its contract. */
#include "engine/ports/clock_contract.h"

#include "engine/real/forked_world.h"

Test(clock_real, keeps_the_contract)
{
    forked_world_check(clock_contract, clock_contract_count);
}
