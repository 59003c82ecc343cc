#include "engine/real/broker_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/plan/options.h"
#include "engine/real/jaas.h"

enum how {
    HOW_SAME,   /* the same text */
    HOW_NUMBER, /* `times` the number, moved to the nearest of librdkafka's limits */
    HOW_ENGINE, /* not librdkafka's: the engine does it, or nobody needs it */
    HOW_JAAS    /* sasl.username and sasl.password out of one text */
};

struct mapping {
    const char *from; /* Java's name */
    const char *to;   /* librdkafka's */
    enum how how;
    int64_t times;
    int64_t min;
    int64_t max;
};

#define INT_LIMIT INT64_C(2147483647)
#define MS_LIMIT  INT64_C(300000) /* of socket.timeout.ms and fetch.wait.max.ms */

/* librdkafka asks for so much between fetch.wait.max.ms and socket.timeout.ms. */
#define FETCH_MARGIN_MS INT64_C(1000)

/* An option may have several rows. A NULL name ends the table. */
/* clang-format off */
static const struct mapping mappings[] = {
    {"bootstrap.servers", "bootstrap.servers", HOW_SAME, 0, 0, 0},
    {"client.id", "client.id", HOW_SAME, 0, 0, 0},
    {"check.crcs", "check.crcs", HOW_SAME, 0, 0, 0},
    {"isolation.level", "isolation.level", HOW_SAME, 0, 0, 0},
    /* librdkafka takes the name itself as a producer's, and ignores it. */
    {"request.timeout.ms", "socket.timeout.ms", HOW_NUMBER, 1, 10, MS_LIMIT},
    {"fetch.max.wait.ms", "fetch.wait.max.ms", HOW_NUMBER, 1, 0, MS_LIMIT - FETCH_MARGIN_MS},
    {"fetch.min.bytes", "fetch.min.bytes", HOW_NUMBER, 1, 1, 100000000},
    /* Not below message.max.bytes, or rd_kafka_new fails. */
    {"fetch.max.bytes", "fetch.max.bytes", HOW_NUMBER, 1, 1000000, 2147483135},
    {"max.partition.fetch.bytes", "max.partition.fetch.bytes", HOW_NUMBER, 1, 1, 1000000000},
    {"retry.backoff.ms", "fetch.error.backoff.ms", HOW_NUMBER, 1, 0, MS_LIMIT},
    {"reconnect.backoff.ms", "reconnect.backoff.ms", HOW_NUMBER, 1, 0, 3600000},
    {"reconnect.backoff.max.ms", "reconnect.backoff.max.ms", HOW_NUMBER, 1, 0, 3600000},
    {"connections.max.idle.ms", "connections.max.idle.ms", HOW_NUMBER, 1, 0, INT_LIMIT},
    {"socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.ms", HOW_NUMBER, 1,
     1000, INT_LIMIT},
    /* Kafka's -1, the system's own size, is librdkafka's 0. */
    {"receive.buffer.bytes", "socket.receive.buffer.bytes", HOW_NUMBER, 1, 0, 100000000},
    {"send.buffer.bytes", "socket.send.buffer.bytes", HOW_NUMBER, 1, 0, 100000000},
    /* librdkafka's metadata.max.age.ms throws away what its refresh did not renew. */
    {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms", HOW_NUMBER, 1, 10, 3600000},
    {"metadata.max.age.ms", "metadata.max.age.ms", HOW_NUMBER, 3, 30, 86400000},
    {"security.protocol", "security.protocol", HOW_SAME, 0, 0, 0},
    {"sasl.mechanism", "sasl.mechanism", HOW_SAME, 0, 0, 0},
    {"sasl.username", "sasl.username", HOW_SAME, 0, 0, 0},
    {"sasl.password", "sasl.password", HOW_SAME, 0, 0, 0},
    {"sasl.jaas.config", NULL, HOW_JAAS, 0, 0, 0},
    {"ssl.ca.location", "ssl.ca.location", HOW_SAME, 0, 0, 0},
    {"ssl.certificate.location", "ssl.certificate.location", HOW_SAME, 0, 0, 0},
    {"ssl.key.location", "ssl.key.location", HOW_SAME, 0, 0, 0},
    {"ssl.key.password", "ssl.key.password", HOW_SAME, 0, 0, 0},
    {"ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm", HOW_SAME,
     0, 0, 0},
    {"default.api.timeout.ms", NULL, HOW_ENGINE, 0, 0, 0},
    {"max.poll.records", NULL, HOW_ENGINE, 0, 0, 0},
    {"session.timeout.ms", NULL, HOW_ENGINE, 0, 0, 0},
    {"heartbeat.interval.ms", NULL, HOW_ENGINE, 0, 0, 0},
    {"max.poll.interval.ms", NULL, HOW_ENGINE, 0, 0, 0},
    {"group.instance.id", NULL, HOW_ENGINE, 0, 0, 0},
    {"partition.assignment.strategy", NULL, HOW_ENGINE, 0, 0, 0},
    {0},
};
/* clang-format on */

/* What a reader with exact offsets needs where the options are silent. */
static const struct broker_option standards[] = {
    {"client.id", "aftershock"},
    {"group.id", "aftershock"},              /* assign() fails without; no group is ever joined */
    {"enable.auto.commit", "false"},         /* offsets live in the checkpoint */
    {"enable.auto.offset.store", "false"},   /* the same */
    {"auto.offset.reset", "error"},          /* Java's "none": the engine decides about gaps */
    {"enable.partition.eof", "true"},        /* the only sign of a range that ends in markers */
    {"allow.auto.create.topics", "false"},   /* a reader creates nothing */
    {"isolation.level", "read_uncommitted"}, /* Kafka's default; librdkafka's is read_committed */
    {"check.crcs", "true"},                  /* Kafka's default; librdkafka's is false */
    {"socket.timeout.ms", "30000"},          /* Kafka's request.timeout.ms */
    {"socket.keepalive.enable", "true"},
    {"socket.nagle.disable", "true"},
    /* A position that is assigned while a long poll is under way waits for its end. */
    {"fetch.wait.max.ms", "50"},
    {"fetch.error.backoff.ms", "100"}, /* Kafka's retry.backoff.ms */
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.refresh.interval.ms", "30000"},
    {0},
};

/* ---- setting ------------------------------------------------------------------------------- */

static bool is_secret(const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof full, "kafka.%s", name);
    struct option_description option;
    int index = options_find(full);
    return index >= 0 && options_describe((size_t)index, &option) && option.secret;
}

