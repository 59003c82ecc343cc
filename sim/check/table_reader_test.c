#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/exec/columns.h"
#include "engine/sink/parquet.h"
#include "sim/check/table_cache.h"

#define SCHEMA                                                                                     \
    "{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"l\\\",\\\"type\\\":"           \
    "\\\"long\\\","                                                                                \
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}"
#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define METADATA                                                                                   \
    "{\"metaData\":{\"id\":\"x\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"            \
    "\"schemaString\":\"" SCHEMA "\",\"partitionColumns\":[],\"configuration\":{}}}\n"
#define TXN "{\"txn\":{\"appId\":\"q\",\"version\":7}}\n"
#define ADD                                                                                        \
    "{\"add\":{\"path\":\"part%20a.parquet\",\"partitionValues\":{},\"size\":5,"                   \
    "\"modificationTime\":1,\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":3,"                \
    "\\\"minValues\\\":{\\\"l\\\":1}}\",\"tags\":{\"aftershock.xxh64\":\"00000000000000ff\"}}}\n"

Test(table_reader, a_commit)
{
    struct arena arena = {0};
    struct table_commit commit;
    const char *error =
        table_commit_read(bytes_of_text("{\"commitInfo\":{\"a\":[{}]}}\n" PROTOCOL METADATA TXN ADD
                                        "{\"remove\":{\"path\":\"old\"}}\n{\"future\":{\"x\":1}}"),
                          0,
                          &arena,
                          &commit);
    cr_assert(error == NULL, "%s", error);
    cr_assert(eq(sz, commit.action_count, 7));
    cr_assert(eq(sz, commit.column_count, 1));
    cr_assert(bytes_equal_text(commit.columns[0].name, "l"));
    cr_assert(eq(int, commit.columns[0].type, TYPE_LONG));
    cr_assert(commit.has_txn);
    cr_assert(bytes_equal_text(commit.app_id, "q"));
    cr_assert(eq(i64, commit.txn_version, 7));
    cr_assert(eq(sz, commit.add_count, 1));
    cr_assert(bytes_equal_text(commit.adds[0].path, "part a.parquet"));
    cr_assert(eq(i64, commit.adds[0].size, 5));
    cr_assert(eq(i64, commit.adds[0].rows, 3));
    cr_assert(commit.adds[0].has_hash);
    cr_assert(eq(u64, commit.adds[0].hash, 255));
    cr_assert(eq(sz, commit.remove_count, 1));
    arena_free(&arena);
}

Test(table_reader, damaged_commits_are_refused)
{
    static const struct {
        int64_t version;
        const char *text;
        const char *error;
    } cases[] = {
        {1, "", "an empty commit file"},
        {0, TXN, "version 0 without protocol or metaData"},
        {0, PROTOCOL TXN, "version 0 without protocol or metaData"},
        {1, TXN "{\"add\":{\"path\":\"x\",\"si", "a line is no whole JSON object with one action"},
        {1, TXN "\n", "a line is no whole JSON object with one action"},
        {1, "{}\n", "a line is no whole JSON object with one action"},
        {1,
         "{\"txn\":{\"appId\":\"q\",\"version\":7},\"x\":1}\n",
         "a line is no whole JSON object with one action"},
        {1, TXN TXN, "two txn actions in one commit"},
        {1, ADD ADD, "one path is added twice"},
        {1, PROTOCOL PROTOCOL, "two protocol actions"},
        {1,
         "{\"protocol\":{\"minReaderVersion\":3}}",
         "a protocol that is not for every reader (1)"},
        {1, "{\"txn\":{\"appId\":\"q\"}}", "a txn without appId or version"},
        {1, "{\"add\":{\"path\":\"x\"}}", "an add without path or size"},
        {1, "{\"add\":{\"path\":\"%4\",\"size\":1}}", "a path has a broken escape"},
        {1, "{\"add\":{\"path\":\"x\",\"size\":\"1\"}}", "a member of an action is no integer"},
        {1,
         "{\"add\":{\"path\":\"x\",\"size\":1,\"stats\":\"{\"}}",
         "the stats of an add are no JSON object"},
        {1,
         "{\"metaData\":{\"schemaString\":\"{}\"}}",
         "schemaString is no JSON object with fields"},
    };
    struct arena arena = {0};
    struct table_commit commit;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *error =
            table_commit_read(bytes_of_text(cases[i].text), cases[i].version, &arena, &commit);
        cr_expect(
            eq(str, error == NULL ? "(accepted)" : error, cases[i].error), "%s", cases[i].text);
    }
    arena_free(&arena);
}

