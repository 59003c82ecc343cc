/* The only doors of a process: given at birth, all of its world. Each port is a const table of
 * functions and a self. Two implementations each: engine/real (calls, no policy) and sim/fakes.
 *
 * A PORT CALL IS THE ONLY PLACE WHERE CODE MAY SUSPEND. What was read before one is checked again
 * after it. A process is one CPU: a disk call holds the whole process, `spend` does so for its
 * length and then lets the others run; sleep, park, network, broker and objects let the process'
 * other fibers run meanwhile. */
#ifndef ENGINE_PORTS_H
#define ENGINE_PORTS_H

#include "engine/ports/broker.h"
#include "engine/ports/clock.h"
#include "engine/ports/disk.h"
#include "engine/ports/fibers.h"
#include "engine/ports/network.h"
#include "engine/ports/objects.h"
#include "engine/ports/random.h"
#include "engine/ports/trace.h"

struct ports {
    struct clock_port clock;
    struct fibers_port fibers;
    struct disk_port disk;
    struct objects_port objects;
    struct broker_port broker;
    struct network_port network;
    struct random_port random;
    struct trace_port trace;
};

#endif
