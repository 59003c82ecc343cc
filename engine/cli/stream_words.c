/* What `aftershock stream` says: sentences about the query, a line a batch. */
#include <inttypes.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/cli/stream_internal.h"
#include "engine/real/operator_words.h"

/* ---- where it resumes: the words of Spark's MicroBatchExecution.populateStartOffsets */

void stream_resumed(void *context, const struct driver_resumption *resumption)
{
    struct stream *stream = context;
    struct buf line = {0};
    if (resumption->fresh) {
        buf_printf(&line, "Starting new streaming query %s", resumption->query_id);
    } else {
        buf_printf(
            &line, "Resuming at batch %" PRId64 " with committed offsets ", resumption->batch);
        if (resumption->begin->topic == NULL) {
            buf_text(&line, "{}");
        } else {
            offsets_json(resumption->begin, &line);
        }
        if (resumption->rerun) {
            buf_text(&line, " and available offsets ");
            offsets_json(resumption->end, &line);
            buf_text(&line, ": this batch was planned and runs again");
        }
    }
    buf_byte(&line, '\0');
    stream->options->say((const char *)line.data);
    buf_free(&line);
    if (stream->kafka != NULL) {
        stream_feed_resumed(stream, resumption);
    }
}

/* ---- what an operator wants to know at once */

void stream_told(void *context, const struct trace_entry *entry)
{
    struct stream *stream = context;
    struct buf line = {0};
    switch (entry->kind) {
    case EVENT_BATCH_PLANNED:
        stream->batch_runs = true;
        break;
    case EVENT_COMMIT_WRITTEN:
        stream->batch_runs = false;
        break;
    case EVENT_WATERMARK:
        stream->watermark_moved = entry->a != entry->b;
        break;
    default:
        break;
    }
    if (operator_words(entry, &line)) {
        stream->options->say((const char *)line.data);
    }
    buf_free(&line);
}

/* ---- a line a batch, out of lastProgress */

static int64_t number(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* 12345678 -> "12,345,678" */
static void put_number(struct buf *out, int64_t value, int width)
{
    char digits[32];
    char grouped[48];
    size_t at = sizeof grouped;
    size_t size = (size_t)snprintf(digits, sizeof digits, "%" PRId64, value);
    grouped[--at] = '\0';
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && i % 3 == 0) {
            grouped[--at] = ',';
        }
        grouped[--at] = digits[size - 1 - i];
    }
    buf_printf(out, "%*s", width, grouped + at);
}

static void put_batch(struct buf *line, json_t *progress)
{
    int64_t took_ms = number(json_object_get(progress, "durationMs"), "triggerExecution");
    json_t *sink = json_object_get(progress, "sink");
    json_t *event_time = json_object_get(progress, "eventTime");
    buf_printf(line, "batch %" PRId64 ": ", number(progress, "batchId"));
    put_number(line, number(progress, "numInputRows"), 9);
    buf_text(line, " rows in, ");
    put_number(line, number(sink, "numOutputRows"), 7);
    buf_printf(line, " out, %4" PRId64 ".%03d s", took_ms / 1000, (int)(took_ms % 1000));
    double rate = json_real_value(json_object_get(progress, "processedRowsPerSecond"));
    put_number(line, (int64_t)rate, 10);
    buf_text(line, " rows/s");
    const char *watermark = json_string_value(json_object_get(event_time, "watermark"));
    if (watermark != NULL) {
        buf_printf(line, ", watermark %s", watermark);
    }
    buf_byte(line, '\0');
}

/* An idle query says its last batch again: no news. */
static void say_batch(struct stream *stream, json_t *progress)
{
    struct buf line = {0};
    int64_t batch = number(progress, "batchId");
    if (batch != stream->last_batch) {
        stream->last_batch = batch;
        put_batch(&line, progress);
        stream->options->batch((const char *)line.data);
        buf_free(&line);
    }
}

struct progress_line {
    struct stream *stream;
    struct bytes json;
};

static void read_progress(void *argument)
{
    const struct progress_line *line = argument;
    struct stream *stream = line->stream;
    json_t *progress = json_loadb((const char *)line->json.data, line->json.size, 0, NULL);
    require(progress != NULL); /* it is ours */
    if (stream->options->batch != NULL) {
        say_batch(stream, progress);
    }
    if (stream->kafka != NULL) {
        stream_feed_progress(stream, progress);
    }
    json_decref(progress);
}

void stream_progress(void *context, struct bytes line)
{
    struct stream *stream = context;
    struct progress_line whole = {.stream = stream, .json = line};
    if (stream->progress != NULL) {
        (void)fwrite(line.data, 1, line.size, stream->progress);
        (void)fputc('\n', stream->progress);
        if (fflush(stream->progress) != 0 && !stream->progress_failed) {
            stream->progress_failed = true;
            stream->options->say("the progress file cannot be written any more");
        }
    }
    fiber_on_thread_stack(read_progress, &whole);
}
