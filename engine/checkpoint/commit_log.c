/* commits/<N>: batch N is done, and the watermark of the next one (Spark's CommitLog;
 * spark-checkpoint 1.4).
 *
 *     v1
 *     {"nextBatchWatermarkMs":0}
 *
 * No newline at the end. Spark 2.3.1 and older wrote "v1\n{}"; a missing second line is read so,
 * too. */
#include "engine/checkpoint/log_file.h"
#include "engine/checkpoint/metadata_log.h"

void commit_log_encode(int64_t next_batch_watermark_ms, struct buf *out)
{
    buf_printf(out, "v1\n{\"nextBatchWatermarkMs\":%lld}", (long long)next_batch_watermark_ms);
}

enum status commit_log_decode(struct arena *arena,
                              const char *path,
                              struct bytes content,
                              int64_t *next_batch_watermark_ms,
                              struct diag *diag)
{
    struct log_lines lines = {.path = path, .content = content};
    struct bytes line = {0};
    struct document document;
    *next_batch_watermark_ms = 0;
    TRY(log_read_version(&lines, diag));
    if (!log_next_line(&lines, &line)) {
        return OK;
    }
    TRY(log_parse_object(&lines, line, arena, &document, diag));
    enum status status =
        log_int64_member(&lines, &document, "nextBatchWatermarkMs", next_batch_watermark_ms, diag);
    document_free(&document);
    if (status == OK && log_next_line(&lines, &line)) {
        status = log_fail(&lines, diag, "MALFORMED_LOG", "a third line in an entry of two");
    }
    return status;
}
