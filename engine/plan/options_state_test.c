/* The options of the state store: the provider and RocksDB's own. */
#include "engine/plan/options_test_world.h"

#define STORE   "spark.sql.streaming.stateStore."
#define ROCKSDB STORE "rocksdb."
#define PACKAGE "org.apache.spark.sql.execution.streaming.state."

TestSuite(options_state, .init = begin, .fini = end);

/* Spark 4.0: RocksDBConf and SQLConf. */
Test(options_state, defaults_are_sparks)
{
    cr_assert(eq(int, options.state_provider, STATE_PROVIDER_HDFS));
    cr_assert(not(options.rocksdb_changelog));
    cr_assert(not(options.rocksdb_compact_on_commit));
    cr_assert(eq(i64, options.rocksdb_block_size, 4096));
    cr_assert(eq(i64, options.rocksdb_block_cache_bytes, 8 << 20));
    cr_assert(eq(i64, options.rocksdb_max_open_files, -1));
    cr_assert(eq(i64, options.rocksdb_write_buffer_bytes, 64 << 20));
    cr_assert(options.rocksdb_track_rows);
    cr_assert(options.rocksdb_compress);
    cr_assert(not(options.rocksdb_bounded_memory));
    cr_assert(eq(i64, options.rocksdb_max_memory_bytes, 500 << 20));
    cr_assert(eq(i64, options.rocksdb_extra_space_millionths, 300000));
}

Test(options_state, of_rocksdb_in_sparks_units)
{
    set(ROCKSDB "changelogCheckpointing.enabled", "true");
    set(ROCKSDB "compactOnCommit", "TRUE");
    set(ROCKSDB "blockSizeKB", "16");
    set(ROCKSDB "blockCacheSizeMB", "0");
    set(ROCKSDB "maxOpenFiles", "32");
    set(ROCKSDB "writeBufferSizeMB", "2");
    set(ROCKSDB "trackTotalNumberOfRows", "false");
    set(ROCKSDB "compression", "None");
    set(ROCKSDB "boundedMemoryUsage", "true");
    set(ROCKSDB "maxMemoryUsageMB", "100");
    cr_assert(options.rocksdb_changelog);
    cr_assert(options.rocksdb_compact_on_commit);
    cr_assert(eq(i64, options.rocksdb_block_size, 16384));
    cr_assert(eq(i64, options.rocksdb_block_cache_bytes, 0));
    cr_assert(eq(i64, options.rocksdb_max_open_files, 32));
    cr_assert(eq(i64, options.rocksdb_write_buffer_bytes, 2 << 20));
    cr_assert(not(options.rocksdb_track_rows));
    cr_assert(not(options.rocksdb_compress));
    cr_assert(options.rocksdb_bounded_memory);
    cr_assert(eq(i64, options.rocksdb_max_memory_bytes, 100 << 20));
    set(ROCKSDB "compression", "LZ4");
    cr_assert(options.rocksdb_compress);
    /* Spark passes on what is above 0 only (RocksDB.scala). */
    set(ROCKSDB "writeBufferSizeMB", "0");
    cr_assert(eq(i64, options.rocksdb_write_buffer_bytes, 64 << 20));
}

Test(options_state, provider_is_one_of_two_classes)
{
    set(STORE "providerClass", PACKAGE "RocksDBStateStoreProvider");
    cr_assert(eq(int, options.state_provider, STATE_PROVIDER_ROCKSDB));
    set(STORE "providerClass", PACKAGE "HDFSBackedStateStoreProvider");
    cr_assert(eq(int, options.state_provider, STATE_PROVIDER_HDFS));
    for (int i = 0; i <= STATE_PROVIDER_ROCKSDB; i++) {
        set(STORE "providerClass", options_provider_class((enum state_provider_kind)i));
        cr_assert(eq(int, options.state_provider, i));
    }
}

/* Class names are exact in Java, so they are here. */
Test(options_state, unknown_provider_names_the_nearest)
{
    static const char *const near[] = {
        "com.databricks.sql.streaming.state.RocksDBStateStoreProvider",
        "RocksDBStateStoreProvider",
        PACKAGE "RocksDbStateStoreProvider"};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        expect_refused(STORE "providerClass",
                       near[i],
                       arena_printf(&arena,
                                    "option \"" STORE "providerClass\" is \"%s\", which is no "
                                    "state store provider here; did you mean \"" PACKAGE
                                    "RocksDBStateStoreProvider\"?",
                                    near[i]));
    }
    expect_refused(STORE "providerClass",
                   "rocksdb",
                   "option \"" STORE "providerClass\" is \"rocksdb\"; expected " PACKAGE
                   "HDFSBackedStateStoreProvider or " PACKAGE "RocksDBStateStoreProvider");
    expect_refused(STORE "providerClass",
                   "",
                   "option \"" STORE "providerClass\" is \"\"; expected " PACKAGE
                   "HDFSBackedStateStoreProvider or " PACKAGE "RocksDBStateStoreProvider");
}

