/* The contract of port random (engine/ports/random.h). Run against the world's keyed draws and the
 * system's. */
#ifndef ENGINE_PORTS_RANDOM_CONTRACT_H
#define ENGINE_PORTS_RANDOM_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case random_contract[];
extern const size_t random_contract_count;

#endif
