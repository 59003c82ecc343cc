#include "sim/check/checkpoint_reader.h"

#include "sim/check/json_pull.h"

static bool number_of(const char *text, int64_t *number)
{
    struct json_pull json;
    pull_open(&json, bytes_of_text(text));
    pull_next(&json);
    return pull_int64(&json, number) && *number >= 0 && pull_next(&json) == PULL_END;
}

enum checkpoint_kind checkpoint_path(const char *location, const char *path, int64_t *batch)
{
    size_t size = strlen(location);
    if (strncmp(path, location, size) != 0 || path[size] != '/') {
        return CHECKPOINT_OTHER;
    }
    const char *name = path + size + 1;
    if (strcmp(name, "metadata") == 0) {
        return CHECKPOINT_METADATA;
    }
    if (strcmp(name, "sources/0/0") == 0) {
        return CHECKPOINT_SOURCES;
    }
    if (strncmp(name, "offsets/", 8) == 0 && number_of(name + 8, batch)) {
        return CHECKPOINT_OFFSETS;
    }
    if (strncmp(name, "commits/", 8) == 0 && number_of(name + 8, batch)) {
        return CHECKPOINT_COMMITS;
    }
    return CHECKPOINT_OTHER;
}

/* One JSON object and nothing behind it: walk its members with `member`. */
static bool walk(struct json_pull *json,
                 struct bytes text,
                 bool (*member)(struct json_pull *json, void *context),
                 void *context)
{
    pull_open(json, text);
    if (pull_next(json) != PULL_OBJECT) {
        return false;
    }
    while (pull_member(json)) {
        if (!member(json, context)) {
            return false;
        }
    }
    return json->token == PULL_OBJECT_END && pull_next(json) == PULL_END;
}

struct id_reading {
    struct arena *arena;
    struct bytes id;
};

static bool id_member(struct json_pull *json, void *context)
{
    struct id_reading *reading = context;
    if (!pull_name_is(json, "id")) {
        return pull_skip(json);
    }
    bool text = pull_next(json) == PULL_STRING;
    reading->id = text ? pull_string(json, reading->arena) : reading->id;
    return text;
}

const char *checkpoint_metadata(struct bytes file, struct arena *arena, struct bytes *id)
{
    struct json_pull json;
    struct id_reading reading = {.arena = arena};
    if (!walk(&json, file, id_member, &reading) || reading.id.size == 0) {
        return "it is no JSON object with an id";
    }
    *id = reading.id;
    return NULL;
}

struct positions_reading {
    struct arena *arena;
    const char *topic;
    size_t count;
    int64_t *positions; /* -1: not seen */
    size_t topics;
};

static bool partition_member(struct json_pull *json, struct positions_reading *reading)
{
    struct bytes name = pull_string(json, reading->arena);
    int64_t partition;
    char text[24];
    if (name.size >= sizeof text) {
        return false;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    int64_t position;
    pull_next(json);
    if (!number_of(text, &partition) || partition >= (int64_t)reading->count ||
        reading->positions[partition] != -1 || !pull_int64(json, &position) || position < 0) {
        return false;
    }
    reading->positions[partition] = position;
    return true;
}

static bool topic_member(struct json_pull *json, void *context)
{
    struct positions_reading *reading = context;
    reading->topics++;
    if (!bytes_equal_text(pull_string(json, reading->arena), reading->topic) ||
        pull_next(json) != PULL_OBJECT) {
        return false;
    }
    while (pull_member(json)) {
        if (!partition_member(json, reading)) {
            return false;
        }
    }
    return json->token == PULL_OBJECT_END;
}

const char *checkpoint_positions(
    struct bytes json, const char *topic, size_t count, struct arena *arena, int64_t *positions)
{
    for (size_t i = 0; i < count; i++) {
        positions[i] = -1;
    }
    struct json_pull pull;
    struct positions_reading reading = {
        .arena = arena, .topic = topic, .count = count, .positions = positions};
    if (!walk(&pull, json, topic_member, &reading) || reading.topics != 1) {
        return "its offsets are no JSON of this topic's partitions";
    }
    return NULL;
}

const char *checkpoint_initial(
    struct bytes file, const char *topic, size_t count, struct arena *arena, int64_t *positions)
{
    if (file.size < 4 || memcmp(file.data, "\0v1\n", 4) != 0) {
        return "it does not begin with a zero byte and v1";
    }
    return checkpoint_positions(
        bytes_of(file.data + 4, file.size - 4), topic, count, arena, positions);
}

/* The next line, without its newline; the last may lack one. */
static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct bytes line = bytes_of(rest->data, size);
    size_t used = end == NULL ? size : size + 1;
    *rest = bytes_of(used == 0 ? rest->data : rest->data + used, rest->size - used);
    return line;
}

