#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"
#include "sim/check/oracle.h"

static const char flights[] =
    "{\"name\":\"flight_delays\",\"source\":{\"format\":\"kafka\",\"subscribe\":\"flights\","
    "\"schema\":{\"event_time\":\"timestamp\",\"origin\":\"string\",\"delay\":\"int\"},"
    "\"options\":{\"startingOffsets\":\"earliest\",\"maxOffsetsPerTrigger\":20}},"
    "\"filter\":\"delay > 15 and origin is not null\","
    "\"select\":[\"event_time\",\"origin\",{\"as\":\"late_by\",\"is\":\"delay - 15\"}],"
    "\"sink\":{\"format\":\"delta\",\"path\":\"/shared/"
    "t\"},\"trigger\":{\"processingTime\":\"10s\"},"
    "\"options\":{\"checkpointLocation\":\"/shared/c\"}}";

#define LATE                                                                                       \
    "{\"event_time\":\"2001-01-01T00:47:00Z\",\"origin\":\"DTW\",\"x\":\"LAS\",\"delay\":66}"

static const char *const records[] = {
    LATE,
    "{\"event_time\":\"2001-01-01T01:24:00Z\",\"origin\":\"LAS\",\"delay\":-5}",
    "{\"event_time\":\"x\",\"origin\":\"LAS\",\"delay\":16}",
    "{\"origin\":null,\"delay\":100}",
    "no flight",
    "{\"origin\":\"LAS\",\"delay\":2147483648}",
};

Test(oracle, lines_of_a_workload)
{
    struct bytes lines[6];
    for (size_t i = 0; i < 6; i++) {
        lines[i] = bytes_of_text(records[i]);
    }
    struct workload_config workload = {.lines = lines, .line_count = 6};
    struct option_override set[] = {{"MAXOFFSETSPERTRIGGER", "7"}, {NULL, NULL}};
    struct option_override start[] = {{"startingOffsets", "latest"}, {NULL, NULL}};
    struct scenario scenario = {.pipeline = bytes_of_text(flights),
                                .workloads = &workload,
                                .workload_count = 1,
                                .set = set};
    struct oracle *oracle = oracle_new(&scenario);
    cr_assert(oracle_error(oracle) == NULL);
    struct buf text = {0};
    static const char *const expected[] = {
        "(2001-01-01T00:47:00.000000Z, \"DTW\", 51)", NULL, "(null, \"LAS\", 1)", NULL, NULL, NULL};
    for (size_t i = 0; i < 6; i++) {
        const struct oracle_line *line = oracle_line(oracle, 0, i);
        cr_assert(
            eq(int, line->verdict, expected[i] == NULL ? ORACLE_DROPPED : ORACLE_ROW), "%zu", i);
        if (expected[i] != NULL) {
            buf_clear(&text);
            row_describe(&line->row, &text);
            cr_assert(bytes_equal_text(buf_bytes(&text), expected[i]), "%zu", i);
        }
    }
    cr_assert(eq(sz, oracle_column_count(oracle), 3));
    cr_assert(eq(str, oracle_column_name(oracle, 2), "late_by"));
    cr_assert(eq(int, oracle_column_type(oracle, 2), TYPE_INT));
    cr_assert(eq(str, oracle_topic(oracle), "flights"));
    cr_assert(eq(str, oracle_table(oracle), "/shared/t"));
    cr_assert(eq(str, oracle_option(oracle, NULL, "checkpointlocation"), "/shared/c"));
    cr_assert(eq(str, oracle_option(oracle, NULL, "maxOffsetsPerTrigger"), "7"));
    cr_assert(eq(str, oracle_option(oracle, NULL, "startingOffsets"), "earliest"));
    cr_assert(eq(str, oracle_option(oracle, start, "startingOffsets"), "latest"));
    /* An operator's own `set` stands instead of the scenario's. */
    cr_assert(eq(str, oracle_option(oracle, start, "maxOffsetsPerTrigger"), "20"));
    cr_assert(oracle_option(oracle, NULL, "failOnDataLoss") == NULL);
    buf_free(&text);
    oracle_free(oracle);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(oracle, errors_of_records_and_pipelines)
{
    struct scenario scenario = {
        .pipeline = bytes_of_text(
            "{\"source\":{\"subscribe\":\"x\",\"mode\":\"FAILFAST\",\"schema\":{\"i\":\"int\"}},"
            "\"select\":[{\"as\":\"e\",\"is\":\"10 / i\"}],\"sink\":{\"path\":\"/shared/t\"}}")};
    struct oracle *oracle = oracle_new(&scenario);
    cr_assert(oracle_error(oracle) == NULL);
    struct arena arena = {0};
    struct oracle_line line;
    oracle_record(oracle, bytes_of_text("{\"i\":0}"), &arena, &line);
    cr_assert(eq(int, line.verdict, ORACLE_FAILS));
    cr_assert(eq(str, line.error, "DIVIDE_BY_ZERO"));
    oracle_record(oracle, bytes_of_text("{\"i\":\"0\"}"), &arena, &line);
    cr_assert(eq(int, line.verdict, ORACLE_FAILS));
    cr_assert(eq(str, line.error, "MALFORMED_RECORD_IN_PARSING"));
    oracle_record(oracle, bytes_of_text("{\"i\":4}"), &arena, &line);
    cr_assert(eq(int, line.verdict, ORACLE_ROW));
    arena_free(&arena);
    oracle_free(oracle);
    static const char *const unreadable[] = {
        "{",
        "{}",
        "{\"source\":{\"subscribe\":\"x\",\"schema\":{}},\"sink\":{\"path\":\"/t\"}}",
        "{\"source\":{\"subscribe\":\"x\",\"schema\":{\"i\":\"decimal\"}},\"sink\":{\"path\":\"/"
        "t\"}}",
        "{\"source\":{\"subscribe\":\"x\",\"schema\":{\"i\":\"int\"}},\"sink\":{\"path\":\"/t\"},"
        "\"filter\":\"j > 1\"}",
    };
    for (size_t i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
        scenario.pipeline = bytes_of_text(unreadable[i]);
        oracle = oracle_new(&scenario);
        cr_expect(oracle_error(oracle) != NULL, "%s", unreadable[i]);
        oracle_free(oracle);
    }
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
