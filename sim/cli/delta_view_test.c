/* Delta tables as anybody writes them: replay, history, time travel, a checkpoint that Arrow wrote,
 * partition values, and what is damaged named. */
#include "sim/cli/delta_view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/exec/columns.h"
#include "engine/sink/parquet.h"
#include "sim/check/parquet_golden_test.h"

static char table[64];

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", table, name);
    return path;
}

static void put(const char *name, struct bytes content)
{
    FILE *file = fopen(path_of(name), "wb");
    cr_assert(ne(ptr, file, NULL));
    cr_assert(eq(sz, fwrite(content.data, 1, content.size, file), content.size));
    (void)fclose(file);
}

static void put_commit(int version, const char *content)
{
    char name[64];
    (void)snprintf(name, sizeof name, "_delta_log/%020d.json", version);
    put(name, bytes_of_text(content));
}

/* One column `l`, as the engine's sink writes it. */
static void put_data(const char *name, int64_t first, size_t rows)
{
    static const struct field fields[] = {{"l", TYPE_LONG, NULL}};
    static const struct schema schema = {fields, 1};
    struct arena arena = {0};
    struct buf file = {0};
    struct columns *columns = columns_new(&arena, &schema, rows);
    for (size_t i = 0; i < rows; i++) {
        columns->columns[0].present[i] = true;
        columns->columns[0].values.longs[i] = first + (int64_t)i;
    }
    columns->rows = rows;
    parquet_write(columns, PARQUET_SNAPPY, &file);
    put(name, buf_bytes(&file));
    buf_free(&file);
    arena_free(&arena);
}

