/* The contract of port trace (engine/ports/trace.h), as the engine sees it: what becomes of the
 * events is each implementation's own test. */
#ifndef ENGINE_PORTS_TRACE_CONTRACT_H
#define ENGINE_PORTS_TRACE_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case trace_contract[];
extern const size_t trace_contract_count;

#endif
