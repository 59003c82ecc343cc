/* aftershock table PATH: what a Delta table is, what happened to it, what is in it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/heap.h"
#include "sim/cli/cli.h"
#include "sim/cli/delta_view.h"
#include "sim/cli/inspect.h"

/* ---- the schema ----------------------------------------------------------------------------- */

enum { NESTING_MAX = 16 };

/* "array", "map" and what they hold, as Spark's DDL does, two levels deep; a struct's members have
 * lines of their own. */
static const char *type_text(struct arena *arena, json_t *type)
{
    const char *wrappers[NESTING_MAX];
    size_t depth = 0;
    while (json_is_object(type) && depth < NESTING_MAX) {
        const char *kind = json_string_value(json_object_get(type, "type"));
        if (kind != NULL && strcmp(kind, "array") == 0) {
            wrappers[depth++] = "array<";
            type = json_object_get(type, "elementType");
        } else if (kind != NULL && strcmp(kind, "map") == 0) {
            const char *key = json_string_value(json_object_get(type, "keyType"));
            wrappers[depth++] = arena_printf(arena, "map<%s,", key == NULL ? "?" : key);
            type = json_object_get(type, "valueType");
        } else {
            break;
        }
    }
    const char *text = json_is_string(type) ? json_string_value(type) : "struct";
    while (depth > 0) {
        text = arena_printf(arena, "%s%s>", wrappers[--depth], text);
    }
    return text;
}

static json_t *members_of(json_t *type)
{
    json_t *inner = type;
    for (int depth = 0; depth < NESTING_MAX && json_is_object(inner); depth++) {
        json_t *fields = json_object_get(inner, "fields");
        if (json_is_array(fields)) {
            return fields;
        }
        json_t *element = json_object_get(inner, "elementType");
        inner = element != NULL ? element : json_object_get(inner, "valueType");
    }
    return NULL;
}

static void add_field(struct text_table *table, struct arena *arena, json_t *field, size_t depth)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    json_t *metadata = json_object_get(field, "metadata");
    text_table_cell(table,
                    arena_printf(arena, "%*s%s", (int)(2 * depth), "", name == NULL ? "?" : name));
    text_table_cell(table, type_text(arena, json_object_get(field, "type")));
    text_table_cell(table, json_is_false(json_object_get(field, "nullable")) ? "not null" : "");
    text_table_cell(table, inspect_members(arena, metadata));
}

static void print_schema(struct delta_view *view)
{
    struct text_table table = {.columns = 4};
    struct {
        json_t *fields;
        size_t next;
    } open[NESTING_MAX] = {{.fields = json_object_get(view->schema, "fields")}};
    size_t depth = 1;
    while (depth > 0) {
        json_t *field = json_array_get(open[depth - 1].fields, open[depth - 1].next);
        if (field == NULL) {
            depth--;
            continue;
        }
        open[depth - 1].next++;
        add_field(&table, &view->arena, field, depth - 1);
        json_t *members = members_of(json_object_get(field, "type"));
        if (members != NULL && depth < NESTING_MAX) {
            open[depth].fields = members;
            open[depth].next = 0;
            depth++;
        }
    }
    (void)puts("\nschema");
    text_table_print(&table, "  ");
}

/* ---- the head ------------------------------------------------------------------------------- */

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "-" : text;
}

static const char *joined(struct arena *arena, json_t *array)
{
    const char *text = "";
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *item = json_string_value(json_array_get(array, i));
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ", item == NULL ? "?" : item);
    }
    return text;
}

static const char *protocol_text(struct delta_view *view)
{
    struct arena *arena = &view->arena;
    const char *reader = joined(arena, json_object_get(view->protocol, "readerFeatures"));
    const char *writer = joined(arena, json_object_get(view->protocol, "writerFeatures"));
    return arena_printf(arena,
                        "reader %" JSON_INTEGER_FORMAT "%s%s%s, writer %" JSON_INTEGER_FORMAT
                        "%s%s%s",
                        json_integer_value(json_object_get(view->protocol, "minReaderVersion")),
                        reader[0] == '\0' ? "" : " (",
                        reader,
                        reader[0] == '\0' ? "" : ")",
                        json_integer_value(json_object_get(view->protocol, "minWriterVersion")),
                        writer[0] == '\0' ? "" : " (",
                        writer,
                        writer[0] == '\0' ? "" : ")");
}

