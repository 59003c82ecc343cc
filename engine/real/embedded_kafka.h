/* An embedded Kafka: librdkafka's mock cluster in a helper process, fed with the lines of a file
 * over the real protocol (feed.h). For demos and smoke tests; it is no oracle: no transactions, no
 * retention, every topic exists, all is forgotten when it ends. A run on it must be announced as
 * one.
 *
 * The helper is this program with the hidden command `embedded-kafka`. It looks at the checkpoint
 * by itself, a few times a second (checkpoint_ends.h): it first feeds what was planned before (at
 * full speed: a restart finds the same records at the same offsets), then paces itself by what is
 * committed (pacing.h), so that nothing unread is ever dropped. The query must therefore commit as
 * it reads: a batch that waits for more than 3 MiB of a partition waits for ever.
 *
 * The helper ends when its parent is gone, however it died: its standard input is a pipe whose
 * other end only the parent holds. It says on its standard output, a line each:
 *
 *     at 20000                          records are in the topic; once a second until ready
 *     ready 127.0.0.1:40123             bootstrap.servers; what was planned before is in the topic,
 *                                       and without a rate as much more as pacing lets through
 *     fed 60000                         the file has ended: all its records are in the topic
 *     error CLASS\tFILE\tLINE\ttext     and exits with 1
 *
 * By hand, for a query that is killed again and again while its Kafka lives on:
 *
 *     aftershock embedded-kafka --stay --feed flights=flights.ndjson --checkpoint DIR
 *
 * prints the same lines, has a session of its own and runs until it is killed. */
#ifndef ENGINE_REAL_EMBEDDED_KAFKA_H
#define ENGINE_REAL_EMBEDDED_KAFKA_H

#include "engine/real/feed.h"

#define EMBEDDED_KAFKA_COMMAND "embedded-kafka"

struct embedded_kafka_config {
    const char *executable; /* NULL: the one that runs */
    const struct feed *feed;
    const char *checkpoint; /* a directory, as the operating system names it; need not exist yet */
    int brokers;            /* 1 or more */
};

struct embedded_kafka; /* memory of the current process */

/* Start one and wait until it is ready (blocking: before the poll loop runs). Errors: ERR_FAILED
 * with `diag`: FEED_FILE (also when the checkpoint is ahead of the file: another feed was its),
 * EMBEDDED_KAFKA (it could not be started, died, or stood still for 30 s); nothing is left running
 * then. */
MUST_CHECK enum status embedded_kafka_start(const struct embedded_kafka_config *config,
                                            struct embedded_kafka **kafka,
                                            struct diag *diag);

/* Its bootstrap.servers. */
const char *embedded_kafka_bootstrap(const struct embedded_kafka *kafka);

/* Readable when it said something: for a watch of the poll loop. Also readable when it died. */
int embedded_kafka_fd(const struct embedded_kafka *kafka);

/* Take what it said meanwhile; never waits. ERR_FAILED with `diag` when it failed or died. */
MUST_CHECK enum status embedded_kafka_poll(struct embedded_kafka *kafka, struct diag *diag);

/* Has the whole file been fed? Then `*records` of it are in the topic; feed_end gives the end of
 * each partition. As of the last poll. */
bool embedded_kafka_fed(const struct embedded_kafka *kafka, int64_t *records);

/* End it and wait for that (killed after 5 s). NULL is allowed. */
void embedded_kafka_stop(struct embedded_kafka *kafka);

/* The hidden command; `arguments[0]` is its name. Ends the process: 0, or 1 after an error. */
_Noreturn void embedded_kafka_main(int count, char **arguments);

#endif
