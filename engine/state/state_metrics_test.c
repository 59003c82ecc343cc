#include "engine/state/state_metrics.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static int64_t value_of(enum state_provider_kind provider, const char *name)
{
    static const struct state_metrics metrics = {.committed_bytes = 11,
                                                 .rows = 1,
                                                 .memory_bytes = 2,
                                                 .loaded_from_snapshot = 3,
                                                 .loaded_deltas = 4,
                                                 .memory_hits = 5,
                                                 .memory_misses = 6,
                                                 .gets = 7,
                                                 .puts = 8,
                                                 .files_copied = 9,
                                                 .files_reused = 10};
    int64_t values[STATE_CUSTOM_METRICS_MAX];
    size_t count = 0;
    const char *const *names = state_custom_names(provider, &count);
    state_custom_values(provider, &metrics, values);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return values[i];
        }
    }
    return -1;
}

Test(state_metrics, stand_under_sparks_names)
{
    cr_assert(eq(i64, value_of(STATE_PROVIDER_HDFS, "loadedMapCacheHitCount"), 5));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_HDFS, "loadedMapCacheMissCount"), 6));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_HDFS, "stateOnCurrentVersionSizeBytes"), 11));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_HDFS, "rocksdbGetCount"), -1));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_ROCKSDB, "rocksdbGetCount"), 7));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_ROCKSDB, "rocksdbPutCount"), 8));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_ROCKSDB, "rocksdbFilesCopied"), 9));
    cr_assert(eq(i64, value_of(STATE_PROVIDER_ROCKSDB, "rocksdbFilesReused"), 10));
}

/* Spark's maps are sorted. */
Test(state_metrics, ascend_by_name)
{
    for (int provider = 0; provider <= STATE_PROVIDER_ROCKSDB; provider++) {
        size_t count = 0;
        const char *const *names = state_custom_names((enum state_provider_kind)provider, &count);
        cr_assert(gt(sz, count, 0));
        for (size_t i = 1; i < count; i++) {
            cr_assert(strcmp(names[i - 1], names[i]) < 0);
        }
    }
}
