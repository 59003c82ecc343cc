#include "engine/driver/trigger.h"

#include "engine/base/check.h"

int64_t trigger_next_us(int64_t now_us, int64_t interval_us)
{
    require(now_us >= 0);
    require(interval_us >= 0);
    if (interval_us == 0) {
        return now_us;
    }
    int64_t since = now_us % interval_us;
    int64_t left = interval_us - since;
    return now_us > INT64_MAX - left ? INT64_MAX : now_us + left;
}
