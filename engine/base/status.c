#include "engine/base/status.h"

const char *status_text(enum status status)
{
    static const char *const texts[] = {
#define X(name, text) [name] = (text),
        STATUS_TABLE(X)
#undef X
    };
    return texts[status];
}
