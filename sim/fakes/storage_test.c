/* Which sizes may cost, and so reach the trace: those that no library's version decides. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/fakes/storage_internal.h"

Test(storage, sizes_that_a_library_decides_do_not_count)
{
    static const char *const unstable[] = {
        "/shared/t/part-00000-x.snappy.parquet",
        "/shared/t/_delta_log/00000000000000000003.json",
        "/shared/c/state/0/1/4.delta",
        "/shared/c/state/0/1/.4.delta.0a1b.TID3.tmp",
        "shared/c/state/0/1/4.snapshot",
        "/shared/c/state/0/1/4.zip",
        "/shared/c/state/0/1/.4.zip.0a1b.TID3.tmp",
        "shared/c/state/0/1/4.changelog",
        "shared/c/state/0/1/SSTs/000008-76d123c4.sst",
        "/local/executor 1/state/0a1b/1/3/MANIFEST-000005",
        "/local/executor 1/state/0a1b/1/3/000008.sst",
        "/local/executor 1/state/0a1b/1/3/CURRENT",
    };
    static const char *const stable[] = {
        "/shared/c/offsets/4",
        "/shared/c/state/0/_metadata/metadata",
        "/shared/c/state/0/0/_metadata/schema",
        "/shared/c.zip/offsets/4",
        "/local/executor 1/shuffle/a-3-0-0.data",
    };
    for (size_t i = 0; i < sizeof unstable / sizeof *unstable; i++) {
        cr_expect(eq(i64, storage_logical_size(unstable[i], 100), 0), "%s", unstable[i]);
    }
    for (size_t i = 0; i < sizeof stable / sizeof *stable; i++) {
        cr_expect(eq(i64, storage_logical_size(stable[i], 100), 100), "%s", stable[i]);
    }
}
