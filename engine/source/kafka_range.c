/* The exact range loop (kafka-semantics 2.3, Spark's KafkaDataConsumer): `next` is the first offset
 * that is not accounted for yet, and moves forward only: over a record that was delivered, a legal
 * gap, or a part that was given up and reported. The range is done when next == until, never for
 * any other reason.
 *
 * While `look` is set, fetches begin at the last record that was read instead of at `next`, and the
 * answer that holds its slot is compared before anything of it is delivered. */
#include "engine/source/kafka_source.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

#define FETCH_WAIT_US  (500 * US_PER_MS)  /* Kafka's fetch.max.wait.ms */
#define BACKOFF_MIN_US (100 * US_PER_MS)  /* retry.backoff.ms */
#define BACKOFF_MAX_US (1000 * US_PER_MS) /* retry.backoff.max.ms */

struct reader {
    const struct ports *ports;
    const struct plan *plan;
    const struct kafka_range *range;
    struct kafka_reading *reading;
    struct diag *diag;
    int64_t next;
    bool look;           /* back at reading->last, which is known then */
    int64_t progress_us; /* when `next` moved last */
    int64_t backoff_us;
    int64_t suspicions;           /* answers in a row that said: the log ends before `next` */
    enum broker_error last_error; /* since the last progress */
    int64_t last_end;             /* readable end of the last answer; -1: none yet */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void advance(struct reader *reader, int64_t next)
{
    require(next >= reader->next);
    require(next <= reader->range->until);
    reader->next = next;
}

/* ---- what is missing ------------------------------------------------------------------------ */

/* Offsets [next, until) cannot be read any more: the end of the query, or skipped once, reported.
 */
static enum status
lose(struct reader *reader, int64_t until, const char *why, int64_t earliest, int64_t latest)
{
    if (reader->plan->options.fail_on_data_loss) {
        return diag_fail(reader->diag,
                         "DATA_LOSS",
                         "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE: topic %s, partition %ld: "
                         "offsets %lld to %lld expected, %s: earliest available %lld, latest %lld. "
                         "To go on without them, restart the query with failOnDataLoss=false: what "
                         "is skipped will be reported.",
                         reader->plan->topic,
                         (long)reader->range->partition,
                         (long long)reader->next,
                         (long long)reader->range->until - 1,
                         why,
                         (long long)earliest,
                         (long long)latest);
    }
    const struct trace_entry skipped = {
        .kind = EVENT_RANGE_SKIPPED,
        .batch = -1,
        .a = reader->range->partition,
        .b = reader->next,
        .c = until,
        .text = reader->plan->topic,
    };
    trace_event(&reader->ports->trace, &skipped);
    advance(reader, until);
    return OK;
}

static const char expired_text[] = "but they have expired";
static const char truncated_text[] =
    "but the log is shorter (truncated, or the topic was made anew)";

/* No record at [next, until) although the answer reaches further. Whether that is a legal gap
 * (compaction, transaction markers) or loss is decided by the log start that came *with* the
 * answer: a later one may have passed offsets that were there (SPARK-34187). */
static enum status
cross_gap(struct reader *reader, int64_t until, const struct broker_answer *answer)
{
    int64_t lost_until = smaller(answer->log_start_offset, until);
    if (lost_until > reader->next) {
        TRY(lose(reader, lost_until, expired_text, answer->log_start_offset, answer->readable_end));
    }
    advance(reader, until);
    return OK;
}

/* ---- is it the log that was read? ----------------------------------------------------------- */

/* Another record stands where `found` was found. */
static enum status log_changed(struct reader *reader, const struct fingerprint *found)
{
    const struct fingerprint *expected = &reader->reading->last;
    if (reader->plan->options.fail_on_data_loss) {
        return diag_fail(reader->diag,
                         "DATA_LOSS",
                         "topic %.100s, partition %" PRId32 ": the log changed below what was "
                         "read: at offset %" PRId64 " stood a record of timestamp %" PRId64
                         ", hash %016" PRIx64 ", now one of timestamp %" PRId64 ", hash %016" PRIx64
                         ". It lost its tail and grew again, or the topic "
                         "was made anew: some records below offset %" PRId64 " were not read. To "
                         "read all of it, start with a new checkpointLocation; to go on from "
                         "there without them, restart with failOnDataLoss=false.",
                         reader->plan->topic,
                         reader->range->partition,
                         expected->offset,
                         expected->timestamp_ms,
                         expected->hash,
                         found->timestamp_ms,
                         found->hash,
                         reader->next);
    }
    const struct trace_entry changed = {
        .kind = EVENT_LOG_CHANGED,
        .batch = -1,
        .a = reader->range->partition,
        .b = expected->offset,
        .c = reader->next,
        .text = reader->plan->topic,
    };
    trace_event(&reader->ports->trace, &changed);
    return OK;
}

/* Compare the remembered record with what the answer has at its offset. No record there although
 * the answer reaches further: it has expired, or was compacted away. */
static enum status look_back(struct reader *reader, const struct broker_answer *answer)
{
    struct fingerprint *last = &reader->reading->last;
    size_t i = 0;
    while (i < answer->count && answer->records[i].offset < last->offset) {
        i++;
    }
    if (i == answer->count && answer->next_offset <= last->offset) {
        return OK; /* it does not reach so far: look again */
    }
    reader->look = false;
    if (i == answer->count || answer->records[i].offset > last->offset) {
        last->known = false;
        return OK;
    }
    struct fingerprint found = fingerprint_of(&answer->records[i]);
    if (!fingerprint_equal(last, &found)) {
        TRY(log_changed(reader, &found));
        *last = found; /* said once */
    }
    return OK;
}

/* ---- one answer ----------------------------------------------------------------------------- */

/* Deliver what belongs to the range. The answer is the caller's memory, so it outlives each
 * suspension inside; everything else that matters is in `reader`. */
static enum status deliver(struct reader *reader, const struct broker_answer *answer)
{
    const struct clock_port *clock = &reader->ports->clock;
    int64_t until = reader->range->until;
    int64_t rows = 0;
    int64_t bytes = 0;
    const struct broker_record *last = NULL;
    for (size_t i = 0; i < answer->count && reader->next < until; i++) {
        const struct broker_record *record = &answer->records[i];
        if (record->offset < reader->next) {
            continue; /* the head of the batch that holds `next` (R3) */
        }
        TRY(cross_gap(reader, smaller(record->offset, until), answer));
        if (record->offset >= until) {
            break;
        }
        TRY(reader->reading->record(reader->reading->context, record, reader->diag));
        advance(reader, record->offset + 1);
        last = record;
        rows++;
        bytes += (int64_t)(record->key.size + record->value.size);
        if (rows == SPEND_ROWS_MAX) {
            clock_spend(clock, rows, bytes);
            rows = 0;
            bytes = 0;
        }
    }
    if (rows > 0) {
        clock_spend(clock, rows, bytes);
    }
    if (last != NULL) {
        reader->reading->last = fingerprint_of(last); /* one hash an answer, not one a record */
    }
    int64_t reached = smaller(answer->next_offset, until);
    return reached > reader->next ? cross_gap(reader, reached, answer) : OK;
}

/* Kafka says that `next` is outside the log. That covers "too old" and "too new", and a broker may
 * say so by mistake: both ends are asked for before anything is called lost. */
static enum status resolve_out_of_range(struct reader *reader)
{
    struct broker_offset ends[2] = {
        {.partition = reader->range->partition, .timestamp = BROKER_EARLIEST},
        {.partition = reader->range->partition, .timestamp = BROKER_LATEST},
    };
    int64_t now_us = clock_now_us(&reader->ports->clock);
    enum broker_error error = broker_list_offsets(&reader->ports->broker,
                                                  reader->plan->topic,
                                                  now_us + reader->plan->options.request_timeout_us,
                                                  ends,
                                                  2);
    for (size_t i = 0; i < 2 && error == BROKER_NONE; i++) {
        error = ends[i].error;
    }
    if (error != BROKER_NONE) {
        reader->last_error = error;
        return OK; /* ask again later */
    }
    int64_t earliest = ends[0].offset;
    int64_t latest = ends[1].offset;
    reader->last_end = latest;
    if (reader->look && earliest > reader->reading->last.offset) {
        reader->look = false; /* it has expired, and there is nothing to compare with */
        reader->reading->last.known = false;
        return OK;
    }
    if (earliest > reader->next) {
        int64_t lost_until = smaller(earliest, reader->range->until);
        return lose(reader, lost_until, expired_text, earliest, latest);
    }
    /* A new leader's high watermark trails for a moment: a short log must be seen repeatedly. */
    if (latest >= reader->next || reader->suspicions++ < reader->plan->options.fetch_retries) {
        return OK;
    }
    return lose(reader, reader->range->until, truncated_text, earliest, latest);
}

static enum status absorb(struct reader *reader, const struct broker_answer *answer)
{
    if (answer->error == BROKER_OFFSET_OUT_OF_RANGE) {
        reader->last_error = answer->error;
        return resolve_out_of_range(reader);
    }
    if (answer->error != BROKER_NONE) {
        /* Passes: leaders move, brokers come back. Whoever answers next may have another log. */
        reader->last_error = answer->error;
        reader->look = reader->reading->last.known;
        return OK;
    }
    reader->last_end = answer->readable_end;
    if (reader->look) {
        TRY(look_back(reader, answer));
        if (reader->look) { /* its slot is not readable now: the log is shorter, or seems so */
            return resolve_out_of_range(reader);
        }
    }
    return deliver(reader, answer);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static enum status time_out(const struct reader *reader)
{
    const char *complaint = broker_last_error(&reader->ports->broker);
    (void)diag_fail(reader->diag,
                    "KAFKA_TIMEOUT",
                    "topic %s, partition %ld: offsets %lld to %lld did not come within %lld ms "
                    "(kafkaConsumer.pollTimeoutMs); last answer %s, readable end %lld%s%s",
                    reader->plan->topic,
                    (long)reader->range->partition,
                    (long long)reader->next,
                    (long long)reader->range->until - 1,
                    (long long)(reader->plan->options.poll_timeout_us / US_PER_MS),
                    broker_error_text(reader->last_error),
                    (long long)reader->last_end,
                    *complaint == '\0' ? "" : "; the client says: ",
                    complaint);
    return ERR_TIMEOUT;
}

static enum status fetch_once(struct reader *reader)
{
    const struct options *options = &reader->plan->options;
    int64_t now_us = clock_now_us(&reader->ports->clock);
    int64_t give_up_us = reader->progress_us + options->poll_timeout_us;
    if (now_us >= give_up_us) {
        return time_out(reader);
    }
    arena_reset(reader->reading->scratch);
    bool look = reader->look;
    struct broker_answer answer = {0};
    const struct broker_fetch fetch = {
        .topic = reader->plan->topic,
        .partition = reader->range->partition,
        .offset = look ? reader->reading->last.offset : reader->next,
        .bytes_max = (int32_t)smaller(options->fetch_bytes_max, INT32_MAX),
        .wait_us = FETCH_WAIT_US,
        .deadline_us = smaller(now_us + options->request_timeout_us, give_up_us),
    };
    broker_fetch(&reader->ports->broker, &fetch, reader->reading->scratch, &answer);
    int64_t next = reader->next;
    TRY(absorb(reader, &answer));
    now_us = clock_now_us(&reader->ports->clock);
    if (reader->next > next) {
        reader->progress_us = now_us;
        reader->backoff_us = BACKOFF_MIN_US;
        reader->suspicions = 0;
        reader->last_error = BROKER_NONE;
        return OK;
    }
    if (look && !reader->look) {
        return OK; /* compared, or there is nothing to compare: go on at `next` at once */
    }
    clock_sleep_until(&reader->ports->clock, smaller(now_us + reader->backoff_us, give_up_us));
    reader->backoff_us = smaller(reader->backoff_us * 2, BACKOFF_MAX_US);
    return OK;
}

enum status kafka_read_range(struct kafka_reading *reading, struct diag *diag)
{
    const struct kafka_range *range = reading->range;
    require(range->from >= 0);
    require(range->from < range->until);
    require(!range->before.known || range->before.offset < range->from);
    reading->last = range->before;
    struct reader reader = {
        .ports = reading->ports,
        .plan = reading->plan,
        .range = range,
        .reading = reading,
        .diag = diag,
        .next = range->from,
        .look = range->before.known,
        .progress_us = clock_now_us(&reading->ports->clock),
        .backoff_us = BACKOFF_MIN_US,
        .last_end = -1,
    };
    while (reader.next < range->until) {
        TRY(fetch_once(&reader));
    }
    return OK;
}
