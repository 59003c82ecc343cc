/* The network of a world: connections between simulated processes, with delays from the cost table,
 * order kept, breaks. Implements engine/ports/network.h.
 *
 * What breaks a connection, and who learns of it when:
 *   - close, or the death of a process: the peer reads what was sent before, then NETWORK_BROKEN
 *     (the dead one's operating system says so). With noise the last messages that are still under
 *     way may be lost, as they are when the operating system had not taken them yet;
 *   - the crash of a machine: nobody says anything. The peer learns it when it sends next (the
 *     machine is up again and knows no such connection), or after a long silence;
 *   - the loss of a machine: only after a long silence;
 *   - a partition: what is under way is lost, both ends learn it after a while.
 * A pause breaks nothing: messages wait. */
#ifndef SIM_FAKES_NETWORK_H
#define SIM_FAKES_NETWORK_H

#include "sim/kernel/kernel.h"

struct fake_network;

/* Registers with the kernel. */
struct fake_network *fake_network_new(struct kernel *kernel);

/* process->ports.network. */
void fake_network_connect(struct fake_network *network, struct sim_process *process);

/* Cut `process` off from every other machine (sets process->partitioned), or heal it. Healing
 * brings no connection back. */
void fake_network_partition(struct fake_network *network, struct sim_process *process, bool cut);

/* Connections that a process holds; zero after its death. */
size_t fake_network_handles(const struct fake_network *network, const struct sim_process *process);

#endif
