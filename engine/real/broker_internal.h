/* The broker port over librdkafka 2.0.2, in four files:
 *
 *     broker.c           the port: configurations, who uses which consumer, waiting
 *     broker_consumer.c  one consumer: one partition, one position; turns what arrived into answers
 *     broker_query.c     metadata and offsets
 *     broker_handle.c    one instance of librdkafka: made, its errors, its complaints
 *
 * An instance of librdkafka holds one position for a partition, and all of an instance's partitions
 * share its memory bound. So each consumer has an instance of its own and one partition: whoever
 * reads on where it stands finds the records that were read ahead, wherever else it is assigned
 * anew and what was read ahead is void. Two readers of one partition get two consumers.
 *
 * What librdkafka 2.0.2 gets wrong is not used (kafka-semantics 2.4): no query_watermark_offsets,
 * no seek, no pause and resume, no position. */
#ifndef ENGINE_REAL_BROKER_INTERNAL_H
#define ENGINE_REAL_BROKER_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "engine/real/real_ports.h"

/* Readers at once, and partitions that are read ahead. */
enum { BROKER_CONSUMERS_MAX = 8 };
/* A consumer reads ahead until it has one of these, and one fetch more. A queued record takes some
 * 320 bytes beside its own (measured), so a consumer takes about 10 MiB. */
enum { BROKER_AHEAD_KBYTES = 4096, BROKER_AHEAD_RECORDS = 16384 };
/* Most records of one answer, and of one look into librdkafka's queue. */
enum { BROKER_STASH_MAX = 4096 };

struct broker_handle {
    rd_kafka_t *rk;
    struct real_broker *broker;
    bool down;  /* it complained, and nothing came since */
    bool broke; /* it complained since broker_handle_broke was asked last */
};

struct broker_consumer {
    struct broker_handle handle;
    rd_kafka_queue_t *queue;
    char *topic; /* NULL: not assigned */
    int32_t partition;
    int64_t position; /* behind what was answered; what comes next continues there */
    int64_t end;      /* the partition ended here when its end was reached last; -1: not yet */
    bool stopped;     /* librdkafka reads on only after it is assigned anew */
    bool busy;
    uint64_t used;       /* the turn in which it was used last */
    int64_t unannounced; /* bytes taken since librdkafka was told to look at its queue again */
    /* What was taken from the queue at once. What was answered of it is kept until more is taken: a
     * range that ends inside an answer is followed by one that begins there. */
    rd_kafka_message_t *stash[BROKER_STASH_MAX];
    int64_t stash_position; /* before the first of it */
    size_t stash_at;        /* not answered from here on */
    size_t stash_end;
};

/* One configuration, and what was made with it. */
struct broker_client {
    struct broker_client *next;
    struct real_broker *broker;
    struct arena arena; /* of the options */
    const struct broker_option *options;
    struct broker_handle control; /* asks for metadata and offsets */
    struct broker_consumer *consumers[BROKER_CONSUMERS_MAX];
    size_t consumer_count;
    uint64_t turns;
    size_t users; /* calls that are under way */
};

struct real_broker {
    struct loop *loop;
    struct broker_client *clients; /* the first one is current; others end with their last user */
    struct broker_waiter *waiters;
    struct loop_watch watch;
    int event_fds[2]; /* librdkafka writes to [1] when something arrives */
    char complaint[256];
    uint64_t assigns; /* how often a consumer was given a position; tests count */
};

/* ---- broker_handle.c ---- */

/* A new instance with these options. Errors: ERR_FAILED with `diag` (INVALID_OPTION). */
MUST_CHECK enum status broker_handle_open(struct broker_handle *handle,
                                          struct real_broker *broker,
                                          const struct broker_option *options,
                                          struct diag *diag);
void broker_handle_close(struct broker_handle *handle);

/* Hear the complaints of an instance. Never waits. */
void broker_handle_hear(struct broker_handle *handle);

/* Did a connection break since this was asked last? */
bool broker_handle_broke(struct broker_handle *handle);

/* Something came: older complaints explain nothing any more. */
void broker_handle_heard_from(struct broker_handle *handle);

/* An error of librdkafka as one of ours, never BROKER_NONE for an error. One that has no code here
 * is BROKER_TRANSPORT and becomes the complaint. */
enum broker_error broker_handle_error(struct broker_handle *handle, rd_kafka_resp_err_t error);

/* ---- broker_query.c ---- */

enum broker_error broker_query_metadata(struct broker_handle *handle,
                                        const char *topic,
                                        int64_t deadline_us,
                                        struct arena *arena,
                                        struct broker_partition **partitions,
                                        size_t *count);
enum broker_error broker_query_offsets(struct broker_handle *handle,
                                       const char *topic,
                                       int64_t deadline_us,
                                       struct broker_offset *offsets,
                                       size_t count);

/* ---- broker_consumer.c ---- */

/* NULL: librdkafka could not start another instance; it has complained. */
struct broker_consumer *broker_consumer_new(struct broker_client *client);
void broker_consumer_free(struct broker_consumer *consumer);

/* How it stands to the place that `fetch` asks for. */
enum broker_fit {
    BROKER_FIT_NONE,      /* in the middle of something else */
    BROKER_FIT_FREE,      /* it has no place, or one that leads nowhere */
    BROKER_FIT_PARTITION, /* elsewhere in this partition */
    BROKER_FIT_BACK,      /* in what it answered last: broker_consumer_go_back */
    BROKER_FIT_HERE,
};
enum broker_fit broker_consumer_fit(const struct broker_consumer *consumer,
                                    const struct broker_fetch *fetch);

/* Step back into what was answered last. */
void broker_consumer_go_back(struct broker_consumer *consumer, int64_t offset);

/* Assign it there; what it had read ahead is void. */
enum broker_error broker_consumer_assign(struct broker_consumer *consumer,
                                         const struct broker_fetch *fetch);

/* Everything that arrived, up to the limits of `fetch`, becomes the answer: records, or an error.
 * False: nothing arrived that is one; `consumer->end` may have become known. Never waits. */
bool broker_consumer_answer(struct broker_consumer *consumer,
                            const struct broker_fetch *fetch,
                            struct arena *arena,
                            struct broker_answer *answer);

/* The answer when there is nothing to read: an empty one. */
void broker_consumer_answer_empty(struct broker_consumer *consumer, struct broker_answer *answer);

#endif
