#include "engine/plan/options_test_world.h"

#include <stdio.h>

#include "engine/base/units.h"

TestSuite(options, .init = begin, .fini = end);

Test(options, defaults_are_sparks)
{
    cr_assert(zero(ptr, (void *)(uintptr_t)options.checkpoint_location));
    cr_assert(eq(str, options.starting_offsets, "latest"));
    cr_assert(eq(i64, options.max_offsets_per_trigger, 0));
    cr_assert(eq(i64, options.min_partitions, 0));
    cr_assert(options.fail_on_data_loss);
    cr_assert(eq(int, options.trigger, TRIGGER_PROCESSING_TIME));
    cr_assert(eq(i64, options.trigger_interval_us, 0));
    cr_assert(eq(i64, options.min_batches_to_retain, 100));
    cr_assert(eq(i64, options.task_max_failures, 4));
    cr_assert(eq(i64, options.executor_heartbeat_us, 10 * US_PER_SECOND));
    cr_assert(eq(i64, options.network_timeout_us, 120 * US_PER_SECOND));
    cr_assert(eq(i64, options.executor_cores, 1));
    cr_assert(eq(i64, options.request_timeout_us, 30 * US_PER_SECOND));
    cr_assert(eq(i64, options.api_timeout_us, 60 * US_PER_SECOND));
    cr_assert(zero(ptr, (void *)(uintptr_t)options.kafka), "nothing was given");
    cr_assert(zero(ptr, (void *)(uintptr_t)options.local_dir));
    cr_assert(eq(i64, options.poll_timeout_us, 120 * US_PER_SECOND));
    cr_assert(eq(i64, options.fetch_retries, 3));
    cr_assert(eq(i64, options.fetch_retry_interval_us, US_PER_SECOND));
    cr_assert(eq(i64, options.fetch_bytes_max, 1 << 20));
    cr_assert(eq(i64, options.shuffle_partitions, 200));
    cr_assert(eq(i64, options.stage_max_attempts, 4));
    cr_assert(eq(i64, options.state_min_deltas_for_snapshot, 10));
    cr_assert(eq(i64, options.state_maintenance_us, 60 * US_PER_SECOND));
    cr_assert(options.no_data_batches);
}

Test(options, every_kind_of_value)
{
    char value[] = "/shared/c";
    set("checkpointLocation", value);
    value[0] = '?'; /* kept, not borrowed */
    cr_assert(eq(str, options.checkpoint_location, "/shared/c"));
    set("failOnDataLoss", "FALSE");
    cr_assert(not(options.fail_on_data_loss));
    set("maxOffsetsPerTrigger", "9223372036854775807");
    cr_assert(eq(i64, options.max_offsets_per_trigger, INT64_MAX));
    set("spark.executor.heartbeatInterval", "10 seconds");
    cr_assert(eq(i64, options.executor_heartbeat_us, 10 * US_PER_SECOND));
    set("kafka.request.timeout.ms", "1500");
    cr_assert(eq(i64, options.request_timeout_us, 1500 * US_PER_MS));
    set("kafka.request.timeout.ms", "2s");
    cr_assert(eq(i64, options.request_timeout_us, 2 * US_PER_SECOND));
    set("fetchOffset.retryIntervalMs", "10");
    cr_assert(eq(i64, options.fetch_retry_interval_us, 10 * US_PER_MS));
    set("kafka.max.partition.fetch.bytes", "2048");
    cr_assert(eq(i64, options.fetch_bytes_max, 2048));
    set("kafka.max.partition.fetch.bytes", "2MiB");
    cr_assert(eq(i64, options.fetch_bytes_max, 2 << 20));
    set("startingOffsets", "EARLIEST");
    cr_assert(eq(str, options.starting_offsets, "earliest"));
    set("startingOffsets", "{\"flights\":{\"0\":3}}");
    cr_assert(eq(str, options.starting_offsets, "{\"flights\":{\"0\":3}}"));
}

