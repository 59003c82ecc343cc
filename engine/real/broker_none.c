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

static enum status configure(void *self, const struct broker_option *options, struct diag *diag)
{
    (void)self;
    (void)options;
    return diag_fail(diag, "KAFKA_TIMEOUT", "no Kafka client is built in");
}

struct broker_port real_broker_port(struct real_broker *broker)
{
    static const struct broker_ops ops = {.configure = configure};
    return (struct broker_port){.ops = &ops, .self = broker};
}
