/* Leaks on purpose. ci/leaks requires that a sanitizer report of it appears: proof that ours would.
 */
#include <stdlib.h>

#include <criterion/criterion.h>

static void *volatile forgotten;

Test(leak_canary, leaks_on_purpose)
{
    forgotten = malloc(4096);
    cr_assert_not_null(forgotten);
    forgotten = NULL;
}