Test(options_state, what_rocksdb_is_not_built_with_is_refused)
{
    expect_refused(ROCKSDB "compression",
                   "zstd",
                   "option \"" ROCKSDB "compression\" is \"zstd\"; expected lz4 or none");
    expect_refused(ROCKSDB "formatVersion",
                   "6",
                   "option \"" ROCKSDB
                   "formatVersion\" is \"6\": SST files of another format are not built: a "
                   "checkpoint keeps what it began with; only 5 is");
    expect_refused(ROCKSDB "blockSizeKB",
                   "0",
                   "option \"" ROCKSDB "blockSizeKB\" is \"0\"; expected 1 to 1048576");
    expect_refused(ROCKSDB "blockSizeKB",
                   "4KiB",
                   "option \"" ROCKSDB "blockSizeKB\" is \"4KiB\"; expected a whole number");
    expect_refused(ROCKSDB "maxMemoryUsageMB",
                   "-1",
                   "option \"" ROCKSDB "maxMemoryUsageMB\" is \"-1\"; expected 1 to 1048576");
    expect_refused(ROCKSDB "changelogCheckpointing.enable",
                   "true",
                   "unknown option \"" ROCKSDB "changelogCheckpointing.enable\"; did you mean "
                   "\"" ROCKSDB "changelogCheckpointing.enabled\"?");
}

Test(options_state, a_ratio_is_kept_as_millionths)
{
    static const struct {
        const char *text;
        int64_t millionths;
    } table[] = {{"0", 0},
                 {"0.0", 0},
                 {"1", 1000000},
                 {"1.000", 1000000},
                 {"0.25", 250000},
                 {"0.123456", 123456},
                 {"0.1234569", 123456}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set("spark.sql.streaming.ratioExtraSpaceAllowedInCheckpoint", table[i].text);
        cr_assert(eq(i64, options.rocksdb_extra_space_millionths, table[i].millionths), "%zu", i);
    }
    expect_refused("spark.sql.streaming.ratioExtraSpaceAllowedInCheckpoint",
                   "1.5",
                   "option \"spark.sql.streaming.ratioExtraSpaceAllowedInCheckpoint\" is \"1.5\"; "
                   "expected a number from 0.0 to 1.0");
}

Test(options_state, what_has_no_effect_is_checked_all_the_same)
{
    static const char *const ratios[] = {"0", "1", "0.0", "1.0", "0.25", "1.000"};
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        set(ROCKSDB "writeBufferCacheRatio", ratios[i]);
        set(ROCKSDB "highPriorityPoolRatio", ratios[i]);
    }
    static const char *const wrong[] = {
        "", ".", "0.", ".5", "1.1", "1.0.0", "2", "-0.1", "0.5x", "10", "0,5", "00.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect_refused(ROCKSDB "highPriorityPoolRatio",
                       wrong[i],
                       arena_printf(&arena,
                                    "option \"" ROCKSDB "highPriorityPoolRatio\" is \"%s\"; "
                                    "expected a number from 0.0 to 1.0",
                                    wrong[i]));
    }
    set(ROCKSDB "lockAcquireTimeoutMs", "60000");
    set(ROCKSDB "resetStatsOnLoad", "false");
    set(ROCKSDB "allowFAllocate", "false");
    set(ROCKSDB "maxWriteBufferNumber", "4");
    expect_refused(ROCKSDB "allowFAllocate",
                   "yes",
                   "option \"" ROCKSDB "allowFAllocate\" is \"yes\"; expected true or false");
}

Test(options_state, either_provider_may_be_chosen)
{
    set("checkpointLocation", "/shared/c");
    cr_assert(eq(int, options_check(&options, &diag), OK));
    set(STORE "providerClass", PACKAGE "RocksDBStateStoreProvider");
    cr_assert(eq(int, options_check(&options, &diag), OK));
    cr_assert(eq(int, options.state_provider, STATE_PROVIDER_ROCKSDB));
}
