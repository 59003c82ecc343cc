#include "engine/ports/trace.h"

#include "engine/base/check.h"

const char *engine_event_name(enum engine_event event)
{
    static const char *const names[] = {
#define X(id, name, fields) [id] = (name),
        ENGINE_EVENT_TABLE(X)
#undef X
    };
    require(event < ENGINE_EVENT_COUNT);
    return names[event];
}
