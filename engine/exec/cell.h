/* One value of a row: how rows travel where they are not columns (group keys, aggregation buffers,
 * state, shuffle blocks). */
#ifndef ENGINE_EXEC_CELL_H
#define ENGINE_EXEC_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/bytes.h"

struct cell {
    bool present; /* false: null, and every other byte is zero */
    union {
        bool boolean;
        int64_t number; /* int, long, timestamp (microseconds) */
        double real;
        struct bytes text; /* borrowed */
    } as;
};

#endif
