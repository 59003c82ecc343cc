/* Who read a Kafka partition last, and up to where: that executor's client stands there, with the
 * records behind it read ahead, and whoever else goes on must begin anew (Spark's KafkaSourceRDD
 * prefers executors for the same reason; kafka-semantics 2.3). A preference, no promise: nobody
 * waits for a busy executor. Ids are of this session, and so is this knowledge. Pure. */
#ifndef ENGINE_DRIVER_READER_HOMES_H
#define ENGINE_DRIVER_READER_HOMES_H

#include <stddef.h>
#include <stdint.h>

#include "engine/source/kafka_source.h"

struct reader_home {
    int32_t partition;
    int64_t until;
    int64_t executor;
};

/* Zeroed: nobody read anything. */
struct reader_homes {
    struct reader_home *entries; /* heap; one a partition */
    size_t count;
    size_t capacity;
};

void reader_homes_free(struct reader_homes *homes);

/* `executor` reads this range. Of the pieces of a partition the last one is kept: there the next
 * batch begins. A range below what was read is a batch that runs again. */
void reader_homes_note(struct reader_homes *homes,
                       const struct kafka_range *range,
                       int64_t executor);

/* Who can go on where `range` begins; 0: nobody. */
int64_t reader_homes_find(const struct reader_homes *homes, const struct kafka_range *range);

#endif
