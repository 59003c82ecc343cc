#include "engine/plan/options.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/base/units.h"
#include "engine/plan/options_table.h"

/* The words of a kind, as Kafka documents them; NULL behind the last. */
enum { WORDS_MAX = 4 };
static const char *const kind_words[][WORDS_MAX + 1] = {
    [KIND_ISOLATION] = {"read_uncommitted", "read_committed"},
    [KIND_PROTOCOL] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"},
    [KIND_MECHANISM] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
    [KIND_ENDPOINT] = {"https", "none"},
    [KIND_COMPRESSION] = {"lz4", "none"},
};

static const char *const provider_classes[] = {
    [STATE_PROVIDER_HDFS] = STATE_PACKAGE "HDFSBackedStateStoreProvider",
    [STATE_PROVIDER_ROCKSDB] = STATE_PACKAGE "RocksDBStateStoreProvider",
};

/* What RocksDB itself has where Spark says -1. */
#define WRITE_BUFFER_STANDARD (INT64_C(64) << 20)

#define FIELD(name) offsetof(struct options, name)

/* Decimal digits with an optional minus. False: none, something else, or beyond int64. */
static bool int_parse(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    const char *at = negative ? text + 1 : text;
    int64_t number = 0;
    if (*at == '\0') {
        return false;
    }
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *at - '0', &number)) {
            return false;
        }
    }
    return negative ? (*value = number, true) : !__builtin_sub_overflow(0, number, value);
}

static bool bool_parse(const char *text, bool *value)
{
    *value = fold_equal(text, "true");
    return *value || fold_equal(text, "false");
}

static enum status
refuse(const struct option *option, const char *value, const char *expected, struct diag *diag)
{
    if (option->kind == KIND_SECRET) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"%s\" (a secret, so not shown): expected %s",
                         option->name,
                         expected);
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"%s\" is \"%.200s\"; expected %s",
                     option->name,
                     value,
                     expected);
}

static bool is_plain_number(enum option_kind kind)
{
    return kind == KIND_INT || kind == KIND_KIB || kind == KIND_MIB;
}

/* A number in the option's own unit (count, microseconds or bytes), within its limits. */
static enum status
number_parse(const struct option *option, const char *value, int64_t *number, struct diag *diag)
{
    bool known = false;
    const char *expected = "a whole number";
    if (is_plain_number(option->kind)) {
        known = int_parse(value, number);
    } else if (option->kind == KIND_SIZE) {
        expected = "bytes, or a size such as 1MiB";
        known = int_parse(value, number) || size_parse(value, number);
    } else if (option->kind == KIND_MILLISECONDS) {
        expected = "milliseconds, or a duration such as 30s";
        known = int_parse(value, number) ? !__builtin_mul_overflow(*number, US_PER_MS, number)
                                         : duration_parse(value, number);
    } else {
        expected = "a duration with its unit, such as 10s or \"10 seconds\"";
        known = duration_parse(value, number);
    }
    if (!known) {
        return refuse(option, value, expected, diag);
    }
    if (*number >= option->min && *number <= option->max) {
        return OK;
    }
    char limits[128];
    if (is_plain_number(option->kind) || option->kind == KIND_SIZE) {
        (void)snprintf(
            limits, sizeof limits, "%lld to %lld", (long long)option->min, (long long)option->max);
    } else {
        char least[48];
        char most[48];
        duration_format(option->min, least);
        duration_format(option->max, most);
        (void)snprintf(limits, sizeof limits, "%s to %s", least, most);
    }
    return refuse(option, value, limits, diag);
}

static void *field_of(struct options *options, const struct option *option)
{
    return (char *)options + option->field;
}

static enum status set_text(struct options *options,
                            struct arena *arena,
                            const struct option *option,
                            const char *value,
                            struct diag *diag)
{
    if (*value == '\0') {
        return refuse(option, value, "a text that is not empty", diag);
    }
    if (option->kind == KIND_OFFSETS) {
        const char *json = value + strspn(value, " \t\r\n");
        if (fold_equal(value, "earliest") || fold_equal(value, "latest")) {
            value = fold_equal(value, "earliest") ? "earliest" : "latest";
        } else if (*json != '{') {
            return refuse(option, value, "earliest, latest or {\"topic\": {\"0\": 23}}", diag);
        }
    }
    if (option->field != NO_FIELD) {
        const char *kept = arena == NULL ? value : arena_strdup(arena, value);
        memcpy(field_of(options, option), &kept, sizeof kept);
    }
    return OK;
}

/* The word as Kafka documents it; NULL: none of them. */
static const char *find_word(enum option_kind kind, const char *value)
{
    if (kind == KIND_ENDPOINT && *value == '\0') {
        return "none"; /* Kafka's way to say it */
    }
    for (const char *const *word = kind_words[kind]; *word != NULL; word++) {
        if (fold_equal(*word, value)) {
            return *word;
        }
    }
    return NULL;
}

