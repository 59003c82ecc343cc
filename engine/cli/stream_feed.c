/* --embedded-kafka --feed: a mock cluster that is fed while the query runs (embedded_kafka.h), and
 * with --once the moment at which all of the file has been read.
 *
 * availableNow takes what is in the topic at its start. When pacing keeps a part of the file back
 * at that moment, the query runs with its own trigger instead, and is asked to stop when its last
 * batch has read the end of the file, and the batch without data that the watermark may still ask
 * for has run. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/cli/stream_internal.h"
#include "engine/real/embedded_kafka.h"

static bool all_read(const struct stream *stream)
{
    int64_t records = 0;
    if (!embedded_kafka_fed(stream->kafka, &records)) {
        return false;
    }
    for (int32_t i = 0; i < stream->feed.partitions; i++) {
        if (stream->read[i] < feed_end(&stream->feed, records, i)) {
            return false;
        }
    }
    return true;
}

static void stop_when_all_is_read(struct stream *stream)
{
    bool moves = stream->plan->aggregation != NULL && stream->plan->options.no_data_batches &&
                 stream->watermark_moved;
    if (stream->stop_when_fed && !moves && all_read(stream)) {
        stream->stop_requested = true;
    }
}

static void reported(void *context, short happened)
{
    struct stream *stream = context;
    maybe(happened != 0);
    if (embedded_kafka_poll(stream->kafka, stream->diag) != OK) {
        loop_unwatch(stream->process->loop, &stream->kafka_watch);
        stream->kafka_watched = false;
        stream->stop_requested = true; /* and the diag makes it a failure */
        return;
    }
    stop_when_all_is_read(stream);
}

void stream_feed_progress(struct stream *stream, json_t *progress)
{
    json_t *source = json_array_get(json_object_get(progress, "sources"), 0);
    json_t *ends = json_object_get(json_object_get(source, "endOffset"), stream->feed.topic);
    for (int32_t i = 0; i < stream->feed.partitions; i++) {
        char partition[16];
        (void)snprintf(partition, sizeof partition, "%" PRId32, i);
        stream->read[i] = json_integer_value(json_object_get(ends, partition));
    }
    stop_when_all_is_read(stream);
}

void stream_feed_resumed(struct stream *stream, const struct driver_resumption *resumption)
{
    for (int32_t i = 0; i < stream->feed.partitions && !resumption->fresh; i++) {
        int64_t begin = offsets_get(resumption->begin, i);
        stream->read[i] = begin > 0 ? begin : 0;
    }
    if (!resumption->rerun) {
        stop_when_all_is_read(stream); /* no batch will say so when all had been read before */
    }
}

static enum status check_feed(const struct stream *stream, struct diag *diag)
{
    if (strcmp(stream->feed.topic, stream->plan->topic) != 0) {
        return diag_fail(diag,
                         "USAGE",
                         "--feed: found the topic \"%s\", but the pipeline subscribes to \"%s\"",
                         stream->feed.topic,
                         stream->plan->topic);
    }
    return OK;
}

enum status stream_feed_start(struct stream *stream, struct diag *diag)
{
    const struct stream_options *options = stream->options;
    if (options->feed == NULL) {
        return OK;
    }
    TRY(feed_parse(&stream->arena, options->feed, &stream->feed, diag));
    TRY(check_feed(stream, diag));
    const char *checkpoint = stream->plan->options.checkpoint_location;
    const struct embedded_kafka_config config = {
        .feed = &stream->feed,
        .checkpoint = arena_printf(&stream->arena, "%s%s", stream_base(options), checkpoint),
        .brokers = 1,
    };
    TRY(embedded_kafka_start(&config, &stream->kafka, diag));
    stream->read =
        arena_alloc(&stream->arena, (size_t)stream->feed.partitions * sizeof *stream->read);
    stream->kafka_watch = (struct loop_watch){.fd = embedded_kafka_fd(stream->kafka),
                                              .events = POLLIN,
                                              .ready = reported,
                                              .context = stream};
    loop_add_watch(stream->process->loop, &stream->kafka_watch);
    stream->kafka_watched = true;
    const char *sentence =
        arena_printf(&stream->arena,
                     "Kafka is librdkafka's mock cluster at %s, fed with %s: for a demo",
                     embedded_kafka_bootstrap(stream->kafka),
                     stream->feed.file);
    options->say(sentence);
    return OK;
}

bool stream_feed_waits(const struct stream *stream)
{
    int64_t records = 0;
    return stream->kafka != NULL && !embedded_kafka_fed(stream->kafka, &records);
}

void stream_feed_stop(struct stream *stream)
{
    if (stream->kafka_watched) {
        loop_unwatch(stream->process->loop, &stream->kafka_watch);
    }
    embedded_kafka_stop(stream->kafka);
}
