#include "engine/ports/broker.h"

const char *broker_error_text(enum broker_error error)
{
    static const char *const texts[] = {
#define X(name, text) [name] = (text),
        BROKER_ERROR_TABLE(X)
#undef X
    };
    return texts[error];
}