static enum status check_word(const struct option *option, const char *value, struct diag *diag)
{
    if (find_word(option->kind, value) != NULL) {
        return OK;
    }
    char expected[128];
    size_t size = 0;
    const char *const *words = kind_words[option->kind];
    for (size_t i = 0; words[i] != NULL; i++) {
        const char *comma = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        int more = snprintf(expected + size, sizeof expected - size, "%s%s", comma, words[i]);
        require(more > 0);
        size += (size_t)more;
        require(size < sizeof expected);
    }
    return refuse(option, value, expected, diag);
}

static enum status
set_bool(struct options *options, const struct option *option, const char *value, struct diag *diag)
{
    bool flag = false;
    if (!bool_parse(value, &flag)) {
        return refuse(option, value, "true or false", diag);
    }
    if (option->kind == KIND_NOW && !flag) {
        return refuse(option, value, "true; for the other trigger say processingTime", diag);
    }
    if (option->kind == KIND_NOW) {
        options->trigger = TRIGGER_AVAILABLE_NOW;
        options->trigger_interval_us = 0;
    } else if (option->field != NO_FIELD) {
        memcpy(field_of(options, option), &flag, sizeof flag);
    }
    return OK;
}

static enum status set_number(struct options *options,
                              const struct option *option,
                              const char *value,
                              struct diag *diag)
{
    int64_t number = 0;
    TRY(number_parse(option, value, &number, diag));
    if (option->field == NO_FIELD) {
        return OK;
    }
    if (option->kind == KIND_KIB || option->kind == KIND_MIB) {
        number *= option->kind == KIND_KIB ? INT64_C(1) << 10 : INT64_C(1) << 20;
    }
    if (option->field == FIELD(rocksdb_write_buffer_bytes) && number <= 0) {
        number = WRITE_BUFFER_STANDARD;
    }
    memcpy(field_of(options, option), &number, sizeof number);
    if (option->kind == KIND_INTERVAL) {
        options->trigger = TRIGGER_PROCESSING_TIME;
    }
    /* Spark's default of the poll timeout is the network timeout (KafkaSourceProvider). */
    if (option->field == FIELD(poll_timeout_us)) {
        options->poll_timeout_given = true;
    } else if (option->field == FIELD(network_timeout_us) && !options->poll_timeout_given) {
        options->poll_timeout_us = number;
    }
    return OK;
}

static enum status check_ratio(const struct option *option, const char *value, struct diag *diag)
{
    size_t whole = strspn(value, "0123456789");
    size_t part = value[whole] == '.' ? 1 + strspn(value + whole + 1, "0123456789") : 0;
    bool number = whole == 1 && part != 1 && value[whole + part] == '\0';
    bool within =
        number && (value[0] == '0' || (value[0] == '1' && strspn(value + 1, ".0") == part));
    return within ? OK : refuse(option, value, "a number from 0.0 to 1.0", diag);
}

/* A number's decimals behind the sixth do not count. */
static int64_t millionths_of(const char *ratio)
{
    int64_t millionths = ratio[0] - '0';
    const char *digit = ratio[1] == '.' ? ratio + 2 : "";
    for (int i = 0; i < 6; i++) {
        millionths = millionths * 10 + (*digit == '\0' ? 0 : *digit - '0');
        digit += *digit != '\0';
    }
    return millionths;
}

static enum status set_ratio(struct options *options,
                             const struct option *option,
                             const char *value,
                             struct diag *diag)
{
    TRY(check_ratio(option, value, diag));
    if (option->field != NO_FIELD) {
        int64_t millionths = millionths_of(value);
        memcpy(field_of(options, option), &millionths, sizeof millionths);
    }
    return OK;
}

static enum status set_compression(struct options *options,
                                   const struct option *option,
                                   const char *value,
                                   struct diag *diag)
{
    TRY(check_word(option, value, diag));
    bool compress = fold_equal(value, "lz4");
    memcpy(field_of(options, option), &compress, sizeof compress);
    return OK;
}

static const char *last_part(const char *class)
{
    const char *dot = strrchr(class, '.');
    return dot == NULL ? class : dot + 1;
}

/* A class is of one package: another's of the same name (a vendor's) is another provider. */
static enum status
refuse_provider(const struct option *option, const char *value, struct diag *diag)
{
    const char *hdfs = provider_classes[STATE_PROVIDER_HDFS];
    const char *rocksdb = provider_classes[STATE_PROVIDER_ROCKSDB];
    const char *names[] = {last_part(hdfs), last_part(rocksdb), NULL};
    const char *nearest = diag_nearest(last_part(value), names);
    if (nearest != NULL) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"%s\" is \"%.200s\", which is no state store provider here; did "
                         "you mean \"%s\"?",
                         option->name,
                         value,
                         nearest == names[0] ? hdfs : rocksdb);
    }
    char expected[256];
    (void)snprintf(expected, sizeof expected, "%s or %s", hdfs, rocksdb);
    return refuse(option, value, expected, diag);
}