static void add_line(struct text_table *table, const char *name, const char *value)
{
    text_table_cell(table, name);
    text_table_cell(table, value);
}

static const char *contents_text(struct delta_view *view)
{
    struct arena *arena = &view->arena;
    int64_t rows = 0;
    int64_t bytes = 0;
    delta_view_totals(view, &rows, &bytes);
    size_t files = json_object_size(view->files);
    return arena_printf(arena,
                        "%s rows in %zu file%s, %s",
                        rows < 0 ? "an unknown number of" : arena_printf(arena, "%" PRId64, rows),
                        files,
                        files == 1 ? "" : "s",
                        inspect_size(arena, bytes));
}

static void print_head(struct delta_view *view)
{
    struct arena *arena = &view->arena;
    struct text_table table = {.columns = 2};
    json_t *metadata = view->metadata;
    json_t *created = json_object_get(metadata, "createdTime");
    json_t *configuration = json_object_get(metadata, "configuration");
    const char *partitions = joined(arena, json_object_get(metadata, "partitionColumns"));
    bool newest = view->version == view->latest;
    const char *version =
        newest ? arena_printf(arena, "%" PRId64, view->version)
               : arena_printf(arena, "%" PRId64 " of 0 to %" PRId64, view->version, view->latest);
    add_line(&table, "table", view->path);
    add_line(&table, "id", text_of(metadata, "id"));
    if (json_is_string(json_object_get(metadata, "name"))) {
        add_line(&table, "name", text_of(metadata, "name"));
    }
    if (json_is_string(json_object_get(metadata, "description"))) {
        add_line(&table, "description", text_of(metadata, "description"));
    }
    add_line(&table,
             "created",
             inspect_time(arena, json_is_integer(created) ? json_integer_value(created) : -1));
    add_line(&table, "version", version);
    add_line(&table, "protocol", protocol_text(view));
    add_line(&table, "partitioned by", partitions[0] == '\0' ? "nothing" : partitions);
    add_line(&table, "contents", contents_text(view));
    if (json_object_size(configuration) > 0) {
        add_line(&table, "properties", inspect_members(arena, configuration));
    }
    if (view->checkpoint >= 0) {
        add_line(&table,
                 "read from",
                 arena_printf(arena, "the checkpoint of version %" PRId64, view->checkpoint));
    }
    const char *app = NULL;
    json_t *txn = NULL;
    json_object_foreach(view->txns, app, txn)
    {
        json_int_t last = json_integer_value(json_object_get(txn, "version"));
        add_line(&table, "txn", arena_printf(arena, "%s at %" JSON_INTEGER_FORMAT, app, last));
    }
    text_table_print(&table, "");
}

/* ---- history -------------------------------------------------------------------------------- */

static const char *txns_text(struct arena *arena, json_t *txns)
{
    const char *text = "";
    const char *app = NULL;
    json_t *txn = NULL;
    json_object_foreach(txns, app, txn)
    {
        json_int_t version = json_integer_value(json_object_get(txn, "version"));
        text = arena_printf(
            arena, "%s%s%s %" JSON_INTEGER_FORMAT, text, text[0] == '\0' ? "" : ", ", app, version);
    }
    return text;
}

static const char *count_text(struct arena *arena, int64_t count)
{
    return count < 0 ? "?" : arena_printf(arena, "%" PRId64, count);
}

static void
add_version(struct text_table *table, struct arena *arena, const struct delta_version *version)
{
    text_table_cell(table, arena_printf(arena, "%" PRId64, version->version));
    text_table_cell(table, inspect_time(arena, version->time_ms));
    text_table_cell(table, text_of(version->info, "operation"));
    text_table_cell(table, arena_printf(arena, "+%" PRId64, version->adds));
    text_table_cell(
        table, version->removes == 0 ? "" : arena_printf(arena, "-%" PRId64, version->removes));
    text_table_cell(table, count_text(arena, version->rows));
    text_table_cell(table, txns_text(arena, version->txns));
    static const struct {
        const char *member;
        const char *name;
    } details[] = {{"operationParameters", "parameters"}, {"operationMetrics", "metrics"}};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        json_t *object = json_object_get(version->info, details[i].member);
        if (json_object_size(object) > 0) {
            text_table_line(
                table,
                arena_printf(
                    arena, "         %-10s  %s", details[i].name, inspect_members(arena, object)));
        }
    }
    const char *user = json_string_value(json_object_get(version->info, "userMetadata"));
    if (user != NULL) {
        text_table_line(table, arena_printf(arena, "         %-10s  %s", "user", user));
    }
}

