/* One JSON value into one cell of a column, by the column's type; the rules stand in decode.h. */
#ifndef ENGINE_SOURCE_DECODE_VALUE_H
#define ENGINE_SOURCE_DECODE_VALUE_H

#include "engine/exec/columns.h"
#include "engine/source/json_scan.h"

enum value_fit {
    VALUE_FITS,
    VALUE_MISFIT, /* valid JSON of another type: the cell is as it was, the cursor behind it */
    VALUE_MALFORMED,
};

/* Read the value at the cursor into row `row` of `column`. Strings borrow from the scanned bytes,
 * or live in `arena` where they had escapes. */
enum value_fit
value_read(struct scan *scan, struct arena *arena, struct column *column, size_t row);

void value_set_null(struct column *column, size_t row);

#endif