Test(options, names_of_the_source_ignore_case_and_sparks_do_not)
{
    set("STARTINGOFFSETS", "earliest");
    cr_assert(eq(str, options.starting_offsets, "earliest"));
    set("Kafka.Request.Timeout.MS", "700");
    cr_assert(eq(i64, options.request_timeout_us, 700 * US_PER_MS));
    expect_refused("spark.task.maxfailures",
                   "4",
                   "unknown option \"spark.task.maxfailures\"; did you mean "
                   "\"spark.task.maxFailures\"?");
}

Test(options, a_trigger_replaces_the_other)
{
    set("availableNow", "true");
    cr_assert(eq(int, options.trigger, TRIGGER_AVAILABLE_NOW));
    set("processingTime", "1 minute");
    cr_assert(eq(int, options.trigger, TRIGGER_PROCESSING_TIME));
    cr_assert(eq(i64, options.trigger_interval_us, US_PER_MINUTE));
    expect_refused("availableNow",
                   "false",
                   "option \"availableNow\" is \"false\"; expected true; for the other trigger "
                   "say processingTime");
}

Test(options, the_poll_timeout_follows_the_network_timeout_until_given)
{
    set("spark.network.timeout", "60s");
    cr_assert(eq(i64, options.poll_timeout_us, US_PER_MINUTE));
    set("kafkaConsumer.pollTimeoutMs", "512");
    set("spark.network.timeout", "90s");
    cr_assert(eq(i64, options.poll_timeout_us, 512 * US_PER_MS));
}

Test(options, what_has_no_effect_is_still_checked)
{
    struct options before = options;
    set("groupIdPrefix", "mine");
    set("spark.sql.session.timeZone", "UTC");
    cr_assert(eq(int, memcmp(&before, &options, sizeof options), 0));
    expect_refused("kafka.max.poll.records",
                   "0",
                   "option \"kafka.max.poll.records\" is \"0\"; expected 1 to 2147483647");
}

/* What was given as kafka.*, once each, in one order, as Kafka's client reads it. */
static void expect_client(const char *expected)
{
    char text[1024] = "";
    const struct broker_option *option = options.kafka;
    for (; option != NULL && option->name != NULL; option++) {
        size_t size = strlen(text);
        (void)snprintf(text + size, sizeof text - size, "%s=%s\n", option->name, option->value);
    }
    cr_assert(eq(str, text, (char *)(uintptr_t)expected));
}

Test(options, the_client_gets_what_was_given_and_the_last_word_of_it)
{
    set("failOnDataLoss", "false");
    expect_client("");
    set("kafka.session.timeout.ms", "10000");
    set("kafka.bootstrap.servers", "broker:9092");
    char value[] = "mine";
    set("KAFKA.Client.ID", value);
    value[0] = '?'; /* kept, not borrowed */
    set("kafka.request.timeout.ms", "2s");
    set("kafka.fetch.max.wait.ms", "1500us");
    set("kafka.max.partition.fetch.bytes", "2MiB");
    set("kafka.receive.buffer.bytes", "-1");
    set("kafka.check.crcs", "FALSE");
    set("kafka.security.protocol", "sasl_ssl");
    set("kafka.ssl.endpoint.identification.algorithm", "");
    set("kafka.request.timeout.ms", "3s");
    expect_client("bootstrap.servers=broker:9092\n"
                  "check.crcs=false\n"
                  "client.id=mine\n"
                  "fetch.max.wait.ms=2\n"
                  "max.partition.fetch.bytes=2097152\n"
                  "receive.buffer.bytes=-1\n"
                  "request.timeout.ms=3000\n"
                  "security.protocol=SASL_SSL\n"
                  "session.timeout.ms=10000\n"
                  "ssl.endpoint.identification.algorithm=none\n");
    cr_assert(eq(i64, options.request_timeout_us, 3 * US_PER_SECOND));
    cr_assert(eq(i64, options.fetch_bytes_max, 2 << 20));
    struct options before = options;
    set("kafka.client.id", "yours");
    cr_assert(ne(ptr, (void *)(uintptr_t)before.kafka, (void *)(uintptr_t)options.kafka));
    options = before;
    expect_refused("kafka.fetch.max.wait.ms",
                   "soon",
                   "option \"kafka.fetch.max.wait.ms\" is \"soon\"; expected milliseconds, or a "
                   "duration such as 30s");
}