Test(table_reader, changed_commits_never_crash)
{
    static const char whole[] = PROTOCOL METADATA TXN ADD;
    char text[sizeof whole];
    struct arena arena = {0};
    struct table_commit commit;
    for (uint64_t round = 0; round < 60000; round++) {
        memcpy(text, whole, sizeof whole);
        uint64_t draw = hash_mix64(round);
        for (uint64_t n = 0; n <= draw % 3; n++) {
            uint64_t at = hash_chain(draw, n);
            text[at % (sizeof whole - 1)] = "{}[]\",:\\u0e-%"[at >> 32 & 7] ^ (at >> 60 == 0);
        }
        (void)table_commit_read(
            bytes_of(text, hash_chain(draw, 9) % sizeof whole), 1, &arena, &commit);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

Test(table_reader, only_whole_names_are_versions)
{
    cr_assert(eq(i64, table_version_of("/t", "/t/_delta_log/00000000000000000012.json"), 12));
    static const char *const others[] = {
        "/t/_delta_log/00000000000000000012.json.tmp",
        "/t/_delta_log/.00000000000000000012.json",
        "/t/_delta_log/0000000000000000012.json",
        "/t/_delta_log/0000000000000000012x.json",
        "/t/_delta_log/x/00000000000000000012.json",
        "/u/_delta_log/00000000000000000012.json",
        "/t/00000000000000000012.json",
        "/t/_delta_log/99999999999999999999.json",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cr_expect(eq(i64, table_version_of("/t", others[i]), -1), "%s", others[i]);
    }
}

/* A table of a few files, in memory. */
struct files {
    struct {
        const char *path;
        struct bytes content;
    } entries[8];
    size_t count;
};

static bool look(void *context, const char *path, struct bytes *content)
{
    struct files *files = context;
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->entries[i].path, path) == 0) {
            *content = files->entries[i].content;
            return true;
        }
    }
    return false;
}

static const struct field fields[] = {{"l", TYPE_LONG}};
static const struct schema schema = {fields, 1};

static struct bytes data_file(struct arena *arena, int64_t first, size_t rows)
{
    struct columns *columns = columns_new(arena, &schema, rows);
    for (size_t i = 0; i < rows; i++) {
        columns->columns[0].present[i] = 1;
        columns->columns[0].values.longs[i] = first + i;
    }
    columns->rows = rows;
    struct buf file = {0};
    parquet_write(columns, PARQUET_SNAPPY, &file);
    struct bytes content = bytes_of(arena_copy(arena, file.data, file.size), file.size);
    buf_free(&file);
    return content;
}

static struct bytes add_line(struct arena *arena, const char *path, struct bytes file, size_t rows)
{
    return bytes_of_text(arena_printf(
        arena,
        "{\"add\":{\"path\":\"%s\",\"size\":%zu,\"stats\":\"{\\\"numRecords\\\":%zu}\","
        "\"tags\":{\"aftershock.xxh64\":\"%016llx\"}}}\n",
        path,
        file.size,
        rows,
        (unsigned long long)hash_bytes(file.data, file.size)));
}