struct numbers_reading {
    const char *const *names; /* each must be there once, as an integer */
    unsigned seen;
    int64_t values[2];
    int64_t partitions;
    bool rocksdb;
};

static bool ends_with(struct bytes text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* "conf": an object of texts. */
static bool conf_member(struct json_pull *json, struct numbers_reading *reading)
{
    static const char rocksdb[] = ".RocksDBStateStoreProvider";
    if (pull_next(json) != PULL_OBJECT) {
        return false;
    }
    while (pull_member(json)) {
        bool partitions = pull_name_is(json, "spark.sql.shuffle.partitions");
        bool provider = pull_name_is(json, "spark.sql.streaming.stateStore.providerClass");
        bool text = pull_next(json) == PULL_STRING;
        char digits[24];
        if (!text || (partitions && json->raw.size >= sizeof digits)) {
            return false;
        }
        reading->rocksdb = reading->rocksdb || (provider && ends_with(json->raw, rocksdb));
        if (partitions) {
            memcpy(digits, json->raw.data, json->raw.size);
            digits[json->raw.size] = 0;
            if (!number_of(digits, &reading->partitions)) {
                return false;
            }
        }
    }
    return json->token == PULL_OBJECT_END;
}

static bool number_member(struct json_pull *json, void *context)
{
    struct numbers_reading *reading = context;
    if (pull_name_is(json, "conf")) {
        return conf_member(json, reading);
    }
    for (unsigned i = 0; reading->names[i] != NULL; i++) {
        if (pull_name_is(json, reading->names[i])) {
            bool again = (reading->seen >> i & 1) != 0;
            reading->seen |= 1u << i;
            pull_next(json);
            return !again && pull_int64(json, &reading->values[i]);
        }
    }
    return pull_skip(json);
}

const char *checkpoint_offsets(struct bytes file,
                               const char *topic,
                               size_t count,
                               struct arena *arena,
                               int64_t *positions,
                               struct checkpoint_intent *intent)
{
    static const char *const names[] = {"batchWatermarkMs", "batchTimestampMs", NULL};
    struct bytes rest = file;
    if (!bytes_equal_text(next_line(&rest), "v1")) {
        return "its first line is not v1";
    }
    struct json_pull json;
    struct numbers_reading reading = {.names = names, .partitions = -1};
    if (!walk(&json, next_line(&rest), number_member, &reading) || reading.seen != 3) {
        return "its second line is no JSON with batchWatermarkMs and batchTimestampMs";
    }
    *intent = (struct checkpoint_intent){.watermark_ms = reading.values[0],
                                         .partitions = reading.partitions,
                                         .rocksdb = reading.rocksdb};
    const char *error = checkpoint_positions(next_line(&rest), topic, count, arena, positions);
    return error == NULL && rest.size > 0 ? "it has more lines than one source" : error;
}

const char *checkpoint_commit(struct bytes file, int64_t *next_watermark_ms)
{
    static const char *const names[] = {"nextBatchWatermarkMs", NULL};
    struct bytes rest = file;
    struct json_pull json;
    struct numbers_reading reading = {.names = names};
    if (!bytes_equal_text(next_line(&rest), "v1") ||
        !walk(&json, next_line(&rest), number_member, &reading) || reading.seen != 1 ||
        rest.size > 0) {
        return "it is not v1 and JSON with nextBatchWatermarkMs";
    }
    *next_watermark_ms = reading.values[0];
    return NULL;
}