static void expect_simulated(const char *name, const char *value)
{
    set(name, value);
    diag = (struct diag){0};
    cr_assert(eq(int, options_check_simulated(name, value, &diag), OK), "%s", diag.text);
}

static void expect_real_only(const char *name, const char *value, const char *text)
{
    set(name, value);
    diag = (struct diag){0};
    cr_assert(eq(int, options_check_simulated(name, value, &diag), ERR_FAILED), "%s", name);
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
    cr_assert(eq(str, diag.text, (char *)(uintptr_t)text));
}

Test(options, what_the_simulator_has_not)
{
    expect_simulated("kafka.bootstrap.servers", "broker:9092");
    expect_simulated("kafka.isolation.level", "Read_Uncommitted");
    expect_simulated("kafka.security.protocol", "plaintext");
    expect_simulated("spark.network.timeout", "60s");
    expect_real_only("KAFKA.isolation.level",
                     "read_committed",
                     "option \"kafka.isolation.level\" is \"read_committed\", which is for the "
                     "real world only: no simulated producer writes transactions; the simulator "
                     "has read_uncommitted");
    expect_real_only("spark.local.dir",
                     "/tmp/x",
                     "option \"spark.local.dir\" is for the real world only: shuffle blocks stand "
                     "on the simulated machine's own disk, /local");
    expect_real_only("kafka.ssl.key.password",
                     "hunter2",
                     "option \"kafka.ssl.key.password\" is for the real world only: simulated "
                     "connections are not encrypted");
}

/* Whatever is wrong with a secret, no message holds it. */
Test(options, secrets_are_not_shown)
{
    expect_refused("kafka.sasl.password",
                   "",
                   "option \"kafka.sasl.password\" (a secret, so not shown): expected a text that "
                   "is not empty");
    struct option_description option;
    size_t secrets = 0;
    for (size_t i = 0; options_describe(i, &option); i++) {
        if (!option.secret) {
            continue;
        }
        secrets++;
        set(option.name, "hunter2");
        diag = (struct diag){0};
        cr_assert(eq(int, options_check_simulated(option.name, "hunter2", &diag), ERR_FAILED));
        cr_assert(zero(ptr, strstr(diag.text, "hunter2")));
    }
    cr_assert(eq(sz, secrets, 3));
    static const char *const others[] = {
        "kafka.sasl.pasword", "kafka.ssl.keystore.password", "sasl.password", "x"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        diag = (struct diag){0};
        cr_assert(eq(int, options_set(&options, &arena, others[i], "hunter2", &diag), ERR_FAILED));
        cr_assert(zero(ptr, strstr(diag.text, "hunter2")));
    }
}

