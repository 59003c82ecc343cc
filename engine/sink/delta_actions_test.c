#include "engine/sink/delta_actions.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct field fields[] = {{"at", TYPE_TIMESTAMP}, {"origin", TYPE_STRING}};
static const struct schema schema = {.fields = fields, .count = 2};

static void expect_bytes(const struct delta_transaction *transaction, const char *expected)
{
    struct buf out = {0};
    delta_actions_write(transaction, &out);
    buf_byte(&out, 0);
    cr_assert(eq(str, (char *)out.data, expected));
    buf_free(&out);
}

Test(delta_actions, golden_first_commit)
{
    const struct delta_file files[] = {
        {.path = "part-00000-7e0c2d52-5fdc-4c0d-8d5e-3a9f5f1c9a11-c000.snappy.parquet",
         .size = 1234,
         .rows = 20,
         .modified_ms = 978307201500,
         .stats = "{\"numRecords\":20,\"minValues\":{\"origin\":\"ATL\"}}",
         .content_hash = 0x0123456789abcdef,
         .rows_hash = 1},
        {.path = NULL, .stats = ""}, /* a task without rows */
        {.path = "with space%.parquet", .size = 66, .rows = 1, .stats = "{}"},
    };
    const struct delta_commit commit = {.batch = 0,
                                        .schema = &schema,
                                        .next_watermark_ms = DELTA_NO_WATERMARK,
                                        .files = files,
                                        .file_count = 3};
    const struct delta_transaction transaction = {
        .version = 0,
        .time_ms = 978307202000,
        .txn_id = "11111111-2222-4333-8444-555555555555",
        .query_id = "6c2b4dd6-5a1a-4e0e-a9de-0d3c1b0e1f22",
        .table_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        .commit = &commit,
    };
    expect_bytes(
        &transaction,
        "{\"commitInfo\":{\"timestamp\":978307202000,\"operation\":\"STREAMING UPDATE\","
        "\"operationParameters\":{\"outputMode\":\"Append\","
        "\"queryId\":\"6c2b4dd6-5a1a-4e0e-a9de-0d3c1b0e1f22\",\"epochId\":\"0\"},"
        "\"isolationLevel\":\"Serializable\",\"isBlindAppend\":true,"
        "\"operationMetrics\":{\"numRemovedFiles\":\"0\",\"numOutputRows\":\"21\","
        "\"numOutputBytes\":\"1300\",\"numAddedFiles\":\"2\"},"
        "\"engineInfo\":\"Aftershock/0.1.0\","
        "\"txnId\":\"11111111-2222-4333-8444-555555555555\"}}\n"
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
        "{\"metaData\":{\"id\":\"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\","
        "\"format\":{\"provider\":\"parquet\",\"options\":{}},"
        "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":["
        "{\\\"name\\\":\\\"at\\\",\\\"type\\\":\\\"timestamp\\\",\\\"nullable\\\":true,"
        "\\\"metadata\\\":{}},"
        "{\\\"name\\\":\\\"origin\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,"
        "\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],\"configuration\":{},"
        "\"createdTime\":978307202000}}\n"
        "{\"txn\":{\"appId\":\"6c2b4dd6-5a1a-4e0e-a9de-0d3c1b0e1f22\",\"version\":0}}\n"
        "{\"add\":{\"path\":\"part-00000-7e0c2d52-5fdc-4c0d-8d5e-3a9f5f1c9a11-c000.snappy."
        "parquet\",\"partitionValues\":{},\"size\":1234,\"modificationTime\":978307201500,"
        "\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":20,\\\"minValues\\\":"
        "{\\\"origin\\\":\\\"ATL\\\"}}\",\"tags\":{\"aftershock.xxh64\":\"0123456789abcdef\","
        "\"aftershock.rows\":\"0000000000000001\"}}}\n"
        "{\"add\":{\"path\":\"with%20space%25.parquet\",\"partitionValues\":{},\"size\":66,"
        "\"modificationTime\":0,\"dataChange\":true,\"stats\":\"{}\",\"tags\":"
        "{\"aftershock.xxh64\":\"0000000000000000\",\"aftershock.rows\":\"0000000000000000\"}}}\n");
}

Test(delta_actions, an_empty_batch_still_records_its_txn)
{
    const struct delta_commit commit = {
        .batch = 41, .schema = &schema, .next_watermark_ms = DELTA_NO_WATERMARK};
    const struct delta_transaction transaction = {
        .version = 7, .time_ms = 5, .txn_id = "t", .query_id = "q", .commit = &commit};
    expect_bytes(&transaction,
                 "{\"commitInfo\":{\"timestamp\":5,\"operation\":\"STREAMING UPDATE\","
                 "\"operationParameters\":{\"outputMode\":\"Append\",\"queryId\":\"q\","
                 "\"epochId\":\"41\"},\"readVersion\":6,\"isolationLevel\":\"Serializable\","
                 "\"isBlindAppend\":true,\"operationMetrics\":{\"numRemovedFiles\":\"0\","
                 "\"numOutputRows\":\"0\",\"numOutputBytes\":\"0\",\"numAddedFiles\":\"0\"},"
                 "\"engineInfo\":\"Aftershock/0.1.0\",\"txnId\":\"t\"}}\n"
                 "{\"txn\":{\"appId\":\"q\",\"version\":41}}\n");
}

Test(delta_actions, golden_user_metadata)
{
    struct delta_commit commit = {.batch = 41,
                                  .schema = &schema,
                                  .next_watermark_ms = DELTA_NO_WATERMARK,
                                  .last_records = "0:41:978307200000:0123456789abcdef"};
    const struct delta_transaction transaction = {
        .version = 7, .time_ms = 5, .txn_id = "t", .query_id = "q", .commit = &commit};
    static const char *const expected[] = {
        "\"userMetadata\":\"{\\\"lastRecords\\\":\\\"0:41:978307200000:0123456789abcdef\\\","
        "\\\"check\\\":\\\"0e6ccdb532b9d128\\\"}\",\"engineInfo\"",
        "\"userMetadata\":\"{\\\"nextBatchWatermarkMs\\\":7,\\\"lastRecords\\\":"
        "\\\"0:41:978307200000:0123456789abcdef\\\",\\\"check\\\":\\\"991101137e8a1f91\\\"}\","
        "\"engineInfo\""};
    for (size_t i = 0; i < 2; i++) {
        struct buf out = {0};
        commit.next_watermark_ms = i == 0 ? DELTA_NO_WATERMARK : 7;
        delta_actions_write(&transaction, &out);
        buf_byte(&out, 0);
        cr_assert(strstr((char *)out.data, expected[i]) != NULL, "%s", (char *)out.data);
        buf_free(&out);
    }
}

Test(delta_actions, golden_commit_of_output_mode_complete)
{
    static const struct delta_file file = {
        .path = "new.parquet", .size = 9, .rows = 2, .modified_ms = 3, .stats = "{}"};
    struct live_file entries[] = {
        {.path = "a b", .uri = "a%20b", .size = 7}, {0}, {.path = "old", .uri = "old"}};
    const struct live_files live = {.entries = entries, .used = 3, .count = 2};
    const struct delta_commit commit = {.batch = 1,
                                        .schema = &schema,
                                        .files = &file,
                                        .file_count = 1,
                                        .complete = true,
                                        .next_watermark_ms = 978307200000};
    const struct delta_transaction transaction = {.version = 1,
                                                  .time_ms = 5,
                                                  .txn_id = "t",
                                                  .query_id = "q",
                                                  .commit = &commit,
                                                  .removed = &live};
    expect_bytes(&transaction,
                 "{\"commitInfo\":{\"timestamp\":5,\"operation\":\"STREAMING UPDATE\","
                 "\"operationParameters\":{\"outputMode\":\"Complete\",\"queryId\":\"q\","
                 "\"epochId\":\"1\"},\"readVersion\":0,\"isolationLevel\":\"Serializable\","
                 "\"isBlindAppend\":false,\"operationMetrics\":{\"numRemovedFiles\":\"2\","
                 "\"numOutputRows\":\"2\",\"numOutputBytes\":\"9\",\"numAddedFiles\":\"1\"},"
                 "\"userMetadata\":\"{\\\"nextBatchWatermarkMs\\\":978307200000}\","
                 "\"engineInfo\":\"Aftershock/0.1.0\",\"txnId\":\"t\"}}\n"
                 "{\"txn\":{\"appId\":\"q\",\"version\":1}}\n"
                 "{\"add\":{\"path\":\"new.parquet\",\"partitionValues\":{},\"size\":9,"
                 "\"modificationTime\":3,\"dataChange\":true,\"stats\":\"{}\",\"tags\":"
                 "{\"aftershock.xxh64\":\"0000000000000000\","
                 "\"aftershock.rows\":\"0000000000000000\"}}}\n"
                 "{\"remove\":{\"path\":\"a%20b\",\"deletionTimestamp\":5,\"dataChange\":true,"
                 "\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":7}}\n"
                 "{\"remove\":{\"path\":\"old\",\"deletionTimestamp\":5,\"dataChange\":true,"
                 "\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":0}}\n");
}
