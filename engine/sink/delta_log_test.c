#include "engine/sink/delta_log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/sink/delta_actions.h"

static const struct field fields[] = {{"at", TYPE_TIMESTAMP}, {"origin", TYPE_STRING}};
static const struct schema schema = {.fields = fields, .count = 2};

static enum status read_text(struct arena *arena, const char *text, struct delta_log_facts *facts)
{
    char problem[DELTA_LOG_PROBLEM_SIZE];
    return delta_log_read(bytes_of_text(text), "app", arena, facts, problem);
}

static void expect_refused(const char *text, const char *why)
{
    struct arena arena = {0};
    struct delta_log_facts facts;
    char problem[DELTA_LOG_PROBLEM_SIZE];
    enum status status = delta_log_read(bytes_of_text(text), "app", &arena, &facts, problem);
    cr_assert(eq(int, status, ERR_CORRUPT), "%s", text);
    cr_assert(strstr(problem, why) != NULL, "%s: %s", text, problem);
    arena_free(&arena);
}

/* A commit of our own, of `file_count` files. */
static void own_commit(int64_t version, size_t file_count, struct buf *out)
{
    static const struct delta_file files[] = {
        {.path = "part-a", .size = 10, .rows = 1, .stats = "{\"numRecords\":1}"},
        {.path = "part b", .size = 20, .rows = 2, .stats = "{\"numRecords\":2}"},
    };
    const struct delta_commit commit = {.batch = version,
                                        .schema = &schema,
                                        .next_watermark_ms = DELTA_NO_WATERMARK,
                                        .files = files,
                                        .file_count = file_count};
    const struct delta_transaction transaction = {.version = version,
                                                  .time_ms = 1000,
                                                  .txn_id = "txn-id",
                                                  .query_id = "app",
                                                  .table_id = "table-id",
                                                  .commit = &commit};
    delta_actions_write(&transaction, out);
}

Test(delta_log, commit_file_names_match_whole)
{
    int64_t version = -1;
    cr_assert(delta_log_version("00000000000000000012.json", &version));
    cr_assert(eq(i64, version, 12));
    static const char *const others[] = {
        "",
        "12.json",
        "0000000000000000001.json",
        "000000000000000000012.json",
        "00000000000000000012.json.tmp",
        "00000000000000000012.crc",
        "00000000000000000012.checkpoint.parquet",
        "00000000000000000012.00000000000000000014.compacted.json",
        ".00000000000000000012.json.4711.tmp",
        "_last_checkpoint",
        "0000000000000000001x.json",
        "99999999999999999999.json",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cr_assert(not(delta_log_version(others[i], &version)), "%s", others[i]);
    }
}

Test(delta_log, reads_what_we_write)
{
    struct arena arena = {0};
    struct buf content = {0};
    struct delta_log_facts facts;
    char problem[DELTA_LOG_PROBLEM_SIZE];
    own_commit(0, 2, &content);
    cr_assert(eq(int, delta_log_read(buf_bytes(&content), "app", &arena, &facts, problem), OK));
    cr_assert(eq(sz, facts.action_count, 6));
    cr_assert(eq(str, facts.txn_id, "txn-id"));
    cr_assert(facts.has_txn);
    cr_assert(eq(i64, facts.txn_version, 0));
    cr_assert(facts.has_protocol);
    cr_assert(facts.unsupported == NULL);
    cr_assert(facts.has_metadata);
    cr_assert(eq(str, facts.table_id, "table-id"));
    cr_assert(not(facts.partitioned));
    cr_assert(eq(sz, facts.field_count, 2));
    cr_assert(eq(str, facts.fields[0].name, "at"));
    cr_assert(eq(str, facts.fields[1].type, "string"));
    cr_assert(facts.fields[1].nullable);
    cr_assert(eq(sz, facts.added_count, 2));
    cr_assert(eq(str, facts.added[1].path, "part b"));
    cr_assert(eq(int, delta_log_read(buf_bytes(&content), "other", &arena, &facts, problem), OK));
    cr_assert(not(facts.has_txn));
    buf_free(&content);
    arena_free(&arena);
}

