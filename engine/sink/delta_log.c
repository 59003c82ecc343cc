#include "engine/sink/delta_log.h"

#include <stdio.h>

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
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

    /* What commits of this engine say of themselves, so that one cut between two lines is seen. */
    bool ours;
    uint64_t files_stated;
    size_t txn_count;
    size_t added_capacity;
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

static bool parse_count(const char *text, uint64_t *count)
{
    *count = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 18; digits++) {
        *count = *count * 10 + (uint64_t)(text[digits] - '0');
    }
    return digits > 0 && text[digits] == '\0';
}

static enum status read_commit_info(struct reading *reading, const json_t *info)
{
    const json_t *txn_id = json_object_get(info, "txnId");
    if (json_is_string(txn_id)) {
        reading->facts->txn_id = copy_text(reading, txn_id);
    }
    const char *engine = json_string_value(json_object_get(info, "engineInfo"));
    static const char prefix[] = DELTA_ENGINE_NAME "/";
    if (engine == NULL || strncmp(engine, prefix, sizeof prefix - 1) != 0) {
        return OK;
    }
    const json_t *metrics = json_object_get(info, "operationMetrics");
    const char *files = json_string_value(json_object_get(metrics, "numAddedFiles"));
    if (files == NULL || !parse_count(files, &reading->files_stated)) {
        return corrupt(reading, "commitInfo states no numAddedFiles");
    }
    reading->ours = true;
    return OK;
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

static enum status read_field(struct reading *reading, const json_t *item)
{
    const json_t *name = json_object_get(item, "name");
    const json_t *type = json_object_get(item, "type");
    const json_t *nested = json_object_get(type, "type");
    if (!json_is_string(name) || !(json_is_string(type) || json_is_string(nested))) {
        return corrupt(reading, "schemaString has a field without name or type");
    }
    const json_t *metadata = json_object_get(item, "metadata");
    reading->facts->fields[reading->facts->field_count++] = (struct delta_log_field){
        .name = copy_text(reading, name),
        .type = copy_text(reading, json_is_string(type) ? type : nested),
        .nullable = !json_is_false(json_object_get(item, "nullable")),
        .constrained = json_object_get(metadata, "delta.invariants") != NULL,
    };
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
    } else {
        reading->facts->fields =
            arena_alloc(reading->arena, json_array_size(fields) * sizeof *reading->facts->fields);
    }
    for (size_t i = 0; status == OK && i < json_array_size(fields); i++) {
        status = read_field(reading, json_array_get(fields, i));
    }
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

static enum status read_add(struct reading *reading, const json_t *add)
{
    struct delta_log_facts *facts = reading->facts;
    const char *path = json_string_value(json_object_get(add, "path"));
    if (path == NULL || !json_is_integer(json_object_get(add, "size"))) {
        return corrupt(reading, "add without path or size");
    }
    if (facts->added_count == reading->added_capacity) {
        size_t capacity = reading->added_capacity == 0 ? 8 : reading->added_capacity * 2;
        const char **added = arena_alloc(reading->arena, capacity * sizeof *added);
        for (size_t i = 0; i < facts->added_count; i++) {
            added[i] = facts->added[i];
        }
        facts->added = added;
        reading->added_capacity = capacity;
    }
    facts->added[facts->added_count++] = decode_uri(reading->arena, path);
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
    if (reading->ours &&
        (reading->txn_count != 1 || reading->files_stated != reading->facts->added_count)) {
        return corrupt(reading, "the end of the file: it has fewer actions than commitInfo states");
    }
    return OK;
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
