#include "scenarios/loader/values.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/document.h"
#include "engine/base/units.h"

Test(values, members_and_defaults)
{
    document_setup();
    json_t *object =
        json_loads("{\"ms\": \"24h\", \"bare\": 5, \"odd\": \"1500us\", \"size\": "
                   "\"64KiB\", \"never\": \"never\", \"wait\": \"90s\", \"yes\": true}",
                   0,
                   NULL);
    cr_assert(eq(i64, value_milliseconds(object, "ms", 1), 86400000));
    cr_assert(eq(i64, value_milliseconds(object, "bare", 1), 5));
    cr_assert(eq(i64, value_milliseconds(object, "none", 1), 1));
    cr_assert(eq(i64, value_bytes(object, "size", 1), 65536));
    cr_assert(eq(i64, value_bytes(object, "bare", 1), 5));
    cr_assert(eq(i64, value_duration_us(object, "wait", 1), 90 * US_PER_SECOND));
    cr_assert(eq(i64, value_duration_us(object, "never", 1), -1));
    cr_assert(eq(i64, value_duration_us(object, "none", 7), 7));
    cr_assert(value_bool(object, "yes", false));
    cr_assert(eq(str, value_text(object, "none", "x"), "x"));
    cr_assert(eq(i64, value_int(NULL, "bare", 3), 3));
    int64_t milliseconds = 0;
    cr_assert(not(milliseconds_parse(json_object_get(object, "odd"), &milliseconds)));
    json_decref(object);
}
