/* Which events tell the story, and in which words. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "reports/transcript.h"

static void tells(const struct trace_record *record, const char *expected)
{
    struct buf line = {0};
    bool told = transcript_line(record, 1000000, &line);
    cr_assert(eq(int, told, expected[0] != '\0'));
    buf_byte(&line, '\0');
    cr_assert(eq(str, (char *)line.data, expected));
    buf_free(&line);
}

Test(transcript, a_line_each)
{
    tells(&(struct trace_record){.time_us = 13345678,
                                 .kind = EVENT_BATCH_PLANNED,
                                 .batch = 3,
                                 .a = 40,
                                 .process_name = "driver",
                                 .text = ""},
          "[   12.345] driver        batch 3 planned: 40 offsets\n");
    tells(&(struct trace_record){.time_us = 1000000,
                                 .kind = EVENT_BATCH_PLANNED,
                                 .batch = 3,
                                 .a = 40,
                                 .b = 1,
                                 .process_name = "driver",
                                 .text = ""},
          "[    0.000] driver        batch 3 planned again: 40 offsets\n");
    tells(
        &(struct trace_record){
            .time_us = 1000000, .kind = WORLD_FAULT, .process_name = "", .text = "crash driver"},
        "[    0.000] world         !! crash driver\n");
    tells(&(struct trace_record){.time_us = 2000000,
                                 .kind = EVENT_QUERY_ENDED,
                                 .process_name = "driver",
                                 .text = "DATA_LOSS"},
          "[    1.000] driver        query ended: DATA_LOSS\n");
}

static void tells_of(int kind, int64_t a, int64_t b, int64_t c, const char *text, const char *words)
{
    char line[256] = "";
    if (words[0] != '\0') {
        (void)snprintf(line, sizeof line, "[    1.000] executor 1    %s\n", words);
    }
    tells(&(struct trace_record){.time_us = 2000000,
                                 .kind = kind,
                                 .batch = 3,
                                 .a = a,
                                 .b = b,
                                 .c = c,
                                 .process_name = "executor 1",
                                 .text = text},
          line);
}

Test(transcript, stages_and_their_tasks)
{
    tells_of(EVENT_TASK_ENDED, 1, 0, 10, "map", "batch 3 map task 1.0 ended: 10 rows");
    tells_of(EVENT_TASK_ENDED, 1, 0, 10, "", "batch 3 task 1.0 ended: 10 rows");
    tells_of(EVENT_TASK_FAILED,
             1,
             0,
             2,
             "FETCH_FAILED",
             "batch 3 task 1.0 failed (2 counted): FETCH_FAILED");
    tells_of(EVENT_STAGE_ENDED, 0, 0, 0, "", "batch 3 map stage ended");
    tells_of(EVENT_STAGE_ENDED, 1, 0, 0, "", "");
    tells_of(EVENT_MAP_OUTPUT_LOST,
             0,
             1,
             2,
             "",
             "batch 3 blocks of map task 0.1 are lost with executor 2");
}

Test(transcript, where_a_state_version_came_from_and_what_became_of_it)
{
    tells_of(EVENT_STATE_LOADED,
             1,
             7,
             4,
             "",
             "batch 3 partition 1: state version 7 loaded from snapshot 4 and deltas");
    tells_of(EVENT_STATE_LOADED,
             1,
             4,
             4,
             "",
             "batch 3 partition 1: state version 4 loaded from snapshot 4");
    tells_of(
        EVENT_STATE_LOADED, 1, 3, 0, "", "batch 3 partition 1: state version 3 loaded from deltas");
    tells_of(EVENT_STATE_LOADED, 1, 3, -1, "", ""); /* it was in memory */
    tells_of(EVENT_STATE_LOADED, 1, 0, 0, "", "");
    tells_of(EVENT_STATE_COMMITTED,
             1,
             4,
             9,
             "",
             "batch 3 partition 1: state version 4 committed, 9 rows");
    tells_of(EVENT_STATE_REPAIRED,
             1,
             7,
             4,
             "cut short",
             "partition 1: state version 7 without snapshot 4, which does not read: cut short");
    tells_of(EVENT_STATE_SNAPSHOT, 1, 4, 9, "", "partition 1: snapshot of state version 4, 9 rows");
    tells_of(
        EVENT_STATE_CLEANED, 1, 4, 3, "", "partition 1: 3 state files below version 4 removed");
    tells_of(
        EVENT_MAINTENANCE_FAILED, 1, 0, 0, "no space", "partition 1: maintenance failed: no space");
}

Test(transcript, a_watermark_that_stays_is_no_news)
{
    tells_of(
        EVENT_WATERMARK, 978308640000, 0, 0, "", "watermark of batch 4: 2001-01-01T00:24:00.000Z");
    tells_of(EVENT_WATERMARK, 978308640000, 978308640000, 0, "", "");
}

Test(transcript, a_first_start_is_no_news)
{
    tells(
        &(struct trace_record){.kind = WORLD_PROCESS_STARTED, .process_name = "", .text = "driver"},
        "");
    tells(&(struct trace_record){.time_us = 1000000,
                                 .kind = WORLD_PROCESS_STARTED,
                                 .a = 1,
                                 .process_name = "",
                                 .text = "driver"},
          "[    0.000] driver        started again (incarnation 1)\n");
}

Test(transcript, what_tells_no_story_leaves_nothing)
{
    tells(&(struct trace_record){.kind = EVENT_TASK_SENT, .process_name = "driver", .text = ""},
          "");
    tells(&(struct trace_record){.kind = WORLD_PRODUCED, .process_name = "", .text = "flights"},
          "");
}
