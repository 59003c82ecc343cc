#include "engine/sink/delta_log.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/base/units.h"
#include "engine/sink/delta_actions.h"

enum { VERSION_DIGITS = 20 };

bool delta_log_version(const char *name, int64_t *version)
{
    uint64_t value = 0;
    for (int i = 0; i < VERSION_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(name[i] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) {
            return false; /* no table lives that long */
        }
        value = value * 10 + digit;
    }
    *version = (int64_t)value;
    return strcmp(name + VERSION_DIGITS, ".json") == 0;
}

struct reading {
    struct bytes content;
    const char *app_id;
    struct arena *arena;
    struct delta_log_facts *facts;
    char *problem;
    int line;
    enum status status;

    /* What commits of this engine say of themselves: one that was cut between two lines is seen,
     * and a number that went wrong in one place. */
    bool ours;
    uint64_t added_stated;
    uint64_t removed_stated;
    uint64_t bytes_stated;
    uint64_t batch_stated;
    const char *query_stated;
    size_t txn_count;
    bool txn_as_stated;
    bool foreign_user_metadata; /* there is one, not as we write it */
    size_t added_capacity;
    size_t removed_capacity;
};

static enum status corrupt(struct reading *reading, const char *what)
{
    (void)snprintf(reading->problem, DELTA_LOG_PROBLEM_SIZE, "line %d: %s", reading->line, what);
    return ERR_CORRUPT;
}

static const char *copy_text(struct reading *reading, const json_t *text)
{
    return arena_copy(reading->arena, json_string_value(text), json_string_length(text));
}

/* ---- the actions -------------------------------------------------------------------------- */

/* A number that stands in the log as a JSON string. */
static bool read_count(const json_t *object, const char *key, uint64_t *count)
{
    const char *text = json_string_value(json_object_get(object, key));
    *count = 0;
    size_t digits = 0;
    if (text == NULL) {
        return false;
    }
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 18; digits++) {
        *count = *count * 10 + (uint64_t)(text[digits] - '0');
    }
    return digits > 0 && text[digits] == '\0';
}

static bool is_hash(const json_t *text, uint64_t hash)
{
    char expected[17];
    (void)snprintf(expected, sizeof expected, "%016" PRIx64, hash);
    return json_is_string(text) && strcmp(json_string_value(text), expected) == 0;
}

/* Is that object what delta_actions_write writes? Then take what it says. */
static bool take_user_metadata(struct reading *reading, const json_t *object)
{
    const json_t *watermark = json_object_get(object, DELTA_WATERMARK_KEY);
    const json_t *records = json_object_get(object, DELTA_LAST_RECORDS_KEY);
    int64_t watermark_ms = watermark == NULL ? DELTA_NO_WATERMARK : json_integer_value(watermark);
    size_t members = (watermark == NULL ? 0U : 1U) + (records == NULL ? 0U : 2U);
    if (members == 0 || json_object_size(object) != members) {
        return false;
    }
    if (watermark != NULL &&
        (!json_is_integer(watermark) || watermark_ms < 0 || watermark_ms > INT64_MAX / US_PER_MS)) {
        return false;
    }
    if (records != NULL &&
        (!json_is_string(records) ||
         !is_hash(json_object_get(object, DELTA_CHECK_KEY),
                  delta_user_metadata_hash(watermark_ms, json_string_value(records))))) {
        return false;
    }
    reading->facts->has_watermark = watermark != NULL;
    reading->facts->next_watermark_ms = watermark_ms;
    reading->facts->last_records = records == NULL ? NULL : copy_text(reading, records);
    return true;
}

/* userMetadata is free text. Ours is an object as delta_actions.h says; any other is somebody
 * else's. */
static void read_user_metadata(struct reading *reading, const json_t *text)
{
    json_t *object =
        json_loadb(json_string_value(text), json_string_length(text), JSON_REJECT_DUPLICATES, NULL);
    reading->foreign_user_metadata = !take_user_metadata(reading, object);
    json_decref(object);
}