static void print_history(struct delta_view *view)
{
    static const char *const titles[] = {
        "version", "timestamp", "operation", "files", "", "rows", "txn"};
    struct text_table table = {.columns = 7, .right = 1U << 0 | 1U << 3 | 1U << 4 | 1U << 5};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        text_table_cell(&table, titles[i]);
    }
    for (size_t i = view->history_count; i-- > 0;) {
        add_version(&table, &view->arena, &view->history[i]);
    }
    (void)puts("\nhistory");
    text_table_print(&table, "  ");
    if (view->history_count == 0 || view->history[0].version > 0) {
        (void)puts("  (older commits are gone from the log; the checkpoint holds what they did)");
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *shared(json_t *value)
{
    return value == NULL ? json_null() : json_incref(value);
}

static json_t *version_json(const struct delta_version *version)
{
    json_t *object = json_object();
    static const char *const members[] = {"operation",
                                          "operationParameters",
                                          "operationMetrics",
                                          "userMetadata",
                                          "readVersion",
                                          "isolationLevel",
                                          "isBlindAppend",
                                          "engineInfo",
                                          "txnId"};
    (void)json_object_set_new(object, "version", json_integer(version->version));
    (void)json_object_set_new(object, "timestamp", json_integer(version->time_ms));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(version->info, members[i]);
        if (value != NULL) {
            (void)json_object_set(object, members[i], value);
        }
    }
    json_t *txns = json_array();
    const char *app = NULL;
    json_t *txn = NULL;
    json_object_foreach(version->txns, app, txn)
    {
        (void)json_array_append(txns, txn);
    }
    (void)json_object_set_new(object, "txn", txns);
    (void)json_object_set_new(object, "addedFiles", json_integer(version->adds));
    (void)json_object_set_new(object, "removedFiles", json_integer(version->removes));
    json_t *rows = version->rows < 0 ? json_null() : json_integer(version->rows);
    (void)json_object_set_new(object, "addedRows", rows);
    return object;
}

static void print_json(struct delta_view *view)
{
    json_t *root = json_object();
    int64_t rows = 0;
    int64_t bytes = 0;
    delta_view_totals(view, &rows, &bytes);
    (void)json_object_set_new(root, "path", json_string(view->path));
    static const char *const members[] = {
        "id", "name", "description", "createdTime", "partitionColumns", "configuration"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        (void)json_object_set_new(
            root, members[i], shared(json_object_get(view->metadata, members[i])));
    }
    (void)json_object_set_new(root, "version", json_integer(view->version));
    (void)json_object_set_new(root, "latestVersion", json_integer(view->latest));
    (void)json_object_set_new(root, "protocol", shared(view->protocol));
    (void)json_object_set_new(root, "schema", shared(view->schema));
    (void)json_object_set_new(
        root, "numFiles", json_integer((json_int_t)json_object_size(view->files)));
    (void)json_object_set_new(root, "sizeInBytes", json_integer(bytes));
    (void)json_object_set_new(root, "numRecords", rows < 0 ? json_null() : json_integer(rows));
    (void)json_object_set_new(root, "txn", shared(view->txns));
    json_t *history = json_array();
    for (size_t i = view->history_count; i-- > 0;) {
        (void)json_array_append_new(history, version_json(&view->history[i]));
    }
    (void)json_object_set_new(root, "history", history);
    inspect_print_json(root);
    json_decref(root);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void print_row(void *context, struct bytes row)
{
    (void)context;
    (void)fwrite(row.data, 1, row.size, stdout); /* JSON: nothing in it steers a terminal */
    (void)putchar('\n');
}

int command_table(const struct cli *cli)
{
    struct delta_view view;
    struct diag diag = {0};
    enum status status = delta_view_open(&view, cli->files[0], cli->version, &diag);
    if (status == OK && cli->rows) {
        status = delta_view_rows(&view, print_row, NULL, &diag);
    } else if (status == OK && cli->json) {
        print_json(&view);
    } else if (status == OK) {
        print_head(&view);
        print_schema(&view);
        print_history(&view);
    }
    delta_view_close(&view);
    if (status != OK) {
        (void)fflush(stdout); /* what was read stands before the complaint */
        cli_complain(&diag);
        return EXIT_USAGE;
    }
    return EXIT_AS_EXPECTED;
}
