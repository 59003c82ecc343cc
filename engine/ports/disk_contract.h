/* The contract of port `disk` (engine/ports/disk.h) as far as it shows without a crash of the
 * machine; what crashes leave is the fake's own test. Run against the fake and the real disk. */
#ifndef ENGINE_PORTS_DISK_CONTRACT_H
#define ENGINE_PORTS_DISK_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case disk_contract[];
extern const size_t disk_contract_count;

#endif
