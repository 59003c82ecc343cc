/* What every implementation of the broker port must do: run against the fake and against a real
 * Kafka. A case needs a fresh topic of two partitions, empty, with log start 0, and somebody who
 * can write to it. It may suspend, so it runs where port calls may. It returns NULL, or what did
 * not hold. */
#ifndef ENGINE_PORTS_BROKER_CONTRACT_H
#define ENGINE_PORTS_BROKER_CONTRACT_H

#include "engine/ports/ports.h"

struct broker_contract {
    const struct broker_port *broker;
    const struct clock_port *clock;
    const char *topic;
    void *world;
    /* One batch of `count` records with this timestamp; readable on return. A NULL `data` is a null
     * value. */
    void (*append)(void *world,
                   int32_t partition,
                   int64_t timestamp_ms,
                   const struct bytes *values,
                   size_t count);
    /* Kafka's DeleteRecords up to `offset`; in effect on return. */
    void (*delete_records)(void *world, int32_t partition, int64_t offset);
};

struct broker_contract_case {
    const char *name;
    const char *(*run)(const struct broker_contract *contract);
};

/* Ends with a NULL name. */
extern const struct broker_contract_case broker_contract_cases[];

#endif