Test(table_reader, rows_of_a_table_and_of_a_damaged_one)
{
    struct arena arena = {0};
    struct bytes a = data_file(&arena, 1, 3);
    struct bytes b = data_file(&arena, 10, 2);
    const char *line_a = (const char *)add_line(&arena, "a", a, 3).data;
    const char *line_b = (const char *)add_line(&arena, "b", b, 2).data;
    struct files files = {
        .entries = {{"/t/_delta_log/00000000000000000000.json",
                     bytes_of_text(arena_printf(&arena, "%s%s", PROTOCOL METADATA, line_a))},
                    {"/t/_delta_log/00000000000000000001.json", bytes_of_text(TXN)},
                    {"/t/_delta_log/00000000000000000002.json", bytes_of_text(line_b)},
                    {"/t/_delta_log/00000000000000000003.json",
                     bytes_of_text("{\"remove\":{\"path\":\"a\"}}")},
                    {"/t/a", a},
                    {"/t/b", b}},
        .count = 6};
    struct table_source source = {.look = look, .context = &files};
    struct row_set rows = {0};
    cr_assert(table_rows_at(&source, "/t", 2, &arena, &rows) == NULL);
    cr_assert(eq(sz, rows.count, 5));
    row_set_clear(&rows);
    cr_assert(table_rows_at(&source, "/t", 3, &arena, &rows) == NULL);
    cr_assert(eq(sz, rows.count, 2));
    row_set_clear(&rows);
    cr_assert(eq(str,
                 table_rows_at(&source, "/t", 4, &arena, &rows),
                 "/t/_delta_log/00000000000000000004.json is missing"));
    files.entries[5].content.size--;
    cr_assert(ne(
        ptr, strstr(table_rows_at(&source, "/t", 3, &arena, &rows), "data file b: it has"), NULL));
    files.entries[5].content = a;
    cr_assert(table_rows_at(&source, "/t", 3, &arena, &rows) != NULL);
    files.entries[5].content = b;
    files.count = 5;
    cr_assert(
        eq(str, table_rows_at(&source, "/t", 3, &arena, &rows), "data file b: it is not there"));
    row_set_free(&rows);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

/* With a cache the same bytes are decoded once; other bytes under the same name are not taken for
 * them. */
Test(table_reader, a_cache_tells_the_same_and_sees_what_changed)
{
    struct arena arena = {0};
    struct bytes a = data_file(&arena, 1, 3);
    struct bytes b = data_file(&arena, 10, 3);
    const char *line_a = (const char *)add_line(&arena, "a", a, 3).data;
    struct files files = {
        .entries = {{"/t/_delta_log/00000000000000000000.json",
                     bytes_of_text(arena_printf(&arena, "%s%s", PROTOCOL METADATA, line_a))},
                    {"/t/a", a}},
        .count = 2};
    struct table_cache cache = {.arena = &arena};
    struct table_source source = {look, &files, &cache};
    struct row_set first = {0};
    struct row_set rows = {0};
    struct row_difference difference;
    cr_assert(table_rows_at(&source, "/t", 0, &arena, &first) == NULL);
    cr_assert(eq(sz, cache.file_count, 1));
    cr_assert(eq(sz, cache.commit_count, 1));
    cr_assert(table_rows_at(&source, "/t", 0, &arena, &rows) == NULL);
    cr_assert(eq(sz, rows.count, 3));
    cr_assert(not(row_set_difference(&first, &rows, &difference)));
    cr_assert(eq(sz, cache.file_count, 1));
    cr_assert(eq(sz, cache.commit_count, 1));
    files.entries[1].content = b; /* another file under the name that the add has */
    cr_assert(table_rows_at(&source, "/t", 0, &arena, &rows) != NULL);
    const char *line_b = (const char *)add_line(&arena, "a", b, 3).data;
    files.entries[0].content =
        bytes_of_text(arena_printf(&arena, "%s%s", PROTOCOL METADATA, line_b));
    row_set_clear(&rows);
    cr_assert(table_rows_at(&source, "/t", 0, &arena, &rows) == NULL);
    cr_assert(row_set_difference(&first, &rows, &difference));
    files.entries[0].content.size -= 5; /* torn */
    cr_assert(table_rows_at(&source, "/t", 0, &arena, &rows) != NULL);
    row_set_free(&first);
    row_set_free(&rows);
    heap_free(cache.files);
    heap_free(cache.commits);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

/* A struct column stands there as its members; the schemaString is the engine's own. */
Test(table_reader, members_of_a_struct_are_columns)
{
    static const struct field members[] = {{"origin", TYPE_STRING, NULL},
                                           {"window.start", TYPE_TIMESTAMP, "window"},
                                           {"window.end", TYPE_TIMESTAMP, "window"},
                                           {"n", TYPE_LONG, NULL}};
    static const struct schema nested = {members, 4};
    struct arena arena = {0};
    struct buf json = {0};
    struct buf text = {0};
    schema_json(&nested, &json);
    buf_text(&text, PROTOCOL "{\"metaData\":{\"id\":\"x\",\"schemaString\":");
    buf_json_string(&text, buf_bytes(&json));
    buf_text(&text, "}}\n");
    struct table_commit commit;
    const char *error = table_commit_read(buf_bytes(&text), 0, &arena, &commit);
    cr_assert(error == NULL, "%s", error);
    cr_assert(eq(sz, commit.column_count, 4));
    for (size_t i = 0; i < 4; i++) {
        cr_expect(bytes_equal_text(commit.columns[i].name, members[i].name), "%zu", i);
        cr_expect(eq(int, commit.columns[i].type, members[i].type), "%zu", i);
    }
    static const char *const wrong[] = {
        PROTOCOL "{\"metaData\":{\"schemaString\":\"{\\\"fields\\\":[{\\\"name\\\":\\\"w\\\","
                 "\\\"type\\\":{\\\"type\\\":\\\"array\\\",\\\"fields\\\":[]}}]}\"}}",
        PROTOCOL "{\"metaData\":{\"schemaString\":\"{\\\"fields\\\":[{\\\"name\\\":\\\"w\\\","
                 "\\\"type\\\":{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[]}}]}\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        error = table_commit_read(bytes_of_text(wrong[i]), 0, &arena, &commit);
        cr_expect(error != NULL && strstr(error, "schemaString has") != NULL, "%s", error);
    }
    buf_free(&json);
    buf_free(&text);
    arena_free(&arena);
}
