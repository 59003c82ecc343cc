/* The contract of port `network` (engine/ports/network.h) between processes that live or die;
 * machines that fall silent and partitions are the fake's own test. Run against the fake, and
 * against Unix and TCP sockets. Wants contract.address[0] and [1]. */
#ifndef ENGINE_PORTS_NETWORK_CONTRACT_H
#define ENGINE_PORTS_NETWORK_CONTRACT_H

#include "engine/ports/contract.h"

extern const struct contract_case network_contract[];
extern const size_t network_contract_count;

#endif
