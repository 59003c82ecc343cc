/* One commit of a Delta log: newline-delimited JSON, an action a line (delta-parquet-storage 1.1,
 * 1.2). */
#include "sim/check/json_pull.h"
#include "sim/check/table_reader.h"

struct reading {
    struct arena *arena;
    struct table_commit *commit;
    struct json_pull json;
    const char *error;
};

static const char torn[] = "a line is no whole JSON object with one action";

static bool refuse(struct reading *reading, const char *error)
{
    if (reading->error == NULL) {
        reading->error = reading->json.token == PULL_ERROR ? torn : error;
    }
    return false;
}

/* The next value must be a text, or an integer. */
static bool text_member(struct reading *reading, struct bytes *text)
{
    if (pull_next(&reading->json) != PULL_STRING) {
        return refuse(reading, "a member of an action is no text");
    }
    *text = pull_string(&reading->json, reading->arena);
    return true;
}

static bool integer_member(struct reading *reading, int64_t *value)
{
    pull_next(&reading->json);
    return pull_int64(&reading->json, value) ||
           refuse(reading, "a member of an action is no integer");
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 2396 escapes of a path. */
static bool path_member(struct reading *reading, struct bytes *path)
{
    struct bytes raw;
    if (!text_member(reading, &raw)) {
        return false;
    }
    uint8_t *out = arena_alloc(reading->arena, raw.size + 1);
    size_t size = 0;
    for (size_t at = 0; at < raw.size; at++) {
        int high = raw.size - at > 2 ? hex_digit(raw.data[at + 1]) : -1;
        int low = raw.size - at > 2 ? hex_digit(raw.data[at + 2]) : -1;
        bool escape = raw.data[at] == '%';
        if (escape && (high < 0 || low < 0)) {
            return refuse(reading, "a path has a broken escape");
        }
        out[size++] = escape ? (uint8_t)(high * 16 + low) : raw.data[at];
        at += escape ? 2 : 0;
    }
    *path = bytes_of(out, size);
    return size > 0 || refuse(reading, "an empty path");
}

static bool hash_of(struct bytes text, uint64_t *hash)
{
    *hash = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0) {
            return false;
        }
        *hash = *hash << 4 | (uint64_t)digit;
    }
    return text.size == 16;
}

static bool read_tags(struct reading *reading, struct table_add *add)
{
    struct json_pull *json = &reading->json;
    pull_next(json);
    while (json->token != PULL_ERROR && pull_member(json)) {
        struct bytes text;
        if (!pull_name_is(json, "aftershock.xxh64")) {
            pull_skip(json);
        } else if (!text_member(reading, &text) || !hash_of(text, &add->hash)) {
            return refuse(reading, "an add has a tag aftershock.xxh64 that is no hash");
        } else {
            add->has_hash = true;
        }
    }
    return true;
}

/* stats is JSON in a text. */
static bool read_stats(struct reading *reading, struct table_add *add)
{
    struct bytes text;
    if (!text_member(reading, &text)) {
        return false;
    }
    struct json_pull stats;
    pull_open(&stats, text);
    if (pull_next(&stats) != PULL_OBJECT) {
        return refuse(reading, "the stats of an add are no JSON object");
    }
    while (pull_member(&stats)) {
        if (pull_name_is(&stats, "numRecords")) {
            pull_next(&stats);
            if (!pull_int64(&stats, &add->rows) || add->rows < 0) {
                return refuse(reading, "stats.numRecords of an add is no number of rows");
            }
        }
        pull_skip(&stats);
    }
    return (stats.token == PULL_OBJECT_END && pull_next(&stats) == PULL_END) ||
           refuse(reading, "the stats of an add are no JSON object");
}

