#include "engine/sink/delta_actions.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

static void member_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    buf_json_string(out, bytes_of_text(text));
}

uint64_t delta_user_metadata_hash(int64_t next_watermark_ms, const char *last_records)
{
    return hash_chain(hash_text(last_records), (uint64_t)next_watermark_ms);
}

/* JSON in a JSON string: userMetadata is free text. */
static void write_user_metadata(const struct delta_commit *commit, struct buf *out)
{
    int64_t watermark_ms = commit->next_watermark_ms;
    const char *last_records = commit->last_records;
    struct buf object = {0};
    if (watermark_ms == DELTA_NO_WATERMARK && last_records == NULL) {
        return;
    }
    buf_text(&object, "{");
    if (watermark_ms != DELTA_NO_WATERMARK) {
        require(watermark_ms >= 0);
        buf_printf(&object, "\"" DELTA_WATERMARK_KEY "\":%" PRId64, watermark_ms);
        buf_text(&object, last_records == NULL ? "" : ",");
    }
    if (last_records != NULL) {
        member_text(&object, DELTA_LAST_RECORDS_KEY, last_records);
        buf_printf(&object,
                   ",\"" DELTA_CHECK_KEY "\":\"%016" PRIx64 "\"",
                   delta_user_metadata_hash(watermark_ms, last_records));
    }
    buf_text(&object, "}");
    buf_text(out, "\"userMetadata\":");
    buf_json_string(out, buf_bytes(&object));
    buf_text(out, ",");
    buf_free(&object);
}

/* All values of operationParameters and operationMetrics are JSON strings, numbers too. */
static void write_commit_info(const struct delta_transaction *transaction, struct buf *out)
{
    const struct delta_commit *commit = transaction->commit;
    uint64_t files = 0;
    uint64_t bytes = 0;
    int64_t rows = 0;
    for (size_t i = 0; i < commit->file_count; i++) {
        if (commit->files[i].path != NULL) {
            files++;
            bytes += commit->files[i].size;
            rows += commit->files[i].rows;
        }
    }
    buf_printf(out, "{\"commitInfo\":{\"timestamp\":%" PRId64 ",", transaction->time_ms);
    buf_text(out, "\"operation\":\"STREAMING UPDATE\",");
    buf_printf(out,
               "\"operationParameters\":{\"outputMode\":\"%s\",",
               commit->complete ? "Complete" : "Append");
    member_text(out, "queryId", transaction->query_id);
    buf_printf(out, ",\"epochId\":\"%" PRId64 "\"},", commit->batch);
    if (transaction->version > 0) {
        buf_printf(out, "\"readVersion\":%" PRId64 ",", transaction->version - 1);
    }
    buf_printf(out,
               "\"isolationLevel\":\"Serializable\",\"isBlindAppend\":%s,",
               commit->complete ? "false" : "true");
    buf_printf(out,
               "\"operationMetrics\":{\"numRemovedFiles\":\"%zu\",\"numOutputRows\":\"%" PRId64
               "\",\"numOutputBytes\":\"%" PRIu64 "\",\"numAddedFiles\":\"%" PRIu64 "\"},",
               transaction->removed == NULL ? 0 : transaction->removed->count,
               rows,
               bytes,
               files);
    write_user_metadata(commit, out);
    buf_text(out, "\"engineInfo\":\"" DELTA_ENGINE_NAME "/0.1.0\",");
    member_text(out, "txnId", transaction->txn_id);
    buf_text(out, "}}\n");
}

static void write_table(const struct delta_transaction *transaction, struct buf *out)
{
    struct buf schema = {0};
    schema_json(transaction->commit->schema, &schema);
    buf_text(out, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
    buf_text(out, "{\"metaData\":{");
    member_text(out, "id", transaction->table_id);
    buf_text(out, ",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":");
    buf_json_string(out, buf_bytes(&schema));
    buf_printf(out,
               ",\"partitionColumns\":[],\"configuration\":{},\"createdTime\":%" PRId64 "}}\n",
               transaction->time_ms);
    buf_free(&schema);
}

/* add.path is a URI: everything but RFC 2396's unreserved characters and '/' is escaped. */
static void append_uri(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        char c = *path;
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (alphanumeric || strchr("-_.!~*'()/", c) != NULL) {
            buf_byte(out, (uint8_t)c);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(uint8_t)c);
        }
    }
}

static void write_add(const struct delta_file *file, struct buf *out)
{
    buf_text(out, "{\"add\":{\"path\":\"");
    append_uri(out, file->path);
    buf_printf(out,
               "\",\"partitionValues\":{},\"size\":%" PRIu64 ",\"modificationTime\":%" PRId64
               ",\"dataChange\":true,",
               file->size,
               file->modified_ms);
    member_text(out, "stats", file->stats);
    buf_printf(out,
               ",\"tags\":{\"aftershock.xxh64\":\"%016" PRIx64
               "\",\"aftershock.rows\":\"%016" PRIx64 "\"}}}\n",
               file->content_hash,
               file->rows_hash);
}

/* As Delta writes it for a file of an unpartitioned table. The path is the text of the add, whoever
 * wrote that, so that no reader can fail to match the two. */
static void write_remove(const struct live_file *file, int64_t time_ms, struct buf *out)
{
    buf_text(out, "{\"remove\":{");
    member_text(out, "path", file->uri);
    buf_printf(out,
               ",\"deletionTimestamp\":%" PRId64 ",\"dataChange\":true,"
               "\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":%" PRIu64 "}}\n",
               time_ms,
               file->size);
}

void delta_actions_write(const struct delta_transaction *transaction, struct buf *out)
{
    const struct live_files *removed = transaction->removed;
    require(transaction->version >= 0);
    require((removed != NULL) == transaction->commit->complete);
    write_commit_info(transaction, out);
    if (transaction->version == 0) {
        write_table(transaction, out);
    }
    /* Without lastUpdated: a txn that has one may be forgotten (setTransactionRetentionDuration),
     * and an idle query would then write its last batch again. */
    buf_text(out, "{\"txn\":{");
    member_text(out, "appId", transaction->query_id);
    buf_printf(out, ",\"version\":%" PRId64 "}}\n", transaction->commit->batch);
    for (size_t i = 0; i < transaction->commit->file_count; i++) {
        if (transaction->commit->files[i].path != NULL) {
            write_add(&transaction->commit->files[i], out);
        }
    }
    for (size_t i = 0; removed != NULL && i < removed->used; i++) {
        if (removed->entries[i].path != NULL) {
            write_remove(&removed->entries[i], transaction->time_ms, out);
        }
    }
}
