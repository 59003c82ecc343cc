/* The contract of port `objects` (engine/ports/objects.h) when nothing goes wrong; unknown outcomes
 * and throttling are the fake's own test. Run against the fake and the real store. */
#ifndef ENGINE_PORTS_OBJECTS_CONTRACT_H
#define ENGINE_PORTS_OBJECTS_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case objects_contract[];
extern const size_t objects_contract_count;

#endif
