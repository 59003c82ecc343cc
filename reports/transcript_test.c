/* Which events tell the story, and in which words. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

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
