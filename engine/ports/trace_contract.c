#include "engine/ports/trace_contract.h"

#include "engine/base/heap.h"

enum { LONG_TEXT = 100000 };

static void flags(void *argument)
{
    *(bool *)argument = true;
}

/* Every kind, the widest numbers, no text, a text with quotes and lines, one that is long and gone
 * after the call: all the same to the caller. */
static void traces(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    bool ran = false;
    (void)fibers_spawn(&ports->fibers, flags, &ran);
    char *text = heap_alloc(LONG_TEXT);
    memset(text, 'x', LONG_TEXT - 1);
    struct trace_entry entry = {.batch = -1, .a = INT64_MIN, .b = INT64_MAX, .c = -1};
    for (int kind = 0; kind < (int)ENGINE_EVENT_COUNT; kind++) {
        entry.kind = kind;
        entry.text = NULL;
        trace_event(&ports->trace, &entry);
        entry.text = "a \"quoted\"\nline\t\\ \x01";
        trace_event(&ports->trace, &entry);
        entry.text = text;
        trace_event(&ports->trace, &entry);
        entry.batch = INT64_MAX;
    }
    memset(text, 0, LONG_TEXT);
    heap_free(text);
    promise(c, !ran); /* an event suspends nobody */
}

static void check_events(struct contract *c)
{
    c->run(c->self, traces, c);
}

const struct contract_case trace_contract[] = {
    {"any event is taken, at once", check_events},
};
const size_t trace_contract_count = sizeof trace_contract / sizeof trace_contract[0];
