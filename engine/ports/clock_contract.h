/* The contract of port clock (engine/ports/clock.h) while nobody sets the clock. Run against
 * virtual time and the system's. */
#ifndef ENGINE_PORTS_CLOCK_CONTRACT_H
#define ENGINE_PORTS_CLOCK_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case clock_contract[];
extern const size_t clock_contract_count;

#endif