static enum status set(rd_kafka_conf_t *conf,
                       const struct broker_option *option,
                       const char *to,
                       const char *value,
                       struct diag *diag)
{
    char why[256] = "";
    if (rd_kafka_conf_set(conf, to, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return OK;
    }
    if (is_secret(option->name)) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"kafka.%s\" (a secret, so not shown) is refused by librdkafka",
                         option->name);
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"kafka.%s\" is \"%.200s\", refused by librdkafka: %s",
                     option->name,
                     option->value,
                     why);
}

static enum status set_number(rd_kafka_conf_t *conf,
                              const struct broker_option *option,
                              const struct mapping *mapping,
                              struct diag *diag)
{
    char *end = NULL;
    long long number = strtoll(option->value, &end, 10);
    if (end == option->value || *end != '\0') {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"kafka.%s\" is \"%.200s\"; expected a whole number",
                         option->name,
                         option->value);
    }
    int64_t most = mapping->max / mapping->times;
    int64_t value = number > most ? mapping->max : number < 0 ? 0 : number * mapping->times;
    value = value < mapping->min ? mapping->min : value;
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return set(conf, option, mapping->to, text, diag);
}

static enum status
set_login(rd_kafka_conf_t *conf, const struct broker_option *option, struct diag *diag)
{
    struct arena arena = {0};
    struct jaas_login login;
    enum status status = jaas_parse(&arena, option->value, &login, diag);
    if (status == OK) {
        status = set(conf, option, "sasl.username", login.username, diag);
    }
    if (status == OK) {
        status = set(conf, option, "sasl.password", login.password, diag);
    }
    arena_free(&arena);
    return status;
}