static enum status read_own_statements(struct reading *reading, const json_t *info)
{
    const json_t *metrics = json_object_get(info, "operationMetrics");
    const json_t *parameters = json_object_get(info, "operationParameters");
    const json_t *query = json_object_get(parameters, "queryId");
    if (!read_count(metrics, "numAddedFiles", &reading->added_stated) ||
        !read_count(metrics, "numRemovedFiles", &reading->removed_stated) ||
        !read_count(metrics, "numOutputBytes", &reading->bytes_stated) ||
        !read_count(parameters, "epochId", &reading->batch_stated) || !json_is_string(query)) {
        return corrupt(reading, "commitInfo lacks metrics or parameters that it always has");
    }
    reading->query_stated = copy_text(reading, query);
    reading->ours = true;
    return OK;
}

static enum status read_commit_info(struct reading *reading, const json_t *info)
{
    const json_t *txn_id = json_object_get(info, "txnId");
    if (json_is_string(txn_id)) {
        reading->facts->txn_id = copy_text(reading, txn_id);
    }
    const json_t *user_metadata = json_object_get(info, "userMetadata");
    if (json_is_string(user_metadata)) {
        read_user_metadata(reading, user_metadata);
    }
    const char *engine = json_string_value(json_object_get(info, "engineInfo"));
    static const char prefix[] = DELTA_ENGINE_NAME "/";
    if (engine == NULL || strncmp(engine, prefix, sizeof prefix - 1) != 0) {
        return OK;
    }
    return read_own_statements(reading, info);
}

/* NULL when every name in `features` is one that an appending writer may ignore or honours. */
static const char *unknown_feature(const json_t *features, bool writer)
{
    for (size_t i = 0; i < json_array_size(features); i++) {
        const char *name = json_string_value(json_array_get(features, i));
        bool known = writer && name != NULL &&
                     (strcmp(name, "appendOnly") == 0 || strcmp(name, "invariants") == 0);
        if (!known) {
            return name == NULL ? "?" : name;
        }
    }
    return NULL;
}

/* Protocol (1,1) and (1,2), or (3,7) with no more than (1,2)'s features. */
static enum status read_protocol(struct reading *reading, const json_t *protocol)
{
    const json_t *reader = json_object_get(protocol, "minReaderVersion");
    const json_t *writer = json_object_get(protocol, "minWriterVersion");
    if (!json_is_integer(reader) || !json_is_integer(writer)) {
        return corrupt(reading, "protocol without minReaderVersion or minWriterVersion");
    }
    if (reading->facts->has_protocol) {
        return corrupt(reading, "a second protocol in one commit");
    }
    reading->facts->has_protocol = true;
    json_int_t reads = json_integer_value(reader);
    json_int_t writes = json_integer_value(writer);
    const char *feature = unknown_feature(json_object_get(protocol, "readerFeatures"), false);
    if (feature == NULL) {
        feature = unknown_feature(json_object_get(protocol, "writerFeatures"), true);
    }
    bool reader_known = reads == 1 || reads == 3;
    bool writer_known = writes == 1 || writes == 2 || writes == 7;
    if (feature != NULL) {
        reading->facts->unsupported =
            arena_printf(reading->arena, "the table feature '%.64s' is not supported", feature);
    } else if (!reader_known || !writer_known) {
        reading->facts->unsupported =
            arena_printf(reading->arena,
                         "protocol versions (%lld, %lld) are not supported, only (1, 2) and (3, 7)",
                         (long long)reads,
                         (long long)writes);
    }
    return OK;
}

/* The members of a struct column, or NULL. */
static const json_t *struct_members(const json_t *item)
{
    const json_t *type = json_object_get(item, "type");
    const char *nested = json_string_value(json_object_get(type, "type"));
    const json_t *members = json_object_get(type, "fields");
    return nested != NULL && strcmp(nested, "struct") == 0 && json_is_array(members) ? members
                                                                                     : NULL;
}

static enum status read_field(struct reading *reading, const json_t *item, const char *parent)
{
    const json_t *name = json_object_get(item, "name");
    const json_t *type = json_object_get(item, "type");
    const json_t *nested = json_object_get(type, "type");
    if (!json_is_string(name) || !(json_is_string(type) || json_is_string(nested))) {
        return corrupt(reading, "schemaString has a field without name or type");
    }
    const json_t *metadata = json_object_get(item, "metadata");
    const char *text = copy_text(reading, name);
    reading->facts->fields[reading->facts->field_count++] = (struct delta_log_field){
        .name = parent == NULL ? text : arena_printf(reading->arena, "%s.%s", parent, text),
        .parent = parent,
        .type = copy_text(reading, json_is_string(type) ? type : nested),
        .nullable = !json_is_false(json_object_get(item, "nullable")),
        .constrained = json_object_get(metadata, "delta.invariants") != NULL,
    };
    return OK;
}

