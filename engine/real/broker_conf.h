/* Kafka's consumer options, as a pipeline names them (Java's names), in librdkafka's words. Pure
 * but for the configuration that it fills: no broker, no file is touched. Called by the broker port
 * when it is configured. The table is kafka-semantics.md 2.6; the values beneath it are 2.2. */
#ifndef ENGINE_REAL_BROKER_CONF_H
#define ENGINE_REAL_BROKER_CONF_H

#include <librdkafka/rdkafka.h>

#include "engine/base/diag.h"
#include "engine/ports/broker.h"

/* Fill `conf`, fresh from rd_kafka_conf_new, for a consumer with manual assignment: what such a
 * reader needs of librdkafka 2.0.2, then what `options` say, then what these need of each other.
 * * options  of broker_configure: Java's names without "kafka.", each at most once, durations in
 *            milliseconds, sizes in bytes; a NULL name ends them; may be NULL (and is then refused:
 *            nobody can be asked without bootstrap.servers)
 * Sets no callback and no queue size. Values beyond librdkafka's limits are moved to the limit: a
 * pipeline that Spark runs must not fail by them. Errors: ERR_FAILED with `diag` (class
 * INVALID_OPTION): an option is missing, unknown, or refused by librdkafka, in whose own words. No
 * message holds the value of a secret. Never suspends; call it on the thread's own stack. */
MUST_CHECK enum status
broker_conf_fill(rd_kafka_conf_t *conf, const struct broker_option *options, struct diag *diag);

#endif
