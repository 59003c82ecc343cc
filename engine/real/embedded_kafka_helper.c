/* The helper process: a mock cluster and one loop that feeds, paces and reports. Its memory is the
 * host's; it is no process of the engine and has no ports. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/real/checkpoint_ends.h"
#include "engine/real/embedded_kafka.h"
#include "engine/real/feed_reader.h"
#include "engine/real/loop.h"
#include "engine/real/mock_cluster.h"
#include "engine/real/pacing.h"

enum {
    TURN_MS = 20,             /* how often the checkpoint is looked at */
    RECORDS_PER_TURN = 20000, /* then the checkpoint, the lifeline and the acks have their turn */
    IN_FLIGHT_MAX = 50000,    /* below queue.buffering.max.messages */
    BROKERS_MAX = 16,
};

struct helper {
    struct feed feed;
    const char *checkpoint;
    int brokers;
    bool stay;

    struct arena arena;   /* of the arguments */
    struct arena scratch; /* of one look at the checkpoint, of one record */
    struct feed_reader reader;
    struct pacing pacing;
    struct bytes line; /* read and not fed yet */
    bool held;         /* there is one */
    bool ended;        /* the file has no more */
    bool blocked;      /* pacing holds the next record back */

    struct mock_cluster cluster;
    int64_t fed; /* records given to the producer */

    int64_t target;     /* records that were planned before this start */
    int64_t started_us; /* when it became ready: the rate counts from here */
    int64_t said_us;
    bool ready;
    bool told_fed;
    struct diag diag;
};

/* ---- what it says
 * --------------------------------------------------------------------------- */

/* Whoever listens may be gone; the lifeline tells, or nobody needs to know. */
static void say(const char *word, const char *argument)
{
    char line[1400];
    int size = snprintf(line, sizeof line, "%s %s\n", word, argument);
    size_t end = size < (int)sizeof line ? (size_t)size : sizeof line - 1;
    line[end - 1] = '\n';
    ssize_t ignored = write(STDOUT_FILENO, line, end);
    (void)ignored;
}

static void say_count(const char *word, int64_t count)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)count);
    say(word, text);
}

static void say_error(const struct diag *diag)
{
    char text[1300];
    (void)snprintf(
        text, sizeof text, "%s\t%s\t%d\t%s", diag->error_class, diag->file, diag->line, diag->text);
    say("error", text);
}

/* ---- feeding
 * -------------------------------------------------------------------------------- */

static enum status timestamp_of(struct helper *helper, int64_t *timestamp_ms)
{
    *timestamp_ms = FEED_TIMESTAMP_MS;
    if (helper->feed.timestamp == NULL ||
        feed_timestamp(&helper->feed, &helper->scratch, helper->line, timestamp_ms)) {
        return OK;
    }
    struct diag *diag = &helper->diag;
    (void)snprintf(diag->file, sizeof diag->file, "%s", helper->feed.file);
    diag->line = (int)helper->reader.lines;
    return diag_fail(diag,
                     "FEED_FILE",
                     "the record has no timestamp in its field \"%.60s\", expected an ISO-8601 "
                     "text or milliseconds",
                     helper->feed.timestamp);
}

/* Give the line that is held to the producer. ERR_THROTTLED when its queue is full. */
static enum status produce(struct helper *helper)
{
    int32_t partition = feed_partition(&helper->feed, helper->fed);
    int64_t timestamp_ms = 0;
    arena_reset(&helper->scratch);
    TRY(timestamp_of(helper, &timestamp_ms));
    TRY(mock_cluster_produce(&helper->cluster, helper->fed, helper->line, timestamp_ms));
    pacing_fed(&helper->pacing, partition, helper->line.size);
    helper->fed++;
    helper->held = false;
    return OK;
}