#define METADATA                                                                                   \
    "{\"metaData\":{\"id\":\"t\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":"  \
    "[{\\\"name\\\":\\\"l\\\",\\\"type\\\":\\\"long\\\"},{\\\"name\\\":\\\"p\\\",\\\"type\\\":"    \
    "\\\"string\\\"}]}\",\"partitionColumns\":[\"p\"]}}\n"
#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define ADD(name, p, rows)                                                                         \
    "{\"add\":{\"path\":\"" name "\",\"partitionValues\":{\"p\":" p "},\"size\":1,"                \
    "\"stats\":\"{\\\"numRecords\\\":" rows "}\"}}\n"

static void make_table(void)
{
    document_setup();
    (void)snprintf(table, sizeof table, "/tmp/delta-view-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(table), NULL));
    cr_assert(eq(int, mkdir(path_of("_delta_log"), 0777), 0));
    put_data("a.parquet", 0, 2);
    put_data("b c.parquet", 10, 3);
    put_commit(0,
               "{\"commitInfo\":{\"timestamp\":1000,\"operation\":\"WRITE\"}}\n" PROTOCOL METADATA);
    put_commit(1, ADD("a.parquet", "\"x\"", "2") "{\"txn\":{\"appId\":\"q\",\"version\":1}}\n");
    put_commit(2,
               ADD("b%20c.parquet", "null", "3") "{\"remove\":{\"path\":\"a.parquet\"}}\n"
                                                 "{\"commitInfo\":{\"inCommitTimestamp\":7}}");
}

static void remove_table(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", table);
    cr_assert(eq(int, system(command), 0));
}

TestSuite(delta_view, .init = make_table, .fini = remove_table);

static void take_row(void *context, struct bytes row)
{
    buf_append(context, row.data, row.size);
    buf_byte(context, '\n');
}

/* The rows as of a version, or the complaint: its class, file and text. */
static const char *rows_at(int64_t version)
{
    static char text[2048];
    static struct delta_view view;
    struct diag diag = {0};
    struct buf rows = {0};
    enum status status = delta_view_open(&view, table, version, &diag);
    if (status == OK) {
        status = delta_view_rows(&view, take_row, &rows, &diag);
    }
    if (status == OK) {
        (void)snprintf(text, sizeof text, "%.*s", (int)rows.size, (const char *)rows.data);
    } else {
        (void)snprintf(text, sizeof text, "%s %s %s", diag.error_class, diag.file, diag.text);
    }
    buf_free(&rows);
    delta_view_close(&view);
    return text;
}

static void complains(int64_t version, const char *words)
{
    const char *text = rows_at(version);
    cr_expect(strstr(text, words) != NULL, "\"%s\" is not in \"%s\"", words, text);
}

Test(delta_view, time_travel_and_partition_values)
{
    cr_assert(eq(str, rows_at(0), ""));
    cr_assert(eq(str, rows_at(1), "{\"l\":0,\"p\":\"x\"}\n{\"l\":1,\"p\":\"x\"}\n"));
    const char *newest = "{\"l\":10,\"p\":null}\n{\"l\":11,\"p\":null}\n{\"l\":12,\"p\":null}\n";
    cr_assert(eq(str, rows_at(2), newest));
    cr_assert(eq(str, rows_at(-1), newest));
    complains(3, "the newest is 2");
}

Test(delta_view, history)
{
    struct delta_view view;
    struct diag diag = {0};
    int64_t rows = 0;
    int64_t bytes = 0;
    cr_assert(eq(int, delta_view_open(&view, table, -1, &diag), OK));
    cr_assert(eq(sz, view.history_count, 3));
    cr_assert(eq(i64, view.history[0].time_ms, 1000));
    cr_assert(eq(i64, view.history[1].rows, 2));
    cr_assert(eq(i64, view.history[2].time_ms, 7));
    cr_assert(eq(i64, view.history[2].removes, 1));
    json_t *txn = json_object_get(view.history[1].txns, "q");
    cr_assert(eq(i64, json_integer_value(json_object_get(txn, "version")), 1));
    delta_view_totals(&view, &rows, &bytes);
    cr_assert(eq(i64, rows, 3));
    delta_view_close(&view);
}

/* Versions 0 and 1 are cleaned; the checkpoint of 1 is another writer's. */
Test(delta_view, from_a_checkpoint)
{
    put("_delta_log/00000000000000000001.checkpoint.parquet",
        bytes_of(golden_checkpoint, sizeof golden_checkpoint));
    cr_assert(eq(int, unlink(path_of("_delta_log/00000000000000000000.json")), 0));
    cr_assert(eq(str, rows_at(1), "{\"l\":0,\"p\":\"x\"}\n{\"l\":1,\"p\":\"x\"}\n"));
    cr_assert(eq(int, unlink(path_of("_delta_log/00000000000000000001.json")), 0));
    cr_assert(eq(
        str, rows_at(-1), "{\"l\":10,\"p\":null}\n{\"l\":11,\"p\":null}\n{\"l\":12,\"p\":null}\n"));
    complains(0, "reaches back to version 1");
}

Test(delta_view, damage_is_named_with_what_is_left)
{
    put_commit(4, PROTOCOL);
    complains(-1, "DELTA_LOG_DAMAGED");
    complains(-1, "00000000000000000003.json");
    complains(-1, "--version 2");
    put_commit(3, "");
    complains(-1, "it is empty");
    put_commit(3, "{\"add\":{\"path\":\"b");
    complains(-1, "line 1 is no action");
    cr_assert(eq(str, rows_at(0), ""));
}

Test(delta_view, damaged_data_files_are_named)
{
    put_data("a.parquet", 0, 1);
    complains(1, "it has 1 rows, stats.numRecords of its add says 2");
    put("a.parquet", bytes_of_text("PAR1"));
    complains(1, "no PAR1 at its begin and end");
    cr_assert(eq(int, unlink(path_of("a.parquet")), 0));
    complains(1, "it is not there");
    put_commit(3,
               "{\"add\":{\"path\":\"d\",\"size\":1,\"deletionVector\":{}}}\n"
               "{\"remove\":{\"path\":\"b%20c.parquet\"}}");
    complains(3, "deletion vector");
}

Test(delta_view, a_tag_of_ours_is_held_against_the_bytes)
{
    put_commit(3,
               "{\"add\":{\"path\":\"a.parquet\",\"size\":1,\"tags\":{\"aftershock.xxh64\":"
               "\"0000000000000000\"}}}\n{\"remove\":{\"path\":\"b%20c.parquet\"}}");
    complains(3, "another hash");
}

Test(delta_view, hints)
{
    struct delta_view view;
    struct diag diag = {0};
    char log[128];
    (void)snprintf(log, sizeof log, "%s/_delta_log", table);
    cr_assert(ne(int, delta_view_open(&view, log, -1, &diag), OK));
    cr_assert(strstr(diag.text, "did you mean") != NULL, "%s", diag.text);
    cr_assert(strstr(diag.text, table) != NULL, "%s", diag.text);
    delta_view_close(&view);
    diag = (struct diag){0};
    cr_assert(ne(int, delta_view_open(&view, path_of("a.parquet"), -1, &diag), OK));
    cr_assert(strstr(diag.text, "this is a file") != NULL, "%s", diag.text);
    delta_view_close(&view);
}