static enum status read_column(struct reading *reading, const json_t *item)
{
    const json_t *members = struct_members(item);
    TRY(read_field(reading, item, NULL));
    const char *parent = reading->facts->fields[reading->facts->field_count - 1].name;
    for (size_t i = 0; i < json_array_size(members); i++) {
        TRY(read_field(reading, json_array_get(members, i), parent));
    }
    return OK;
}

static enum status read_schema(struct reading *reading, const json_t *text)
{
    json_t *schema =
        json_loadb(json_string_value(text), json_string_length(text), JSON_REJECT_DUPLICATES, NULL);
    const json_t *fields = json_object_get(schema, "fields");
    enum status status = OK;
    if (!json_is_array(fields)) {
        status = corrupt(reading, "schemaString is not the JSON of a struct");
    }
    size_t count = json_array_size(fields);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        count += json_array_size(struct_members(json_array_get(fields, i)));
    }
    reading->facts->fields = arena_alloc(reading->arena, count * sizeof *reading->facts->fields);
    for (size_t i = 0; status == OK && i < json_array_size(fields); i++) {
        status = read_column(reading, json_array_get(fields, i));
    }
    require(status != OK || reading->facts->field_count == count);
    json_decref(schema);
    return status;
}

static enum status read_metadata(struct reading *reading, const json_t *metadata)
{
    const json_t *id = json_object_get(metadata, "id");
    const json_t *schema = json_object_get(metadata, "schemaString");
    const json_t *partitions = json_object_get(metadata, "partitionColumns");
    if (!json_is_string(id) || !json_is_string(schema) || !json_is_array(partitions)) {
        return corrupt(reading, "metaData without id, schemaString or partitionColumns");
    }
    if (reading->facts->has_metadata) {
        return corrupt(reading, "a second metaData in one commit");
    }
    reading->facts->has_metadata = true;
    reading->facts->table_id = copy_text(reading, id);
    reading->facts->partitioned = json_array_size(partitions) > 0;
    const json_t *configuration = json_object_get(metadata, "configuration");
    const char *append_only = json_string_value(json_object_get(configuration, "delta.appendOnly"));
    reading->facts->append_only = append_only != NULL && schema_names_equal(append_only, "true");
    return read_schema(reading, schema);
}

static enum status read_txn(struct reading *reading, const json_t *txn)
{
    const char *app_id = json_string_value(json_object_get(txn, "appId"));
    const json_t *version = json_object_get(txn, "version");
    if (app_id == NULL || !json_is_integer(version)) {
        return corrupt(reading, "txn without appId or version");
    }
    reading->txn_count++;
    reading->txn_as_stated = reading->ours && strcmp(app_id, reading->query_stated) == 0 &&
                             json_integer_value(version) == (json_int_t)reading->batch_stated;
    if (strcmp(app_id, reading->app_id) != 0) {
        return OK;
    }
    if (reading->facts->has_txn) {
        return corrupt(reading, "a second txn of one appId in one commit");
    }
    reading->facts->has_txn = true;
    reading->facts->txn_version = json_integer_value(version);
    return OK;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits) % 16;
}

