#include "engine/state/state_metrics.h"

#include "engine/base/check.h"

static const char *const hdfs_names[] = {
    "loadedMapCacheHitCount", "loadedMapCacheMissCount", "stateOnCurrentVersionSizeBytes"};
static const char *const rocksdb_names[] = {
    "rocksdbFilesCopied", "rocksdbFilesReused", "rocksdbGetCount", "rocksdbPutCount"};

const char *const *state_custom_names(enum state_provider_kind provider, size_t *count)
{
    bool rocksdb = provider == STATE_PROVIDER_ROCKSDB;
    *count = rocksdb ? sizeof rocksdb_names / sizeof *rocksdb_names
                     : sizeof hdfs_names / sizeof *hdfs_names;
    require(*count <= STATE_CUSTOM_METRICS_MAX);
    return rocksdb ? rocksdb_names : hdfs_names;
}

void state_custom_values(enum state_provider_kind provider,
                         const struct state_metrics *metrics,
                         int64_t values[STATE_CUSTOM_METRICS_MAX])
{
    if (provider == STATE_PROVIDER_ROCKSDB) {
        values[0] = metrics->files_copied;
        values[1] = metrics->files_reused;
        values[2] = metrics->gets;
        values[3] = metrics->puts;
        return;
    }
    /* One version is in memory at a time: all of it is the current one. */
    values[0] = metrics->memory_hits;
    values[1] = metrics->memory_misses;
    values[2] = metrics->committed_bytes;
}