static void *grown(struct arena *arena, const void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) { /* full at powers of two only */
        return NULL;
    }
    uint8_t *more = arena_alloc(arena, (count == 0 ? 1 : count * 2) * size);
    if (count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

static bool read_add(struct reading *reading)
{
    struct table_commit *commit = reading->commit;
    struct table_add *more =
        grown(reading->arena, commit->adds, commit->add_count, sizeof *commit->adds);
    commit->adds = more == NULL ? commit->adds : more;
    struct table_add *add = &commit->adds[commit->add_count++];
    *add = (struct table_add){.size = -1, .rows = -1};
    struct json_pull *json = &reading->json;
    bool fine = true;
    while (fine && pull_member(json)) {
        if (pull_name_is(json, "path")) {
            fine = path_member(reading, &add->path);
        } else if (pull_name_is(json, "size")) {
            fine = integer_member(reading, &add->size);
        } else if (pull_name_is(json, "stats")) {
            fine = read_stats(reading, add);
        } else if (pull_name_is(json, "tags")) {
            fine = read_tags(reading, add);
        } else if (pull_name_is(json, "deletionVector")) {
            fine = refuse(reading, "an add has a deletion vector");
        } else {
            pull_skip(json);
        }
    }
    if (!fine || add->path.data == NULL || add->size < 0) {
        return fine && refuse(reading, "an add without path or size");
    }
    for (size_t i = 0; i + 1 < commit->add_count; i++) {
        if (bytes_equal(commit->adds[i].path, add->path)) {
            return refuse(reading, "one path is added twice");
        }
    }
    return true;
}

static bool read_remove(struct reading *reading)
{
    struct table_commit *commit = reading->commit;
    struct bytes *more =
        grown(reading->arena, commit->removes, commit->remove_count, sizeof *commit->removes);
    commit->removes = more == NULL ? commit->removes : more;
    struct bytes *path = &commit->removes[commit->remove_count++];
    *path = bytes_of(NULL, 0);
    bool fine = true;
    while (fine && pull_member(&reading->json)) {
        if (pull_name_is(&reading->json, "path")) {
            fine = path_member(reading, path);
        } else {
            pull_skip(&reading->json);
        }
    }
    return fine && (path->size > 0 || refuse(reading, "a remove without path"));
}

static bool read_txn(struct reading *reading)
{
    struct table_commit *commit = reading->commit;
    if (commit->has_txn) {
        return refuse(reading, "two txn actions in one commit");
    }
    commit->has_txn = true;
    commit->txn_version = -1;
    bool fine = true;
    while (fine && pull_member(&reading->json)) {
        if (pull_name_is(&reading->json, "appId")) {
            fine = text_member(reading, &commit->app_id);
        } else if (pull_name_is(&reading->json, "version")) {
            fine = integer_member(reading, &commit->txn_version);
        } else {
            pull_skip(&reading->json);
        }
    }
    return fine && ((commit->app_id.size > 0 && commit->txn_version >= 0) ||
                    refuse(reading, "a txn without appId or version"));
}

static bool read_protocol(struct reading *reading)
{
    int64_t reader = -1;
    bool fine = !reading->commit->has_protocol || refuse(reading, "two protocol actions");
    reading->commit->has_protocol = true;
    while (fine && pull_member(&reading->json)) {
        if (pull_name_is(&reading->json, "minReaderVersion")) {
            fine = integer_member(reading, &reader);
        } else {
            pull_skip(&reading->json);
        }
    }
    return fine && (reader == 1 || refuse(reading, "a protocol that is not for every reader (1)"));
}

static bool column_type(struct bytes name, enum type *type)
{
    static const char *const names[] = {
#define X(id, text) [id] = (text),
        TYPE_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (bytes_equal_text(name, names[i])) {
            *type = (enum type)i;
            return true;
        }
    }
    return false;
}

static struct table_column *new_column(struct reading *reading)
{
    struct table_commit *commit = reading->commit;
    struct table_column *more =
        grown(reading->arena, commit->columns, commit->column_count, sizeof *commit->columns);
    commit->columns = more == NULL ? commit->columns : more;
    struct table_column *column = &commit->columns[commit->column_count++];
    *column = (struct table_column){.type = TYPE_COUNT};
    return column;
}

static struct bytes member_name(struct arena *arena, struct bytes parent, struct bytes name)
{
    if (parent.size == 0) {
        return name;
    }
    const char *whole = arena_printf(arena,
                                     "%.*s.%.*s",
                                     (int)parent.size,
                                     (const char *)parent.data,
                                     (int)name.size,
                                     (const char *)name.data);
    return bytes_of_text(whole);
}

/* One plain object of `fields`; the reader stands on its '{'. */
static bool
read_member(struct reading *reading, struct json_pull *schema, struct bytes *name, enum type *type)
{
    *name = bytes_of(NULL, 0);
    *type = TYPE_COUNT;
    while (schema->token != PULL_ERROR && pull_member(schema)) {
        bool is_name = pull_name_is(schema, "name");
        bool is_type = pull_name_is(schema, "type");
        pull_next(schema);
        if (is_name && schema->token == PULL_STRING) {
            *name = pull_string(schema, reading->arena);
        } else if (is_type && (schema->token != PULL_STRING ||
                               !column_type(pull_string(schema, reading->arena), type))) {
            return refuse(reading, "schemaString has a column of another type than the six");
        }
        pull_skip(schema);
    }
    return (name->size > 0 && *type != TYPE_COUNT) ||
           refuse(reading, "schemaString has a column without name or type");
}

/* {"type":"struct","fields":[...]} of plain members, appended without their struct's name; the
 * reader stands on its '{'. */
static bool read_struct(struct reading *reading, struct json_pull *schema)
{
    bool is_struct = false;
    while (schema->token != PULL_ERROR && pull_member(schema)) {
        bool type = pull_name_is(schema, "type");
        bool fields = pull_name_is(schema, "fields");
        pull_next(schema);
        if (type && schema->token == PULL_STRING) {
            is_struct = bytes_equal_text(pull_string(schema, reading->arena), "struct");
        }
        while (fields && schema->token != PULL_ERROR && pull_next(schema) == PULL_OBJECT) {
            struct table_column *column = new_column(reading);
            if (!read_member(reading, schema, &column->name, &column->type)) {
                return false;
            }
        }
        pull_skip(schema);
    }
    return is_struct || refuse(reading, "schemaString has a column of another type than the six");
}

/* One object of schemaString.fields: a column, or a struct, whose members are columns; the reader
 * stands on its '{'. */
static bool read_column(struct reading *reading, struct json_pull *schema)
{
    struct table_commit *commit = reading->commit;
    size_t first = commit->column_count;
    struct bytes name = {.data = NULL};
    enum type type = TYPE_COUNT;
    while (schema->token != PULL_ERROR && pull_member(schema)) {
        bool is_name = pull_name_is(schema, "name");
        bool is_type = pull_name_is(schema, "type");
        pull_next(schema);
        if (is_name && schema->token == PULL_STRING) {
            name = pull_string(schema, reading->arena);
        } else if (is_type && schema->token == PULL_OBJECT) {
            if (!read_struct(reading, schema)) {
                return false;
            }
        } else if (is_type && (schema->token != PULL_STRING ||
                               !column_type(pull_string(schema, reading->arena), &type))) {
            return refuse(reading, "schemaString has a column of another type than the six");
        }
        pull_skip(schema);
    }
    bool plain = type != TYPE_COUNT;
    if (name.size == 0 || plain != (commit->column_count == first)) {
        return refuse(reading, "schemaString has a column without name or type");
    }
    if (plain) {
        struct table_column *column = new_column(reading);
        *column = (struct table_column){.name = name, .type = type};
        return true;
    }
    for (size_t i = first; i < commit->column_count; i++) {
        commit->columns[i].name = member_name(reading->arena, name, commit->columns[i].name);
    }
    return true;
}

static bool read_schema(struct reading *reading)
{
    struct bytes text;
    if (!text_member(reading, &text)) {
        return false;
    }
    struct json_pull schema;
    pull_open(&schema, text);
    if (pull_next(&schema) != PULL_OBJECT) {
        return refuse(reading, "schemaString is no JSON object");
    }
    while (pull_member(&schema)) {
        bool fields = pull_name_is(&schema, "fields");
        pull_next(&schema);
        while (fields && schema.token != PULL_ERROR && pull_next(&schema) == PULL_OBJECT) {
            if (!read_column(reading, &schema)) {
                return false;
            }
        }
        pull_skip(&schema);
    }
    bool whole = schema.token == PULL_OBJECT_END && pull_next(&schema) == PULL_END;
    return (whole && reading->commit->column_count > 0) ||
           refuse(reading, "schemaString is no JSON object with fields");
}

static bool read_metadata(struct reading *reading)
{
    bool fine = !reading->commit->has_metadata || refuse(reading, "two metaData actions");
    reading->commit->has_metadata = true;
    while (fine && pull_member(&reading->json)) {
        if (pull_name_is(&reading->json, "schemaString")) {
            fine = read_schema(reading);
        } else {
            pull_skip(&reading->json);
        }
    }
    return fine &&
           (reading->commit->column_count > 0 || refuse(reading, "metaData without schemaString"));
}

static bool read_action(struct reading *reading)
{
    static const struct {
        const char *name;
        bool (*read)(struct reading *reading);
    } actions[] = {{"add", read_add},
                   {"remove", read_remove},
                   {"txn", read_txn},
                   {"protocol", read_protocol},
                   {"metaData", read_metadata}};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (pull_name_is(&reading->json, actions[i].name)) {
            return pull_next(&reading->json) == PULL_OBJECT && actions[i].read(reading);
        }
    }
    return pull_skip(&reading->json); /* commitInfo and what is not known: no part of the table */
}

static bool read_line(struct reading *reading, struct bytes line)
{
    struct json_pull *json = &reading->json;
    pull_open(json, line);
    bool fine = pull_next(json) == PULL_OBJECT && pull_member(json) && read_action(reading) &&
                pull_next(json) == PULL_OBJECT_END && pull_next(json) == PULL_END;
    reading->commit->action_count++;
    return fine || refuse(reading, torn);
}

const char *table_commit_read(struct bytes file,
                              int64_t version,
                              struct arena *arena,
                              struct table_commit *commit)
{
    *commit = (struct table_commit){.has_protocol = false};
    struct reading reading = {.arena = arena, .commit = commit};
    for (size_t at = 0; at < file.size;) {
        const uint8_t *end = memchr(file.data + at, '\n', file.size - at);
        size_t size = end == NULL ? file.size - at : (size_t)(end - file.data) - at;
        if (!read_line(&reading, bytes_of(file.data + at, size))) {
            return reading.error;
        }
        at += size + 1;
    }
    if (commit->action_count == 0) {
        return "an empty commit file";
    }
    if (version == 0 && (!commit->has_protocol || !commit->has_metadata)) {
        return "version 0 without protocol or metaData";
    }
    return NULL;
}
