#include "engine/real/checkpoint_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static char directory[64];
static struct arena arena;

static void begin(void)
{
    snprintf(directory, sizeof directory, "/tmp/checkpoint-ends-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(directory), NULL));
    static const char *const under[] = {"offsets", "commits", "sources", "sources/0"};
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, under[i]);
        cr_assert(eq(int, mkdir(path, 0755), 0));
    }
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    cr_assert(eq(int, system(command), 0));
    arena_free(&arena);
}

TestSuite(checkpoint_ends, .init = begin, .fini = end);

static void put(const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL));
    fputs(content, file);
    cr_assert(eq(int, fclose(file), 0));
}

static void put_offsets(const char *name, const char *topic, int zero, int one)
{
    char content[256];
    snprintf(content,
             sizeof content,
             "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1,\"conf\":{}}\n"
             "{\"%s\":{\"0\":%d,\"1\":%d}}",
             topic,
             zero,
             one);
    put(name, content);
}

static void expect(int64_t planned, int64_t consumed)
{
    struct checkpoint_ends ends;
    checkpoint_ends_read(&arena, directory, "flights", &ends);
    cr_assert(eq(i64, offsets_get(&ends.planned, 1), planned));
    cr_assert(eq(i64, offsets_get(&ends.consumed, 1), consumed));
}

Test(checkpoint_ends, as_a_query_writes_them)
{
    expect(-1, -1);
    FILE *file = fopen(arena_printf(&arena, "%s/sources/0/0", directory), "w");
    static const char began[] = "\0v1\n{\"flights\":{\"0\":5,\"1\":7}}";
    cr_assert(eq(sz, fwrite(began, 1, sizeof began - 1, file), sizeof began - 1));
    cr_assert(eq(int, fclose(file), 0));
    expect(-1, 7);
    put_offsets("offsets/0", "flights", 10, 11);
    expect(11, 7);
    put("commits/0", "v1\n{\"nextBatchWatermarkMs\":0}");
    expect(11, 11);
    put_offsets("offsets/9", "flights", 20, 21);
    put("commits/9", "v1\n{\"nextBatchWatermarkMs\":0}");
    put_offsets("offsets/10", "flights", 30, 31);
    expect(31, 21);
    put("offsets/011", "x");
    put("offsets/.12.tmp", "x");
    put("commits/.10.crc", "x");
    put("commits/99999999999999999999", "x");
    expect(31, 21);
}

Test(checkpoint_ends, what_says_nothing)
{
    put_offsets("offsets/0", "flight", 10, 11);
    put("commits/0", "v1\n{}");
    expect(-1, -1);
    put("offsets/1", "v1\n{\"batchWatermark"); /* cut */
    expect(-1, -1);
    put("offsets/1", "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1,\"conf\":{}}\n-");
    expect(-1, -1);
    put("commits/2", "v1\n{}"); /* its offsets are not there */
    put_offsets("offsets/1", "flights", 1, 2);
    expect(2, -1);
}
