/* The tables behind options.h: the options there are, the ones that Spark has and that cannot apply
 * here, and the ones that the simulator does not have. Data; nobody but options.c and
 * options_names.c reads it. */
#ifndef ENGINE_PLAN_OPTIONS_TABLE_H
#define ENGINE_PLAN_OPTIONS_TABLE_H

#include "engine/plan/options.h"

/* How the value of an option is read. */
enum option_kind {
    KIND_TEXT,
    KIND_SECRET, /* a text that no message, list or file shows */
    KIND_BOOL,
    KIND_INT,
    KIND_DURATION,     /* a unit is required */
    KIND_MILLISECONDS, /* a bare number is milliseconds, as in Kafka */
    KIND_SIZE,         /* a bare number is bytes, as in Kafka */
    KIND_KIB,          /* a number of KiB, kept as bytes: Spark's names that end in KB */
    KIND_MIB,          /* and MB */
    KIND_RATIO,        /* 0.0 to 1.0, kept as millionths */
    KIND_OFFSETS,      /* earliest, latest or JSON */
    KIND_INTERVAL,     /* trigger: processingTime */
    KIND_NOW,          /* trigger: availableNow */
    KIND_ONLY,         /* only the default is built */
    KIND_ISOLATION,    /* one of some words, in any case; here and below */
    KIND_PROTOCOL,
    KIND_MECHANISM,
    KIND_ENDPOINT,
    KIND_COMPRESSION,
    KIND_PROVIDER, /* a class, by its full name */
};

struct option {
    const char *name;
    enum option_kind kind;
    enum option_scope scope;
    const char *standard; /* the default as text; NULL: none */
    int64_t
        min; /* of the numbers in their own unit, KIND_SIZE in bytes, durations in microseconds */
    int64_t max;
    size_t field; /* offset in struct options, or NO_FIELD: checked, and kept if kafka.* */
    const char *help;
};

#define NO_FIELD SIZE_MAX

struct refused_option {
    const char *name;
    const char *why;
};

struct simulated_option {
    const char *name;
    const char *value; /* the only one there; NULL: none */
    const char *why;
};

/* A NULL name ends each. */
extern const struct option options_table[];
extern const struct refused_option options_refused[];
extern const struct simulated_option options_simulated[];

#define KAFKA_PREFIX  "kafka."
#define STATE_PACKAGE "org.apache.spark.sql.execution.streaming.state."

/* Why `name` is no option, and which may have been meant. Always ERR_FAILED. */
enum status options_refuse_name(struct arena *arena, const char *name, struct diag *diag);

#endif