Test(options, wrong_values)
{
    expect_refused("maxOffsetsPerTrigger",
                   "0",
                   "option \"maxOffsetsPerTrigger\" is \"0\"; expected 1 to 9223372036854775807");
    expect_refused("maxOffsetsPerTrigger",
                   "9223372036854775808",
                   "option \"maxOffsetsPerTrigger\" is \"9223372036854775808\"; expected a whole "
                   "number");
    expect_refused(
        "minPartitions", "many", "option \"minPartitions\" is \"many\"; expected a whole number");
    expect_refused(
        "failOnDataLoss", "no", "option \"failOnDataLoss\" is \"no\"; expected true or false");
    expect_refused("spark.network.timeout",
                   "120",
                   "option \"spark.network.timeout\" is \"120\"; expected a duration with its "
                   "unit, such as 10s or \"10 seconds\"");
    expect_refused("kafka.request.timeout.ms",
                   "soon",
                   "option \"kafka.request.timeout.ms\" is \"soon\"; expected milliseconds, or a "
                   "duration such as 30s");
    expect_refused("kafka.request.timeout.ms",
                   "9223372036854775807",
                   "option \"kafka.request.timeout.ms\" is \"9223372036854775807\"; expected "
                   "milliseconds, or a duration such as 30s");
    expect_refused("kafka.request.timeout.ms",
                   "301000",
                   "option \"kafka.request.timeout.ms\" is \"301000\"; expected 10ms to 5m");
    expect_refused("startingOffsets",
                   "first",
                   "option \"startingOffsets\" is \"first\"; expected earliest, latest or "
                   "{\"topic\": {\"0\": 23}}");
    expect_refused("checkpointLocation",
                   "",
                   "option \"checkpointLocation\" is \"\"; expected a text that is not empty");
}

Test(options, unknown_names_and_their_nearest)
{
    expect_refused("maxOffsetPerTrigger",
                   "1",
                   "unknown option \"maxOffsetPerTrigger\"; did you mean "
                   "\"maxOffsetsPerTrigger\"?");
    expect_refused("kafka.max.poll.record",
                   "1",
                   "unknown option \"kafka.max.poll.record\"; did you mean "
                   "\"kafka.max.poll.records\"?");
    expect_refused("bootstrap.servers",
                   "b",
                   "unknown option \"bootstrap.servers\"; did you mean "
                   "\"kafka.bootstrap.servers\"?");
    expect_refused(
        "client.id", "b", "unknown option \"client.id\"; did you mean \"kafka.client.id\"?");
    expect_refused("source.options.failOnDataLoss",
                   "true",
                   "unknown option \"source.options.failOnDataLoss\"; did you mean "
                   "\"failOnDataLoss\"?");
    expect_refused("options.checkpointlocation",
                   "/c",
                   "unknown option \"options.checkpointlocation\"; did you mean "
                   "\"checkpointLocation\"?");
    expect_refused(
        "sink.path", "/t", "option \"path\" cannot apply: the table's path stands in sink.path");
    expect_refused(
        "colour", "1", "unknown option \"colour\"; `aftershock list` names every option");
}

Test(options, what_cannot_apply_says_why)
{
    expect_refused("kafka.auto.offset.reset",
                   "latest",
                   "option \"kafka.auto.offset.reset\" cannot apply: Spark refuses it too: say "
                   "startingOffsets; a running query never resets");
    expect_refused("KAFKA.GROUP.ID",
                   "g",
                   "option \"kafka.group.id\" cannot apply: offsets live in the checkpoint, there "
                   "is no consumer group");
    expect_refused("outputMode",
                   "complete",
                   "option \"outputMode\" cannot apply: it stands in sink.outputMode");
    expect_refused("kafka.isolation.level",
                   "dirty",
                   "option \"kafka.isolation.level\" is \"dirty\"; expected read_uncommitted or "
                   "read_committed");
    expect_refused("kafka.security.protocol",
                   "TLS",
                   "option \"kafka.security.protocol\" is \"TLS\"; expected PLAINTEXT, SSL, "
                   "SASL_PLAINTEXT or SASL_SSL");
    expect_refused("kafka.ssl.truststore.location",
                   "/etc/kafka.jks",
                   "option \"kafka.ssl.truststore.location\" cannot apply: Java key stores cannot "
                   "be read: give the authorities' certificates as a PEM file in "
                   "kafka.ssl.ca.location");
}

