#include "engine/sink/delta_actions.h"

#include <inttypes.h>

#include "engine/base/check.h"

static void member_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    buf_json_string(out, bytes_of_text(text));
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
    buf_text(out, "\"operationParameters\":{\"outputMode\":\"Append\",");
    member_text(out, "queryId", transaction->query_id);
    buf_printf(out, ",\"epochId\":\"%" PRId64 "\"},", commit->batch);
    if (transaction->version > 0) {
        buf_printf(out, "\"readVersion\":%" PRId64 ",", transaction->version - 1);
    }
    buf_text(out, "\"isolationLevel\":\"Serializable\",\"isBlindAppend\":true,");
    buf_printf(out,
               "\"operationMetrics\":{\"numRemovedFiles\":\"0\",\"numOutputRows\":\"%" PRId64
               "\",\"numOutputBytes\":\"%" PRIu64 "\",\"numAddedFiles\":\"%" PRIu64 "\"},",
               rows,
               bytes,
               files);
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

void delta_actions_write(const struct delta_transaction *transaction, struct buf *out)
{
    require(transaction->version >= 0);
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
}
