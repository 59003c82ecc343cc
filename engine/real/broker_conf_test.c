#include "engine/real/broker_conf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/process.h"
#include "engine/plan/options.h"

static struct arena arena;
static struct diag diag;
static rd_kafka_conf_t *conf;

static void begin(void)
{
    conf = rd_kafka_conf_new();
}

static void end(void)
{
    if (conf != NULL) {
        rd_kafka_conf_destroy(conf);
    }
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(broker_conf, .init = begin, .fini = end);

static enum status fill(const struct broker_option *options)
{
    diag = (struct diag){0};
    return broker_conf_fill(conf, options, &diag);
}

static void expect(const char *name, const char *value)
{
    char found[512] = "";
    size_t size = sizeof found;
    cr_assert(eq(int, rd_kafka_conf_get(conf, name, found, &size), RD_KAFKA_CONF_OK), "%s", name);
    cr_assert(eq(str, found, (char *)(uintptr_t)value), "%s", name);
}

static void expect_refused(const struct broker_option *options, const char *text)
{
    cr_assert(eq(int, fill(options), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
    cr_assert(eq(str, diag.text, (char *)(uintptr_t)text));
}

#define SERVERS                                                                                    \
    {                                                                                              \
        "bootstrap.servers", "b1:9092,b2:9092"                                                     \
    }

Test(broker_conf, a_reader_with_exact_offsets_by_default)
{
    const struct broker_option options[] = {SERVERS, {0}};
    cr_assert(eq(int, fill(options), OK), "%s", diag.text);
    expect("bootstrap.servers", "b1:9092,b2:9092");
    expect("client.id", "aftershock");
    expect("auto.offset.reset", "error");
    expect("enable.auto.commit", "false");
    expect("enable.partition.eof", "true");
    expect("allow.auto.create.topics", "false");
    expect("isolation.level", "read_uncommitted");
    expect("check.crcs", "true");
    expect("socket.timeout.ms", "30000");
    expect("fetch.wait.max.ms", "50");
    expect("fetch.error.backoff.ms", "100");
    expect("security.protocol", "plaintext");
}

Test(broker_conf, javas_names_and_numbers_in_librdkafkas)
{
    const struct broker_option options[] = {SERVERS,
                                            {"client.id", "mine"},
                                            {"check.crcs", "false"},
                                            {"connections.max.idle.ms", "540000"},
                                            {"fetch.max.bytes", "100"},
                                            {"fetch.max.wait.ms", "500"},
                                            {"fetch.min.bytes", "0"},
                                            {"isolation.level", "read_committed"},
                                            {"max.partition.fetch.bytes", "2147483647"},
                                            {"metadata.max.age.ms", "60000"},
                                            {"receive.buffer.bytes", "-1"},
                                            {"reconnect.backoff.max.ms", "20"},
                                            {"reconnect.backoff.ms", "50"},
                                            {"request.timeout.ms", "1200"},
                                            {"retry.backoff.ms", "250"},
                                            {"send.buffer.bytes", "131072"},
                                            {"session.timeout.ms", "7"},
                                            {"socket.connection.setup.timeout.ms", "1"},
                                            {0}};
    cr_assert(eq(int, fill(options), OK), "%s", diag.text);
    expect("client.id", "mine");
    expect("check.crcs", "false");
    expect("connections.max.idle.ms", "540000");
    expect("fetch.max.bytes", "1000000"); /* moved to the limits, from here on some */
    expect("fetch.wait.max.ms", "500");
    expect("fetch.min.bytes", "1");
    expect("isolation.level", "read_committed");
    expect("max.partition.fetch.bytes", "1000000000");
    expect("topic.metadata.refresh.interval.ms", "60000");
    expect("metadata.max.age.ms", "180000");
    expect("socket.receive.buffer.bytes", "0");
    expect("reconnect.backoff.ms", "50");
    expect("reconnect.backoff.max.ms", "50"); /* never below the first pause */
    expect("socket.timeout.ms", "1500");      /* fetch.wait.max.ms and a second */
    expect("fetch.error.backoff.ms", "250");
    expect("socket.send.buffer.bytes", "131072");
    expect("session.timeout.ms", "45000"); /* the group's: as it was */
    expect("socket.connection.setup.timeout.ms", "1000");
}

Test(broker_conf, timeouts_at_both_ends)
{
    const struct broker_option longest[] = {
        SERVERS, {"fetch.max.wait.ms", "2147483647"}, {"request.timeout.ms", "2147483647"}, {0}};
    cr_assert(eq(int, fill(longest), OK), "%s", diag.text);
    expect("fetch.wait.max.ms", "299000");
    expect("socket.timeout.ms", "300000");
    const struct broker_option shortest[] = {
        SERVERS, {"fetch.max.wait.ms", "0"}, {"request.timeout.ms", "10"}, {0}};
    cr_assert(eq(int, fill(shortest), OK), "%s", diag.text);
    expect("fetch.wait.max.ms", "0");
    expect("socket.timeout.ms", "1000");
}

#define PLAIN_MODULE "org.apache.kafka.common.security.plain.PlainLoginModule"

Test(broker_conf, logins)
{
    const struct broker_option own[] = {SERVERS,
                                        {"sasl.mechanism", "SCRAM-SHA-512"},
                                        {"sasl.password", "hunter2"},
                                        {"sasl.username", "me"},
                                        {"security.protocol", "SASL_SSL"},
                                        {"ssl.ca.location", "/etc/ca.pem"},
                                        {"ssl.certificate.location", "/etc/me.pem"},
                                        {"ssl.endpoint.identification.algorithm", "none"},
                                        {"ssl.key.location", "/etc/me.key"},
                                        {"ssl.key.password", "hunter3"},
                                        {0}};
    cr_assert(eq(int, fill(own), OK), "%s", diag.text);
    expect("security.protocol", "sasl_ssl");
    expect("sasl.mechanism", "SCRAM-SHA-512");
    expect("sasl.username", "me");
    expect("sasl.password", "hunter2");
    expect("ssl.ca.location", "/etc/ca.pem");
    expect("ssl.certificate.location", "/etc/me.pem");
    expect("ssl.key.location", "/etc/me.key");
    expect("ssl.key.password", "hunter3");
    expect("ssl.endpoint.identification.algorithm", "none");

    const struct broker_option jaas[] = {
        SERVERS,
        {"sasl.jaas.config",
         "\n kafkashaded." PLAIN_MODULE
         " required\n username='a b'\tpassword = \"\\\"h\\\\2;\";\n"},
        {"sasl.mechanism", "PLAIN"},
        {"security.protocol", "SASL_PLAINTEXT"},
        {0}};
    cr_assert(eq(int, fill(jaas), OK), "%s", diag.text);
    expect("sasl.username", "a b");
    expect("sasl.password", "\"h\\2;");
    expect("security.protocol", "sasl_plaintext");
}

Test(broker_conf, what_is_missing)
{
    const char *servers =
        "option \"kafka.bootstrap.servers\" is missing: a real cluster is found by the addresses "
        "of some of its brokers; give host:port, several with commas between them, in "
        "source.options or by --set";
    expect_refused(NULL, servers);
    const struct broker_option none[] = {{"client.id", "x"}, {0}};
    expect_refused(none, servers);
    const struct broker_option mechanism[] = {SERVERS, {"security.protocol", "SASL_SSL"}, {0}};
    expect_refused(mechanism,
                   "option \"kafka.sasl.mechanism\" is missing: Kafka's default, GSSAPI, is not "
                   "built; give PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, in source.options or by "
                   "--set");
    const struct broker_option user[] = {
        SERVERS, {"sasl.mechanism", "PLAIN"}, {"security.protocol", "SASL_SSL"}, {0}};
    expect_refused(user,
                   "option \"kafka.sasl.username\" is missing: give it, or "
                   "kafka.sasl.jaas.config, in source.options or by --set");
    const struct broker_option password[] = {SERVERS,
                                             {"sasl.mechanism", "PLAIN"},
                                             {"sasl.username", "me"},
                                             {"security.protocol", "SASL_SSL"},
                                             {0}};
    expect_refused(password,
                   "option \"kafka.sasl.password\" is missing: give it, or "
                   "kafka.sasl.jaas.config, in source.options or by --set");
    const struct broker_option twice[] = {
        SERVERS, {"sasl.jaas.config", "x"}, {"sasl.password", "hunter2"}, {0}};
    expect_refused(twice,
                   "option \"kafka.sasl.jaas.config\" and option \"kafka.sasl.password\" say the "
                   "same thing: give one of them");
}

Test(broker_conf, librdkafka_says_why_it_refuses)
{
    const struct broker_option isolation[] = {SERVERS, {"isolation.level", "dirty"}, {0}};
    expect_refused(isolation,
                   "option \"kafka.isolation.level\" is \"dirty\", refused by librdkafka: Invalid "
                   "value \"dirty\" for configuration property \"isolation.level\"");
    const struct broker_option number[] = {SERVERS, {"fetch.min.bytes", "1k"}, {0}};
    expect_refused(number, "option \"kafka.fetch.min.bytes\" is \"1k\"; expected a whole number");
    const struct broker_option unknown[] = {SERVERS, {"linger.ms", "5"}, {0}};
    expect_refused(unknown, "option \"kafka.linger.ms\" is none that this client knows");
}

/* Whatever is wrong with it, no message shows it. */
Test(broker_conf, jaas_texts_of_other_shapes)
{
#define SHAPE                                                                                      \
    "option \"kafka.sasl.jaas.config\" (a secret, so not shown): expected "                        \
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"...\" "           \
    "password=\"...\"; (or scram.ScramLoginModule)"
    static const char *const texts[] = {
        "hunter2",
        "hunter2LoginModulehunter2 required username=\"a\" password=\"b\";",
        PLAIN_MODULE,
        PLAIN_MODULE " optional username=\"a\" password=\"hunter2\";",
        PLAIN_MODULE " required username=\"a\" password=\"hunter2\"",
        PLAIN_MODULE " required username=\"a\" password=\"hunter2;",
        PLAIN_MODULE " required username=\"a\" password=\"hunter2\\",
        PLAIN_MODULE " required username=\"a\" password=hunter2;",
        PLAIN_MODULE " required username=\"a\" password=\"b\"hunter2\";",
        PLAIN_MODULE " required username=\"a\" username=\"hunter2\" password=\"b\";",
        PLAIN_MODULE " required password=\"hunter2\";",
        PLAIN_MODULE " required username=\"a\";",
        PLAIN_MODULE " required username=\"a\" password=\"b\"; hunter2",
        PLAIN_MODULE " required username \"a\" password=\"hunter2\";",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct broker_option options[] = {SERVERS, {"sasl.jaas.config", texts[i]}, {0}};
        cr_assert(eq(int, fill(options), ERR_FAILED), "%s", texts[i]);
        cr_assert(eq(str, diag.text, SHAPE), "%s", texts[i]);
    }
    const struct broker_option other[] = {
        SERVERS,
        {"sasl.jaas.config",
         "com.sun.security.auth.module.Krb5LoginModule required k=\"hunter2\";"},
        {0}};
    expect_refused(other,
                   "option \"kafka.sasl.jaas.config\" names the module "
                   "com.sun.security.auth.module.Krb5LoginModule: a Java class cannot run here; "
                   "PlainLoginModule and ScramLoginModule are known");
}

static int warnings;

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    if (strcmp(facility, "CONFWARN") == 0) { /* that nobody listens there is no complaint here */
        cr_log_warn("%s: %s", facility, text);
        warnings++;
    }
}

/* Every kafka.* option that a pipeline may have, at its default or as `values` say, makes a client
 * without a word of complaint. */
static void expect_client(const struct broker_option *values)
{
    struct options options;
    struct option_description option;
    options_defaults(&options);
    for (size_t i = 0; options_describe(i, &option); i++) {
        if (strncmp(option.name, "kafka.", 6) == 0 && option.standard[0] != '\0') {
            cr_assert(
                eq(int, options_set(&options, &arena, option.name, option.standard, &diag), OK));
        }
    }
    for (; values->name != NULL; values++) {
        enum status status = options_set(&options, &arena, values->name, values->value, &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
    }
    cr_assert(eq(int, fill(options.kafka), OK), "%s", diag.text);
    rd_kafka_conf_set_log_cb(conf, on_log);
    char why[256] = "";
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    cr_assert(ne(ptr, client, NULL), "%s", why);
    conf = NULL; /* the client's now */
    rd_kafka_destroy(client);
    cr_assert(eq(int, warnings, 0));
}

Test(broker_conf, every_option_makes_a_client_without_complaint)
{
    const struct broker_option values[] = {{"kafka.bootstrap.servers", "127.0.0.1:1"},
                                           {"kafka.client.id", "x"},
                                           {"kafka.group.instance.id", "x"},
                                           {"kafka.partition.assignment.strategy", "x"},
                                           {0}};
    expect_client(values);
}

Test(broker_conf, the_least_of_each_makes_a_client_without_complaint)
{
    const struct broker_option values[] = {{"kafka.bootstrap.servers", "127.0.0.1:1"},
                                           {"kafka.request.timeout.ms", "10"},
                                           {"kafka.max.partition.fetch.bytes", "1"},
                                           {"kafka.fetch.max.bytes", "0"},
                                           {"kafka.fetch.min.bytes", "0"},
                                           {"kafka.metadata.max.age.ms", "1"},
                                           {"kafka.reconnect.backoff.ms", "1h"},
                                           {"kafka.reconnect.backoff.max.ms", "0"},
                                           {"kafka.session.timeout.ms", "1"},
                                           {"kafka.max.poll.interval.ms", "1"},
                                           {0}};
    expect_client(values);
}

Test(broker_conf, a_login_makes_a_client_without_complaint)
{
    const struct broker_option values[] = {{"kafka.bootstrap.servers", "127.0.0.1:1"},
                                           {"kafka.security.protocol", "sasl_plaintext"},
                                           {"kafka.sasl.mechanism", "scram-sha-256"},
                                           {"kafka.sasl.username", "me"},
                                           {"kafka.sasl.password", "hunter2"},
                                           {0}};
    expect_client(values);
}

/* What the plan takes, this client knows: also the options without a default. */
Test(broker_conf, every_option_of_the_plan_is_known)
{
    struct option_description option;
    size_t count = 0;
    for (size_t i = 0; options_describe(i, &option); i++) {
        if (strncmp(option.name, "kafka.", 6) == 0) {
            const struct broker_option options[] = {SERVERS, {option.name + 6, "1"}, {0}};
            (void)fill(options);
            cr_assert(zero(ptr, strstr(diag.text, "knows")), "%s", diag.text);
            count++;
        }
    }
    cr_assert(gt(sz, count, 30));
}
