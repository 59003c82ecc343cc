#include "engine/real/operator_words.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static char *words(struct trace_entry entry)
{
    static struct buf line;
    buf_free(&line);
    return operator_words(&entry, &line) ? (char *)line.data : NULL;
}

Test(operator_words, say_what_was_lost)
{
    cr_assert(eq(str,
                 words((struct trace_entry){
                     .kind = EVENT_RANGE_SKIPPED, .a = 1, .b = 10, .c = 20, .text = "flights"}),
                 "failOnDataLoss=false: skipped flights-1 from 10 to 19"));
    cr_assert(eq(str,
                 words((struct trace_entry){
                     .kind = EVENT_LOG_CHANGED, .a = 0, .b = 9, .c = 10, .text = "flights"}),
                 "failOnDataLoss=false: the log of flights-0 is another one: at offset 9 stands "
                 "another record than was read. Goes on from 10"));
    cr_assert(eq(str,
                 words((struct trace_entry){
                     .kind = EVENT_EXECUTOR_LOST, .a = 2, .text = "connection broken"}),
                 "lost executor 2: connection broken"));
    cr_assert(eq(str,
                 words((struct trace_entry){.kind = EVENT_CONF_KEPT,
                                            .text = "a.b stays 5, 7 was asked for"}),
                 "the checkpoint's conf holds: a.b stays 5, 7 was asked for"));
}

Test(operator_words, most_events_are_no_news)
{
    cr_assert(eq(ptr, words((struct trace_entry){.kind = EVENT_COMMIT_WRITTEN}), NULL));
    cr_assert(eq(ptr, words((struct trace_entry){.kind = EVENT_TASK_STARTED}), NULL));
}