static const char *decode_uri(struct arena *arena, const char *uri)
{
    char *path = arena_strdup(arena, uri);
    char *to = path;
    for (const char *from = uri; *from != '\0'; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return path;
}

static void append_file(struct reading *reading,
                        const json_t *action,
                        struct delta_log_file **files,
                        size_t *count,
                        size_t *capacity)
{
    if (*count == *capacity) {
        size_t larger = *capacity == 0 ? 8 : *capacity * 2;
        struct delta_log_file *grown = arena_alloc(reading->arena, larger * sizeof *grown);
        for (size_t i = 0; i < *count; i++) {
            grown[i] = (*files)[i];
        }
        *files = grown;
        *capacity = larger;
    }
    const char *uri = copy_text(reading, json_object_get(action, "path"));
    (*files)[(*count)++] = (struct delta_log_file){
        .path = decode_uri(reading->arena, uri),
        .uri = uri,
        .size = (uint64_t)json_integer_value(json_object_get(action, "size")),
    };
}

static enum status read_add(struct reading *reading, const json_t *add)
{
    struct delta_log_facts *facts = reading->facts;
    const json_t *size = json_object_get(add, "size");
    if (!json_is_string(json_object_get(add, "path")) || !json_is_integer(size) ||
        json_integer_value(size) < 0) {
        return corrupt(reading, "add without path or size");
    }
    append_file(reading, add, &facts->added, &facts->added_count, &reading->added_capacity);
    return OK;
}

static enum status read_remove(struct reading *reading, const json_t *removed)
{
    struct delta_log_facts *facts = reading->facts;
    if (!json_is_string(json_object_get(removed, "path"))) {
        return corrupt(reading, "remove without path");
    }
    append_file(
        reading, removed, &facts->removed, &facts->removed_count, &reading->removed_capacity);
    return OK;
}

/* ---- the lines ---------------------------------------------------------------------------- */

static enum status read_action(struct reading *reading, json_t *action)
{
    static const struct {
        const char *name;
        enum status (*read)(struct reading *reading, const json_t *value);
    } readers[] = {
        {"commitInfo", read_commit_info},
        {"protocol", read_protocol},
        {"metaData", read_metadata},
        {"txn", read_txn},
        {"add", read_add},
        {"remove", read_remove},
    };
    if (!json_is_object(action) || json_object_size(action) != 1) {
        return corrupt(reading, "not an object with exactly one action");
    }
    void *only = json_object_iter(action);
    const char *name = json_object_iter_key(only);
    const json_t *value = json_object_iter_value(only);
    if (!json_is_object(value)) {
        return corrupt(reading, "an action that is not an object");
    }
    reading->facts->action_count++;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (strcmp(name, readers[i].name) == 0) {
            return readers[i].read(reading, value);
        }
    }
    return OK;
}

static enum status read_line(struct reading *reading, struct bytes line)
{
    json_t *action = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
    if (action == NULL) {
        return corrupt(reading, "not a whole JSON object (torn?)");
    }
    enum status status = read_action(reading, action);
    json_decref(action);
    return status;
}

static enum status check_statements(struct reading *reading)
{
    const struct delta_log_facts *facts = reading->facts;
    uint64_t bytes = 0;
    for (size_t i = 0; i < facts->added_count; i++) {
        bytes += facts->added[i].size;
    }
    if (reading->txn_count != 1 || reading->added_stated != facts->added_count ||
        reading->removed_stated != facts->removed_count) {
        return corrupt(reading, "the end of the file: it has fewer actions than commitInfo states");
    }
    if (reading->foreign_user_metadata) {
        return corrupt(reading, "the end of the file: commitInfo.userMetadata is not what it was");
    }
    if (!reading->txn_as_stated) {
        return corrupt(reading, "the end of the file: its txn is another than commitInfo states");
    }
    if (bytes != reading->bytes_stated) {
        return corrupt(reading, "the end of the file: its adds' sizes do not sum up as stated");
    }
    return OK;
}

/* The last line may lack its newline: other writers leave it out. */
static enum status read_lines(struct reading *reading)
{
    struct bytes content = reading->content;
    for (size_t at = 0; at < content.size;) {
        reading->line++;
        const uint8_t *newline = memchr(content.data + at, '\n', content.size - at);
        size_t end = newline == NULL ? content.size : (size_t)(newline - content.data);
        TRY(read_line(reading, bytes_of(content.data + at, end - at)));
        at = end + 1;
    }
    if (reading->facts->action_count == 0) {
        return corrupt(reading, "the file is empty");
    }
    return reading->ours ? check_statements(reading) : OK;
}

static void read_on_thread_stack(void *argument)
{
    struct reading *reading = argument;
    reading->status = read_lines(reading);
}

enum status delta_log_read(struct bytes content,
                           const char *app_id,
                           struct arena *arena,
                           struct delta_log_facts *facts,
                           char problem[DELTA_LOG_PROBLEM_SIZE])
{
    *facts = (struct delta_log_facts){0};
    problem[0] = '\0';
    struct reading reading = {
        .content = content,
        .app_id = app_id,
        .arena = arena,
        .facts = facts,
        .problem = problem,
    };
    fiber_on_thread_stack(read_on_thread_stack, &reading);
    require(reading.status == OK || problem[0] != '\0');
    return reading.status;
}
