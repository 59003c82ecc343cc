/* Until engine/real/broker.c: nobody answers. */
#include "engine/base/heap.h"
#include "engine/real/real_ports.h"

struct real_broker {
    struct loop *loop;
};

struct real_broker *real_broker_new(struct loop *loop)
{
    struct real_broker *broker = heap_alloc(sizeof *broker);
    broker->loop = loop;
    return broker;
}

void real_broker_free(struct real_broker *broker)
{
    heap_free(broker);
}

struct broker_port real_broker_port(struct real_broker *broker)
{
    return (struct broker_port){.self = broker};
}
