/* The contract of the broker port: against librdkafka's mock cluster, as far as that one does what
 * Kafka does; and against a real Kafka, all of it, when AFTERSHOCK_KAFKA=host:port names one. */
#include "engine/ports/broker_contract.h"

#include "engine/real/broker_world_test.h"

/* What the mock cluster of librdkafka 2.0.2 does not do as Kafka does (kafka-semantics 3). */
static const struct {
    const char *name;
    const char *reason;
} mock_skips[] = {
    {"metadata lists every partition", "the mock creates each topic that is asked for"},
    {"out of range at both ends", "the mock has no DeleteRecords"},
    {"R13 deleted records are gone", "the mock has no DeleteRecords"},
    {"offsets are listed", "the mock finds no offset by time"},
};

static const char *skip_reason(const struct broker_world *world, const char *name)
{
    for (size_t i = 0; world->mock != NULL && i < sizeof mock_skips / sizeof *mock_skips; i++) {
        if (strcmp(mock_skips[i].name, name) == 0) {
            return mock_skips[i].reason;
        }
    }
    return NULL;
}

static void run_contract(struct broker_world *world)
{
    for (const struct broker_contract_case *one = broker_contract_cases; one->name != NULL; one++) {
        const char *reason = skip_reason(world, one->name);
        if (reason != NULL) {
            cr_log_info("skipped: %s: %s", one->name, reason);
            continue;
        }
        world_create_topic(world, 2);
        const struct broker_contract contract = {
            .broker = &world->process->ports.broker,
            .clock = &world->process->ports.clock,
            .topic = world->topic,
            .world = world,
            .append = world_append,
            .delete_records = world_delete_records,
        };
        const char *failure = one->run(&contract);
        cr_expect(
            failure == NULL, "%s: %s; %s", one->name, failure, broker_last_error(contract.broker));
    }
}

/* A case that is renamed or mended must not stay in the list above. */
Test(broker_real, the_skipped_cases_exist)
{
    for (size_t i = 0; i < sizeof mock_skips / sizeof *mock_skips; i++) {
        const struct broker_contract_case *one = broker_contract_cases;
        while (one->name != NULL && strcmp(one->name, mock_skips[i].name) != 0) {
            one++;
        }
        cr_expect(one->name != NULL, "%s", mock_skips[i].name);
    }
}

Test(broker_real, keeps_the_contract_with_the_mock_cluster)
{
    struct broker_world world;
    world_open(&world, 1, NULL);
    world_run(&world, run_contract);
    world_close(&world);
}

Test(broker_real, keeps_the_contract_with_kafka)
{
    const char *servers = getenv("AFTERSHOCK_KAFKA");
    if (servers == NULL) {
        cr_skip_test("AFTERSHOCK_KAFKA=host:port names no Kafka");
    }
    struct broker_world world;
    world_open(&world, 0, servers);
    world_run(&world, run_contract);
    world_close(&world);
}
