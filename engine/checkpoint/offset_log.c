/* offsets/<N>: the write-ahead intent of batch N (Spark's OffsetSeqLog; spark-checkpoint 1.3).
 *
 *     v1
 *     {"batchWatermarkMs":0,"batchTimestampMs":1719290655102,"conf":{...}}
 *     <offset JSON of the source, or ->
 *
 * Lines joined by '\n', none behind the last one. Map order and spacing are kept as they are: Spark
 * compares offsets as text. */
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/base/heap.h"
#include "engine/checkpoint/log_file.h"
#include "engine/checkpoint/metadata_log.h"

void offset_log_encode(const struct offset_log_entry *entry, struct buf *out)
{
    require(entry->sources[0] != '\0');
    require(strchr(entry->sources, '\n') == NULL);
    require(strchr(entry->conf, '\n') == NULL);
    buf_printf(out,
               "v1\n{\"batchWatermarkMs\":%lld,\"batchTimestampMs\":%lld,\"conf\":",
               (long long)entry->batch_watermark_ms,
               (long long)entry->batch_timestamp_ms);
    buf_text(out, entry->conf);
    buf_text(out, "}\n");
    buf_text(out, entry->sources);
}

struct dump {
    const json_t *object;
    char *text;
};

static void dump_on_thread_stack(void *argument)
{
    struct dump *dump = argument;
    dump->text = json_dumps(dump->object, JSON_COMPACT);
}

/* "conf" as text, members in the order in which they stand there. */
static enum status decode_conf(const struct log_lines *lines,
                               const struct document *document,
                               struct arena *arena,
                               struct offset_log_entry *entry,
                               struct diag *diag)
{
    const json_t *conf = json_object_get(document->root, "conf");
    entry->conf = "{}";
    if (conf == NULL) {
        return OK; /* Spark 2.1 wrote none */
    }
    if (!json_is_object(conf)) {
        return log_fail(lines, diag, "MALFORMED_LOG", "conf is not an object");
    }
    json_t *object = json_object_get(document->root, "conf");
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        if (!json_is_string(json_object_iter_value(i))) {
            return log_fail(lines, diag, "MALFORMED_LOG", "a value in conf is not a string");
        }
    }
    struct dump dump = {.object = conf};
    fiber_on_thread_stack(dump_on_thread_stack, &dump);
    require(dump.text != NULL);
    entry->conf = arena_strdup(arena, dump.text);
    heap_free(dump.text);
    return OK;
}

static enum status decode_metadata(const struct log_lines *lines,
                                   struct bytes line,
                                   struct arena *arena,
                                   struct offset_log_entry *entry,
                                   struct diag *diag)
{
    entry->conf = "{}";
    if (line.size == 0) {
        return OK; /* Spark: no metadata */
    }
    struct document document;
    TRY(log_parse_object(lines, line, arena, &document, diag));
    enum status status =
        log_int64_member(lines, &document, "batchWatermarkMs", &entry->batch_watermark_ms, diag);
    if (status == OK) {
        status = log_int64_member(
            lines, &document, "batchTimestampMs", &entry->batch_timestamp_ms, diag);
    }
    if (status == OK) {
        status = decode_conf(lines, &document, arena, entry, diag);
    }
    document_free(&document);
    return status;
}

enum status offset_log_decode(struct arena *arena,
                              const char *path,
                              struct bytes content,
                              struct offset_log_entry *entry,
                              struct diag *diag)
{
    struct log_lines lines = {.path = path, .content = content};
    struct bytes line = {0};
    *entry = (struct offset_log_entry){0};
    TRY(log_read_version(&lines, diag));
    if (!log_next_line(&lines, &line)) {
        return log_fail(
            &lines, diag, "INCOMPLETE_LOG", "incomplete log file: it ends after the version line");
    }
    TRY(decode_metadata(&lines, line, arena, entry, diag));
    if (!log_next_line(&lines, &line) || line.size == 0) {
        return log_fail(&lines,
                        diag,
                        "MALFORMED_LOG",
                        "there are [0] sources in the checkpoint offsets and now there is [1] "
                        "source requested by the query");
    }
    entry->sources = arena_copy(arena, line.data, line.size);
    if (log_next_line(&lines, &line)) {
        return log_fail(&lines,
                        diag,
                        "MALFORMED_LOG",
                        "there is more than [1] source in the checkpoint offsets and now there is "
                        "[1] source requested by the query");
    }
    return OK;
}
