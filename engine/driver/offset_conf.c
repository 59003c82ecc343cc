#include "engine/driver/offset_conf.h"

#include <inttypes.h>

#include "engine/base/document.h"

#define SQL       "spark.sql."
#define STREAMING "spark.sql.streaming."
#define PROVIDER  STREAMING "stateStore.providerClass"

enum { PARTITIONS_MAX = 1 << 20 };

const char *offset_conf_new(struct arena *arena, const struct options *options)
{
    return arena_printf(arena,
                        "{\"" PROVIDER "\":\"%s\","
                        "\"" STREAMING "stateStore.rocksdb.formatVersion\":\"5\","
                        "\"" STREAMING "stateStore.encodingFormat\":\"unsaferow\","
                        "\"" STREAMING "statefulOperator.useStrictDistribution\":\"true\","
                        "\"" STREAMING "flatMapGroupsWithState.stateFormatVersion\":\"2\","
                        "\"" STREAMING "multipleWatermarkPolicy\":\"min\","
                        "\"" STREAMING "aggregation.stateFormatVersion\":\"2\","
                        "\"" SQL "shuffle.partitions\":\"%" PRId64 "\","
                        "\"" STREAMING "join.stateFormatVersion\":\"2\","
                        "\"" STREAMING "stateStore.compression.codec\":\"lz4\","
                        "\"" SQL "optimizer.pruneFiltersCanPruneStreamingSubplan\":\"false\"}",
                        options_provider_class(options->state_provider),
                        options->shuffle_partitions);
}

/* What decides how state is written, the one value that is built, and what a file that does not say
 * means (Spark: the behaviour from before the key existed). */
static const struct format_key {
    const char *name;
    const char *built;
    const char *absent;
} format_keys[] =
    {
        {STREAMING "aggregation.stateFormatVersion", "2", "1"},
        {STREAMING "stateStore.compression.codec", "lz4", "lz4"},
        {STREAMING "stateStore.encodingFormat", "unsaferow", "unsaferow"},
        {STREAMING "stateStore.rowChecksum.enabled", "false", "false"},
},
  sst_format = {STREAMING "stateStore.rocksdb.formatVersion", "5", "5"};

static enum status
read_partitions(const struct document *document, int64_t *partitions, struct diag *diag)
{
    const char *name = SQL "shuffle.partitions";
    const json_t *value = json_object_get(document->root, name);
    if (value == NULL) {
        return OK;
    }
    const char *text = json_string_value(value);
    int64_t number = 0;
    for (const char *digit = text; digit != NULL && *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || number > PARTITIONS_MAX) {
            number = 0;
            break;
        }
        number = 10 * number + (*digit - '0');
    }
    if (number < 1 || number > PARTITIONS_MAX) {
        char path[DOCUMENT_PATH_SIZE] = "";
        document_path_member(path, name);
        return document_fail(document,
                             diag,
                             "MALFORMED_LOG",
                             path,
                             false,
                             "\"%s\" is no number of partitions from 1 to %d: the state is spread "
                             "over as many partitions as the checkpoint began with. Restore the "
                             "file from a copy, or start with a new checkpointLocation",
                             text == NULL ? "" : text,
                             (int)PARTITIONS_MAX);
    }
    *partitions = number;
    return OK;
}

static enum status fail_format(const struct document *document,
                               const struct format_key *key,
                               const char *text,
                               struct diag *diag)
{
    char path[DOCUMENT_PATH_SIZE] = "";
    bool there = json_object_get(document->root, key->name) != NULL;
    document_path_member(path, key->name);
    return document_fail(document,
                         diag,
                         "UNSUPPORTED_STATE_FORMAT",
                         path,
                         false,
                         "the checkpoint's state was written with %s = %s%s; only %s is built. Run "
                         "this query where it was run, or start with a new checkpointLocation",
                         key->name,
                         text == NULL ? "(no text)" : text,
                         there ? "" : " (what a conf without the key means)",
                         key->built);
}

static enum status
check_format(const struct document *document, const struct format_key *key, struct diag *diag)
{
    const json_t *value = json_object_get(document->root, key->name);
    const char *text = value == NULL ? key->absent : json_string_value(value);
    return text != NULL && strcmp(text, key->built) == 0 ? OK
                                                         : fail_format(document, key, text, diag);
}

static enum status check_formats(const struct document *document, struct diag *diag)
{
    for (size_t i = 0; i < sizeof format_keys / sizeof *format_keys; i++) {
        TRY(check_format(document, &format_keys[i], diag));
    }
    return OK;
}

static enum status read_provider(struct arena *arena,
                                 const struct document *document,
                                 enum state_provider_kind *provider,
                                 struct diag *diag)
{
    const char *hdfs = options_provider_class(STATE_PROVIDER_HDFS);
    const char *rocksdb = options_provider_class(STATE_PROVIDER_ROCKSDB);
    const json_t *value = json_object_get(document->root, PROVIDER);
    const char *text = value == NULL ? hdfs : json_string_value(value);
    if (text != NULL && strcmp(text, hdfs) == 0) {
        *provider = STATE_PROVIDER_HDFS;
        return OK;
    }
    if (text != NULL && strcmp(text, rocksdb) == 0) {
        *provider = STATE_PROVIDER_ROCKSDB;
        return check_format(document, &sst_format, diag);
    }
    const struct format_key key = {.name = PROVIDER,
                                   .built = arena_printf(arena, "%s or %s", hdfs, rocksdb)};
    return fail_format(document, &key, text, diag);
}

static enum status read_conf(struct arena *arena,
                             const struct document *document,
                             struct offset_conf *recorded,
                             struct diag *diag)
{
    if (!json_is_object(document->root)) {
        return diag_fail(diag, "MALFORMED_LOG", "the conf of %s is no object", document->file);
    }
    struct offset_conf found = *recorded;
    TRY(read_provider(arena, document, &found.provider, diag));
    TRY(check_formats(document, diag));
    TRY(read_partitions(document, &found.partitions, diag));
    *recorded = found;
    return OK;
}

enum status offset_conf_read(struct arena *arena,
                             const char *path,
                             const char *conf,
                             struct offset_conf *recorded,
                             struct diag *diag)
{
    struct document document = {0};
    TRY(document_parse(arena, path, bytes_of_text(conf), "MALFORMED_LOG", &document, diag));
    enum status status = read_conf(arena, &document, recorded, diag);
    document_free(&document);
    return status;
}