static enum status set_provider(struct options *options,
                                const struct option *option,
                                const char *value,
                                struct diag *diag)
{
    for (size_t i = 0; i < sizeof provider_classes / sizeof *provider_classes; i++) {
        if (strcmp(provider_classes[i], value) == 0) {
            options->state_provider = (enum state_provider_kind)i;
            return OK;
        }
    }
    return refuse_provider(option, value, diag);
}

const char *options_provider_class(enum state_provider_kind provider)
{
    return provider_classes[provider];
}

static enum status set_known(struct options *options,
                             struct arena *arena,
                             const struct option *option,
                             const char *value,
                             struct diag *diag)
{
    switch (option->kind) {
    case KIND_TEXT:
    case KIND_SECRET:
    case KIND_OFFSETS:
        return set_text(options, arena, option, value, diag);
    case KIND_BOOL:
    case KIND_NOW:
        return set_bool(options, option, value, diag);
    case KIND_ONLY:
        if (fold_equal(value, option->standard)) {
            return OK;
        }
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"%s\" is \"%.200s\": %s; only %s is",
                         option->name,
                         value,
                         option->help,
                         option->standard);
    case KIND_INT:
    case KIND_DURATION:
    case KIND_MILLISECONDS:
    case KIND_SIZE:
    case KIND_KIB:
    case KIND_MIB:
    case KIND_INTERVAL:
        return set_number(options, option, value, diag);
    case KIND_ISOLATION:
    case KIND_PROTOCOL:
    case KIND_MECHANISM:
    case KIND_ENDPOINT:
        return check_word(option, value, diag);
    case KIND_COMPRESSION:
        return set_compression(options, option, value, diag);
    case KIND_PROVIDER:
        return set_provider(options, option, value, diag);
    case KIND_RATIO:
        return set_ratio(options, option, value, diag);
    }
    require(false);
    return ERR_FAILED;
}

/* ---- the client's own ---------------------------------------------------------------------- */

/* A value that was taken, as Kafka's own client reads it. */
static const char *client_value(struct arena *arena, const struct option *option, const char *value)
{
    struct diag diag = {0};
    int64_t number = 0;
    bool flag = false;
    switch ((int)option->kind) {
    case KIND_BOOL:
        (void)bool_parse(value, &flag);
        return flag ? "true" : "false";
    case KIND_MILLISECONDS:
    case KIND_SIZE:
    case KIND_INT:
        require(number_parse(option, value, &number, &diag) == OK);
        if (option->kind == KIND_MILLISECONDS) {
            number = (number + US_PER_MS - 1) / US_PER_MS; /* a deadline never becomes none */
        }
        return arena_printf(arena, "%lld", (long long)number);
    case KIND_ISOLATION:
    case KIND_PROTOCOL:
    case KIND_MECHANISM:
    case KIND_ENDPOINT:
        return find_word(option->kind, value);
    default:
        return arena_strdup(arena, value);
    }
}

/* Put one into the list of what was given, instead of an earlier word on it. */
static void keep_for_client(struct options *options,
                            struct arena *arena,
                            const struct option *option,
                            const char *value)
{
    struct broker_option one = {.name = option->name + strlen(KAFKA_PREFIX),
                                .value = client_value(arena, option, value)};
    const struct broker_option *old = options->kafka;
    size_t count = 0;
    while (old != NULL && old[count].name != NULL) {
        count++;
    }
    struct broker_option *all = arena_alloc(arena, (count + 2) * sizeof *all);
    size_t size = 0;
    size_t from = 0;
    for (; from < count && strcmp(old[from].name, one.name) < 0; from++) {
        all[size++] = old[from];
    }
    all[size++] = one;
    from += from < count && strcmp(old[from].name, one.name) == 0 ? 1 : 0;
    for (; from < count; from++) {
        all[size++] = old[from];
    }
    options->kafka = all;
}

enum status options_set(struct options *options,
                        struct arena *arena,
                        const char *name,
                        const char *value,
                        struct diag *diag)
{
    require(arena != NULL);
    int index = options_find(name);
    if (index < 0) {
        return options_refuse_name(arena, name, diag);
    }
    const struct option *option = &options_table[index];
    TRY(set_known(options, arena, option, value, diag));
    if (strncmp(option->name, KAFKA_PREFIX, strlen(KAFKA_PREFIX)) == 0) {
        keep_for_client(options, arena, option, value);
    }
    return OK;
}

void options_defaults(struct options *options)
{
    *options = (struct options){0};
    for (const struct option *option = options_table; option->name != NULL; option++) {
        if (option->standard == NULL) {
            continue;
        }
        struct diag diag = {0};
        enum status status = set_known(options, NULL, option, option->standard, &diag);
        require(status == OK); /* the table's own defaults are within its own limits */
    }
}