/* How many records may be in the topic now, as far as the rate goes. */
static int64_t due(const struct helper *helper)
{
    if (helper->feed.interval_us == 0) {
        return INT64_MAX;
    }
    int64_t since = 0;
    if (helper->ready) {
        since = (real_monotonic_us() - helper->started_us) / helper->feed.interval_us;
    }
    return helper->target + since;
}

static enum status next_line(struct helper *helper)
{
    if (helper->held || helper->ended) {
        return OK;
    }
    TRY(feed_reader_next(&helper->reader, &helper->line, &helper->held, &helper->diag));
    helper->ended = !helper->held;
    return OK;
}

/* Feed what may be fed now, a bounded part of it; true when more may follow at once. */
static bool feed_turn(struct helper *helper)
{
    int64_t until = due(helper);
    int64_t first = helper->fed;
    helper->blocked = false;
    while (helper->fed < until && helper->fed - first < RECORDS_PER_TURN &&
           helper->fed - helper->cluster.acked < IN_FLIGHT_MAX) {
        if (next_line(helper) != OK || helper->ended) {
            return false;
        }
        int32_t partition = feed_partition(&helper->feed, helper->fed);
        helper->blocked = !pacing_admits(&helper->pacing, partition, helper->line.size);
        if (helper->blocked || produce(helper) != OK) {
            return false;
        }
    }
    return helper->fed - first == RECORDS_PER_TURN;
}

/* ---- the checkpoint
 * ------------------------------------------------------------------------- */

static void look(struct helper *helper, struct checkpoint_ends *ends)
{
    arena_reset(&helper->scratch);
    checkpoint_ends_read(&helper->scratch, helper->checkpoint, helper->feed.topic, ends);
    for (size_t i = 0; i < ends->consumed.count; i++) {
        const struct partition_offset *end = &ends->consumed.entries[i];
        if (end->partition < helper->pacing.count) {
            pacing_consumed(&helper->pacing, end->partition, end->offset);
        }
    }
}

/* The first look: what was planned before must be fed before anybody reads. */
static enum status look_first(struct helper *helper)
{
    struct checkpoint_ends ends;
    look(helper, &ends);
    const struct offsets *both[] = {&ends.planned, &ends.consumed};
    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; i < both[b]->count; i++) {
            const struct partition_offset *end = &both[b]->entries[i];
            if (end->partition >= helper->feed.partitions) {
                return diag_fail(&helper->diag,
                                 "FEED_FILE",
                                 "the checkpoint %s knows partition %d of topic %s, the feed has "
                                 "%d partitions, counted from 0; start with partitions=%d or more",
                                 helper->checkpoint,
                                 end->partition,
                                 helper->feed.topic,
                                 helper->feed.partitions,
                                 end->partition + 1);
            }
            int64_t records = feed_records(&helper->feed, end->partition, end->offset);
            helper->target = records > helper->target ? records : helper->target;
        }
    }
    return OK;
}

/* ---- the loop
 * ------------------------------------------------------------------------------- */

/* Wait; false when the parent is gone. */
static bool wait_turn(const struct helper *helper, int wait_ms)
{
    if (helper->stay) {
        (void)poll(NULL, 0, wait_ms);
        return true;
    }
    struct pollfd lifeline = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&lifeline, 1, wait_ms) <= 0) {
        return true;
    }
    char byte = 0;
    return read(STDIN_FILENO, &byte, 1) > 0;
}

/* The checkpoint was written with another file, or another layout. */
static enum status target_missed(struct helper *helper)
{
    struct diag *diag = &helper->diag;
    (void)snprintf(diag->file, sizeof diag->file, "%s", helper->feed.file);
    return diag_fail(diag,
                     "FEED_FILE",
                     "the checkpoint %s needs the first %lld records of topic %s, and the feed "
                     "%s %lld; feed the file that it was written with, with as many partitions",
                     helper->checkpoint,
                     (long long)helper->target,
                     helper->feed.topic,
                     helper->ended ? "has only" : "must stop after",
                     (long long)helper->fed);
}

