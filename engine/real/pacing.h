/* How far a feeder may run ahead of the reader. Pure.
 *
 * librdkafka's mock cluster drops the oldest batches of a partition beyond 5 MiB, or beyond 100,000
 * of them; it does not know what was read. So the records of a partition that are not consumed yet
 * (their batch is not committed: it may be read again) are held below PACING_UNREAD_MAX, each
 * counted as if it were a batch of its own. What was read fills the rest, and is what the mock
 * drops. Records below what is consumed already are nobody's any more: they are let through at
 * once (a restart feeds them only so that offsets come out the same).
 *
 *     0 ........ consumed ======== unread, < 3 MiB ======== fed
 */
#ifndef ENGINE_REAL_PACING_H
#define ENGINE_REAL_PACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACING_UNREAD_MAX = 3 << 20, /* bytes of one partition */
    /* A batch's header is 61 bytes; a record adds at most 24 to its value (lengths, the deltas of
     * timestamp and offset, no key, no headers). */
    PACING_OVERHEAD = 88,
    PACING_RECORDS_MAX = PACING_UNREAD_MAX / PACING_OVERHEAD,
    /* The largest value: below librdkafka's message.max.bytes of 1,000,000. */
    PACING_VALUE_MAX = 1000000 - 512,
};

struct pacing_partition {
    int64_t fed;      /* the end offset of what was fed */
    int64_t consumed; /* nobody reads below; may be beyond `fed` after a restart */
    size_t unread;    /* bytes of the records from `consumed` to `fed` */
    uint32_t *costs;  /* of those records, a ring: that of offset o at o % PACING_RECORDS_MAX */
};

struct pacing {
    struct pacing_partition *partitions;
    int32_t count;
};

/* Memory of the current process; pacing_free gives it back. */
void pacing_init(struct pacing *pacing, int32_t partitions);
void pacing_free(struct pacing *pacing);

/* May a value of `size` bytes be the next record of the partition? */
bool pacing_admits(const struct pacing *pacing, int32_t partition, size_t size);

/* It is. */
void pacing_fed(struct pacing *pacing, int32_t partition, size_t size);

/* The partition is consumed up to `end`; an older report changes nothing. */
void pacing_consumed(struct pacing *pacing, int32_t partition, int64_t end);

#endif