/* Whatever prefix of a commit a crash leaves, also one that ends with a whole line. */
Test(delta_log, every_prefix_of_our_commits_is_refused)
{
    for (int64_t version = 0; version < 2; version++) {
        for (size_t files = 0; files <= 2; files++) {
            struct buf content = {0};
            own_commit(version, files, &content);
            for (size_t size = 0; size + 1 < content.size; size++) {
                struct arena arena = {0};
                struct delta_log_facts facts;
                char problem[DELTA_LOG_PROBLEM_SIZE];
                enum status status =
                    delta_log_read(bytes_of(content.data, size), "app", &arena, &facts, problem);
                cr_assert(eq(int, status, ERR_CORRUPT), "%zu of %zu bytes", size, content.size);
                arena_free(&arena);
            }
            buf_free(&content);
        }
    }
}

Test(delta_log, commits_of_others_are_read)
{
    struct arena arena = {0};
    struct delta_log_facts facts;
    /* no commitInfo, no last newline, unknown actions and fields, somebody else's txn */
    cr_assert(eq(int,
                 read_text(&arena,
                           "{\"txn\":{\"appId\":\"other\",\"version\":9,\"lastUpdated\":1}}\n"
                           "{\"txn\":{\"appId\":\"app\",\"version\":5}}\n"
                           "{\"domainMetadata\":{\"domain\":\"d\",\"x\":[1,2.5,null]}}\n"
                           "{\"add\":{\"path\":\"p%20q%2Fr%zz\",\"size\":1,\"news\":{}}}",
                           &facts),
                 OK));
    cr_assert(eq(i64, facts.txn_version, 5));
    cr_assert(eq(str, facts.added[0].path, "p q/r%zz"));
    /* a commit of another engine may well have a commitInfo and nothing else */
    cr_assert(eq(int,
                 read_text(&arena,
                           "{\"commitInfo\":{\"engineInfo\":\"Apache-Spark/4.0.0 "
                           "Delta-Lake/4.0.0\"}}\n",
                           &facts),
                 OK));
    cr_assert(eq(sz, facts.action_count, 1));
    arena_free(&arena);
}

Test(delta_log, members_of_a_struct_column_stand_behind_it)
{
    struct arena arena = {0};
    struct delta_log_facts facts;
    cr_assert(eq(int,
                 read_text(&arena,
                           "{\"metaData\":{\"id\":\"i\",\"partitionColumns\":[],\"configuration\":"
                           "{\"delta.appendOnly\":\"TRUE\"},\"schemaString\":\"{\\\"fields\\\":["
                           "{\\\"name\\\":\\\"w\\\",\\\"type\\\":{\\\"type\\\":\\\"struct\\\","
                           "\\\"fields\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"long\\\","
                           "\\\"nullable\\\":false}]}},"
                           "{\\\"name\\\":\\\"l\\\",\\\"type\\\":{\\\"type\\\":\\\"array\\\","
                           "\\\"fields\\\":[{\\\"name\\\":\\\"no\\\"}]}}]}\"}}\n",
                           &facts),
                 OK));
    cr_assert(facts.append_only);
    cr_assert(eq(sz, facts.field_count, 3));
    cr_assert(eq(str, facts.fields[0].name, "w"));
    cr_assert(eq(str, facts.fields[0].type, "struct"));
    cr_assert(facts.fields[0].parent == NULL);
    cr_assert(facts.fields[0].nullable);
    cr_assert(eq(str, facts.fields[1].name, "w.a"));
    cr_assert(eq(str, facts.fields[1].parent, "w"));
    cr_assert(not(facts.fields[1].nullable));
    cr_assert(eq(str, facts.fields[2].type, "array"));
    arena_free(&arena);
}

Test(delta_log, damage_is_refused_by_name)
{
    expect_refused("", "empty");
    expect_refused("\n", "line 1");
    expect_refused("{\"txn\":{\"appId\":\"app\",\"version\":5}}\n{\"add\":{\"path\":\"p\"",
                   "line 2");
    expect_refused("{\"txn\":{\"appId\":\"app\",\"version\":5}}\n\n", "line 2");
    expect_refused("[]", "exactly one action");
    expect_refused("{}", "exactly one action");
    expect_refused("{\"a\":{},\"b\":{}}", "exactly one action");
    expect_refused("{\"txn\":{},\"txn\":{}}", "torn");
    expect_refused("{\"txn\":5}", "not an object");
    expect_refused("{\"txn\":{\"appId\":\"app\",\"version\":\"5\"}}", "txn");
    expect_refused("{\"add\":{\"path\":\"p\"}}", "add");
    expect_refused("{\"remove\":{\"size\":1}}", "remove");
    expect_refused("{\"protocol\":{\"minReaderVersion\":1}}", "protocol");
    expect_refused("{\"metaData\":{\"id\":\"i\",\"schemaString\":\"{}\"}}", "metaData");
    expect_refused("{\"metaData\":{\"id\":\"i\",\"partitionColumns\":[],\"schemaString\":\"{\"}}",
                   "schemaString");
    expect_refused("{\"txn\":{\"appId\":\"app\",\"version\":5}}\n"
                   "{\"txn\":{\"appId\":\"app\",\"version\":6}}\n",
                   "second txn");
    expect_refused("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
                   "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n",
                   "second protocol");
}