static enum status report(struct helper *helper)
{
    bool quiet = helper->cluster.acked == helper->fed;
    int64_t now_us = real_monotonic_us();
    if (!helper->ready && quiet && (helper->ended || helper->blocked) &&
        helper->fed < helper->target) {
        return target_missed(helper);
    }
    bool far_enough = helper->feed.interval_us > 0 ? helper->fed >= helper->target
                                                   : helper->ended || helper->blocked;
    if (!helper->ready && quiet && far_enough) {
        helper->ready = true;
        helper->started_us = now_us;
        say("ready", mock_cluster_bootstrap(&helper->cluster));
    }
    if (!helper->ready && now_us - helper->said_us > US_PER_SECOND) {
        helper->said_us = now_us;
        say_count("at", helper->cluster.acked);
    }
    if (helper->ready && helper->ended && quiet && !helper->told_fed) {
        helper->told_fed = true;
        say_count("fed", helper->fed);
    }
    return OK;
}

static enum status run(struct helper *helper)
{
    TRY(look_first(helper));
    helper->said_us = real_monotonic_us();
    bool more = true;
    while (wait_turn(helper, more ? 0 : TURN_MS)) {
        struct checkpoint_ends ends;
        look(helper, &ends);
        more = feed_turn(helper);
        /* While records are under way at full speed, a turn waits for acks only. */
        bool under_way = !helper->ready && helper->cluster.acked < helper->fed;
        more = mock_cluster_poll(&helper->cluster, under_way ? 1 : 0) || more;
        if (!helper->diag.set) {
            (void)report(helper);
        }
        if (helper->diag.set) {
            return ERR_FAILED;
        }
    }
    return OK;
}

/* ---- the command
 * ---------------------------------------------------------------------------- */

static enum status parse(struct helper *helper, int count, char **arguments)
{
    const char *feed = NULL;
    helper->brokers = 1;
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(name, "--stay") == 0) {
            helper->stay = true;
            continue;
        }
        if (value == NULL) {
            return diag_fail(&helper->diag, "USAGE", "%.60s: a value is missing", name);
        }
        i++;
        if (strcmp(name, "--feed") == 0) {
            feed = value;
        } else if (strcmp(name, "--checkpoint") == 0) {
            helper->checkpoint = value;
        } else if (strcmp(name, "--brokers") == 0) {
            helper->brokers = (int)strtol(value, NULL, 10);
        } else {
            return diag_fail(&helper->diag, "USAGE", "%.60s is no option", name);
        }
    }
    if (feed == NULL || helper->checkpoint == NULL || helper->brokers < 1 ||
        helper->brokers > BROKERS_MAX) {
        return diag_fail(&helper->diag,
                         "USAGE",
                         "expected [--stay] --feed FEED --checkpoint DIR [--brokers 1 to %d]",
                         BROKERS_MAX);
    }
    return feed_parse(&helper->arena, feed, &helper->feed, &helper->diag);
}

/* A terminal's ^C goes to the whole group: the query ends its batch and needs Kafka for that. */
static void settle_signals(const struct helper *helper)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (helper->stay) {
        (void)setsid(); /* fails when it leads one already */
        return;
    }
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

_Noreturn void embedded_kafka_main(int count, char **arguments)
{
    struct helper helper = {.reader.fd = -1};
    enum status status = parse(&helper, count, arguments);
    if (status == OK) {
        settle_signals(&helper);
        status = feed_reader_open(&helper.reader, helper.feed.file, &helper.diag);
    }
    if (status == OK) {
        pacing_init(&helper.pacing, helper.feed.partitions);
        status = mock_cluster_start(&helper.cluster, &helper.feed, helper.brokers, &helper.diag);
    }
    if (status == OK) {
        status = run(&helper);
    }
    if (status != OK) {
        say_error(&helper.diag);
    }
    /* Nothing is torn down: librdkafka's threads would take a second for it, and whoever stops the
     * query waits. */
    _exit(status == OK ? 0 : 1);
}