static enum status set_mapped(rd_kafka_conf_t *conf,
                              const struct broker_option *option,
                              const struct mapping *mapping,
                              struct diag *diag)
{
    switch (mapping->how) {
    case HOW_SAME:
        return set(conf, option, mapping->to, option->value, diag);
    case HOW_NUMBER:
        return set_number(conf, option, mapping, diag);
    case HOW_JAAS:
        return set_login(conf, option, diag);
    case HOW_ENGINE:
        return OK;
    }
    require(false);
    return ERR_FAILED;
}

static enum status
set_option(rd_kafka_conf_t *conf, const struct broker_option *option, struct diag *diag)
{
    bool known = false;
    for (const struct mapping *mapping = mappings; mapping->from != NULL; mapping++) {
        if (strcmp(mapping->from, option->name) == 0) {
            known = true;
            TRY(set_mapped(conf, option, mapping, diag));
        }
    }
    return known ? OK
                 : diag_fail(diag,
                             "INVALID_OPTION",
                             "option \"kafka.%.100s\" is none that this client knows",
                             option->name);
}

/* ---- what they need of each other ---------------------------------------------------------- */

static const char *find(const struct broker_option *options, const char *name)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (strcmp(options->name, name) == 0) {
            return options->value;
        }
    }
    return NULL;
}

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
    char text[32] = "";
    size_t size = sizeof text;
    rd_kafka_conf_res_t result = rd_kafka_conf_get(conf, name, text, &size);
    require(result == RD_KAFKA_CONF_OK);
    return strtoll(text, NULL, 10);
}

/* Raise the number `name` to `least`, which `because` asks for. */
static enum status at_least(
    rd_kafka_conf_t *conf, const char *name, const char *because, int64_t least, struct diag *diag)
{
    if (number_of(conf, name) >= least) {
        return OK;
    }
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)least);
    return set(conf, &(struct broker_option){because, text}, name, text, diag);
}

static enum status fail_missing(const char *name, const char *expected, struct diag *diag)
{
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"kafka.%s\" is missing: %s, in source.options or by --set",
                     name,
                     expected);
}

static enum status check_login(const struct broker_option *options, struct diag *diag)
{
    const char *protocol = find(options, "security.protocol");
    bool jaas = find(options, "sasl.jaas.config") != NULL;
    bool user = find(options, "sasl.username") != NULL;
    bool password = find(options, "sasl.password") != NULL;
    if (jaas && (user || password)) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"kafka.sasl.jaas.config\" and option \"kafka.sasl.%s\" say the "
                         "same thing: give one of them",
                         user ? "username" : "password");
    }
    if (protocol == NULL || strncmp(protocol, "SASL_", 5) != 0) {
        return OK;
    }
    if (find(options, "sasl.mechanism") == NULL) {
        return fail_missing("sasl.mechanism",
                            "Kafka's default, GSSAPI, is not built; give PLAIN, SCRAM-SHA-256 or "
                            "SCRAM-SHA-512",
                            diag);
    }
    if (!jaas && !user) {
        return fail_missing("sasl.username", "give it, or kafka.sasl.jaas.config", diag);
    }
    return jaas || password
               ? OK
               : fail_missing("sasl.password", "give it, or kafka.sasl.jaas.config", diag);
}

enum status
broker_conf_fill(rd_kafka_conf_t *conf, const struct broker_option *options, struct diag *diag)
{
    if (find(options, "bootstrap.servers") == NULL) {
        return fail_missing("bootstrap.servers",
                            "a real cluster is found by the addresses of some of its brokers; "
                            "give host:port, several with commas between them",
                            diag);
    }
    TRY(check_login(options, diag));
    for (const struct broker_option *one = standards; one->name != NULL; one++) {
        TRY(set(conf, one, one->name, one->value, diag));
    }
    for (const struct broker_option *one = options; one->name != NULL; one++) {
        TRY(set_option(conf, one, diag));
    }
    TRY(at_least(conf,
                 "socket.timeout.ms",
                 "request.timeout.ms",
                 number_of(conf, "fetch.wait.max.ms") + FETCH_MARGIN_MS,
                 diag));
    return at_least(conf,
                    "reconnect.backoff.max.ms",
                    "reconnect.backoff.max.ms",
                    number_of(conf, "reconnect.backoff.ms"),
                    diag);
}