static void expect_unsupported(const char *protocol, const char *why)
{
    struct arena arena = {0};
    struct delta_log_facts facts;
    cr_assert(eq(int, read_text(&arena, protocol, &facts), OK), "%s", protocol);
    if (why == NULL) {
        cr_assert(facts.unsupported == NULL, "%s", protocol);
    } else {
        cr_assert(facts.unsupported != NULL, "%s", protocol);
        cr_assert(strstr(facts.unsupported, why) != NULL, "%s", facts.unsupported);
    }
    arena_free(&arena);
}

Test(delta_log, protocols)
{
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":1}}", NULL);
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}", "(1, 3)");
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}", "(2, 5)");
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,"
                       "\"readerFeatures\":[],\"writerFeatures\":[\"appendOnly\"]}}",
                       NULL);
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,"
                       "\"readerFeatures\":[\"deletionVectors\"],"
                       "\"writerFeatures\":[\"deletionVectors\"]}}",
                       "deletionVectors");
    expect_unsupported("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
                       "\"writerFeatures\":[\"inCommitTimestamp\"]}}",
                       "inCommitTimestamp");
}

Test(delta_log, deep_nesting_is_no_crash)
{
    enum { DEPTH = 200000 };
    struct buf content = {0};
    buf_text(&content, "{\"add\":");
    memset(buf_extend(&content, DEPTH), '[', DEPTH);
    struct arena arena = {0};
    struct delta_log_facts facts;
    char problem[DELTA_LOG_PROBLEM_SIZE];
    cr_assert(
        eq(int, delta_log_read(buf_bytes(&content), "app", &arena, &facts, problem), ERR_CORRUPT));
    buf_free(&content);
    arena_free(&arena);
}

/* One of: a byte changed, a span removed, a span doubled, a span of zeros, the tail cut. */
static void mutate(struct buf *content, uint64_t random)
{
    size_t at = (size_t)(random >> 8) % content->size;
    size_t span = 1 + (size_t)(random >> 40) % 40;
    span = span < content->size - at ? span : content->size - at;
    switch (random % 5) {
    case 0:
        content->data[at] ^= (uint8_t)(1U << (random >> 60 & 7));
        break;
    case 1:
        memmove(content->data + at, content->data + at + span, content->size - at - span);
        content->size -= span;
        break;
    case 2: {
        uint8_t copy[40];
        memcpy(copy, content->data + at, span);
        buf_append(content, copy, span);
        break;
    }
    case 3:
        memset(content->data + at, 0, span);
        break;
    default:
        content->size = at;
    }
}

/* Bounded fuzzing: never a crash (the sanitizers look on), never an empty commit taken for good,
 * and no single damage hides a file. */
Test(delta_log, mutated_commits_are_read_whole_or_refused)
{
    int refused = 0;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct buf content = {0};
        own_commit((int64_t)(seed & 1), 2, &content);
        uint64_t mutations = 1 + hash_mix64(seed) % 3;
        for (uint64_t i = 0; i < mutations && content.size > 0; i++) {
            mutate(&content, hash_chain(seed, i));
        }
        struct arena arena = {0};
        struct delta_log_facts facts;
        char problem[DELTA_LOG_PROBLEM_SIZE];
        if (delta_log_read(buf_bytes(&content), "app", &arena, &facts, problem) != OK) {
            refused++;
        } else {
            cr_assert(gt(sz, facts.action_count, 0), "seed %llu", (unsigned long long)seed);
            cr_assert(
                mutations > 1 || facts.added_count == 2, "seed %llu", (unsigned long long)seed);
        }
        arena_free(&arena);
        buf_free(&content);
    }
    cr_assert(gt(int, refused, 10000));
}