Test(options, of_state)
{
    set("spark.sql.streaming.stateStore.minDeltasForSnapshot", "3");
    set("spark.sql.streaming.stateStore.maintenanceInterval", "5s");
    set("spark.sql.streaming.noDataMicroBatches.enabled", "false");
    set("spark.stage.maxConsecutiveAttempts", "2");
    cr_assert(eq(i64, options.state_min_deltas_for_snapshot, 3));
    cr_assert(eq(i64, options.state_maintenance_us, 5 * US_PER_SECOND));
    cr_assert(eq(i64, options.stage_max_attempts, 2));
    cr_assert(not(options.no_data_batches));
    set("spark.sql.streaming.stateStore.compression.codec", "LZ4");
    set("spark.sql.streaming.multipleWatermarkPolicy", "min");
    expect_refused("spark.sql.streaming.stateStore.compression.codec",
                   "zstd",
                   "option \"spark.sql.streaming.stateStore.compression.codec\" is \"zstd\": other "
                   "codecs of state files (zstd, snappy, lzf) are not built yet; only lz4 is");
    expect_refused("spark.sql.streaming.multipleWatermarkPolicy",
                   "max",
                   "option \"spark.sql.streaming.multipleWatermarkPolicy\" is \"max\": a plan has "
                   "one watermark, so another policy is not built yet; only min is");
    expect_refused(
        "spark.sql.streaming.statefulOperator.allowMultiple",
        "false",
        "option \"spark.sql.streaming.statefulOperator.allowMultiple\" is \"false\": the "
        "late threshold of Spark before 3.4 is not built; only true is");
}

static void expect_contradiction(const char *text)
{
    diag = (struct diag){0};
    cr_assert(eq(int, options_check(&options, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.text, text));
}

Test(options, contradictions)
{
    expect_contradiction("option \"checkpointLocation\" is missing: without it a restart knows "
                         "nothing; give the absolute path of a directory");
    set("checkpointLocation", "shared");
    expect_contradiction("option \"checkpointLocation\" is \"shared\"; expected an absolute path "
                         "without empty, \".\" or \"..\" parts, such as "
                         "/shared/checkpoints/flights");
    set("checkpointLocation", "/shared/c");
    set("spark.local.dir", "/tmp/a/");
    expect_contradiction("option \"spark.local.dir\" is \"/tmp/a/\"; expected an absolute path "
                         "without empty, \".\" or \"..\" parts, such as /var/tmp/aftershock");
    set("spark.local.dir", "/tmp/a");
    cr_assert(eq(str, options.local_dir, "/tmp/a"));
    cr_assert(eq(int, options_check(&options, &(struct diag){0}), OK));
    set("spark.network.timeout", "10s");
    expect_contradiction("spark.executor.heartbeatInterval (10s) must be less than "
                         "spark.network.timeout (10s), or every executor is lost");
}

/* One directory, one spelling. */
Test(options, plain_paths)
{
    static const char *const plain[] = {"/a", "/a/b", "/a/.b", "/a/..b/...", "/a b/c:d"};
    static const char *const other[] = {
        "", "a", "a/b", "/", "//", "/a/", "//a", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/a/./b"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        cr_assert(options_plain_path(plain[i]), "%s", plain[i]);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        cr_assert(not(options_plain_path(other[i])), "%s", other[i]);
    }
}

/* The table explains each option, and each default it shows is what the option takes. */
Test(options, the_table_describes_itself)
{
    struct option_description option;
    size_t count = 0;
    for (; options_describe(count, &option); count++) {
        cr_assert(eq(int, options_find(option.name), (int)count));
        cr_assert(ne(sz, strlen(option.help), 0));
        cr_assert(zero(ptr, strchr(option.help, '\n')));
        if (option.standard[0] != '\0') {
            set(option.name, option.standard);
        }
        if (strcmp(option.kind, "int") == 0) {
            cr_assert(lt(i64, option.min, option.max));
        }
    }
    cr_assert(gt(sz, count, 30));
    cr_assert(not(options_describe(1000000, &option)));
}
