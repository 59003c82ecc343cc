/* The contract of port fibers (engine/ports/fibers.h). Run against the world's scheduler and the
 * poll loop. */
#ifndef ENGINE_PORTS_FIBERS_CONTRACT_H
#define ENGINE_PORTS_FIBERS_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case fibers_contract[];
extern const size_t fibers_contract_count;

#endif
