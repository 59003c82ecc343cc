/* The rows of a Delta table, file by file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/base/hash.h"
#include "sim/check/json_text.h"
#include "sim/check/parquet_records.h"
#include "sim/cli/delta_view.h"
#include "sim/cli/inspect.h"

static enum status
fail_file(const char *path, const char *error_class, const char *what, struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag, error_class, "%s", what);
}

/* What this reader would read wrongly, or not at all. */
static enum status check_features(const struct delta_view *view, struct diag *diag)
{
    json_t *configuration = json_object_get(view->metadata, "configuration");
    const char *mapping =
        json_string_value(json_object_get(configuration, "delta.columnMapping.mode"));
    if (mapping != NULL && strcmp(mapping, "none") != 0) {
        return fail_file(view->path,
                         "UNSUPPORTED_FEATURE",
                         "its rows are not readable here: delta.columnMapping.mode is set, and the "
                         "files have other column names than the table",
                         diag);
    }
    return OK;
}

/* The value of a hex digit; -1: it is none. */
static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* URI escapes, and a path that starts elsewhere is taken as it is. */
static const char *file_path(struct arena *arena, const char *table, const char *uri)
{
    size_t size = strlen(uri);
    char *path = arena_alloc(arena, size + 1);
    size_t out = 0;
    for (size_t at = 0; at < size; at++) {
        bool escape = uri[at] == '%' && size - at > 2;
        int high = escape ? hex_digit(uri[at + 1]) : -1;
        int low = escape ? hex_digit(uri[at + 2]) : -1;
        if (high >= 0 && low >= 0) {
            path[out++] = (char)(high * 16 + low);
            at += 2;
        } else {
            path[out++] = uri[at];
        }
    }
    static const char scheme[] = "file://";
    if (strncmp(path, scheme, sizeof scheme - 1) == 0) {
        return path + sizeof scheme - 1;
    }
    return path[0] == '/' ? path : inspect_path(arena, table, path);
}

/* A partition value stands in the log as text: as JSON by the column's type. */
static const char *partition_json(struct arena *arena, json_t *add, const char *name, json_t *type)
{
    static const char *const numbers[] = {"integer", "long", "short", "byte", "double", "float"};
    json_t *value = json_object_get(json_object_get(add, "partitionValues"), name);
    const char *text = json_string_value(value);
    const char *type_name = json_string_value(type);
    if (text == NULL || text[0] == '\0' || type_name == NULL) {
        return "null"; /* the empty text is null too */
    }
    bool plain = strcmp(type_name, "boolean") == 0 &&
                 (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
    struct decimal number;
    bool numeric = decimal_scan(bytes_of_text(text), &number) && number.text.size == strlen(text);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        plain = plain || (numeric && strcmp(type_name, numbers[i]) == 0);
    }
    plain = plain || (numeric && strncmp(type_name, "decimal", 7) == 0);
    if (plain) {
        return text;
    }
    struct buf quoted = {0};
    json_put_text(&quoted, bytes_of_text(text));
    const char *kept = arena_copy(arena, quoted.data, quoted.size);
    buf_free(&quoted);
    return kept;
}

static bool is_partition(const struct delta_view *view, const char *name)
{
    json_t *columns = json_object_get(view->metadata, "partitionColumns");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const char *column = json_string_value(json_array_get(columns, i));
        if (column != NULL && strcmp(column, name) == 0) {
            return true;
        }
    }
    return false;
}

static size_t columns_of(const struct delta_view *view,
                         json_t *add,
                         struct arena *arena,
                         struct record_column **columns)
{
    json_t *fields = json_object_get(view->schema, "fields");
    size_t count = json_array_size(fields);
    *columns = arena_alloc(arena, (count + 1) * sizeof **columns);
    for (size_t i = 0; i < count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        name = name == NULL ? "" : name;
        (*columns)[i].name = bytes_of_text(name);
        if (is_partition(view, name)) {
            (*columns)[i].json = partition_json(arena, add, name, json_object_get(field, "type"));
        }
    }
    return count;
}

struct row_sink {
    delta_row_fn row;
    void *context;
};

static enum status put_records(struct parquet_records *records,
                               const char *path,
                               const struct row_sink *sink,
                               struct diag *diag)
{
    struct buf row = {0};
    const char *error = NULL;
    for (bool more = true; more && error == NULL;) {
        buf_clear(&row);
        error = parquet_records_next(records, &row, &more);
        if (error == NULL && more) {
            sink->row(sink->context, buf_bytes(&row));
        }
    }
    buf_free(&row);
    return error == NULL ? OK : fail_file(path, "DATA_FILE_NOT_READABLE", error, diag);
}

/* What the add says of its file. */
static const char *check_file(json_t *add, struct bytes file)
{
    json_t *tag = json_object_get(json_object_get(add, "tags"), "aftershock.xxh64");
    char hash[24];
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, hash_bytes(file.data, file.size));
    if (json_is_string(tag) && strcmp(json_string_value(tag), hash) != 0) {
        return "its bytes have another hash than the tag of its add: it is damaged or exchanged";
    }
    return NULL;
}

static enum status put_content(const struct delta_view *view,
                               json_t *add,
                               const char *path,
                               struct bytes file,
                               const struct row_sink *sink,
                               struct diag *diag)
{
    struct arena arena = {0};
    struct record_column *columns = NULL;
    struct parquet_records *records = NULL;
    size_t count = columns_of(view, add, &arena, &columns);
    const char *error = check_file(add, file);
    if (error == NULL) {
        error = parquet_records_open(file, columns, count, &records);
    }
    enum status status = OK;
    if (error != NULL) {
        status = fail_file(path, "DATA_FILE_NOT_READABLE", error, diag);
    } else {
        int64_t stated = delta_view_rows_of(add);
        if (stated >= 0 && stated != parquet_records_count(records)) {
            error =
                arena_printf(&arena,
                             "it has %" PRId64 " rows, stats.numRecords of its add says %" PRId64,
                             parquet_records_count(records),
                             stated);
            status = fail_file(path, "DATA_FILE_NOT_READABLE", error, diag);
        } else {
            status = put_records(records, path, sink, diag);
        }
        parquet_records_close(records);
    }
    arena_free(&arena);
    return status;
}

static enum status put_file(const struct delta_view *view,
                            json_t *add,
                            const char *path,
                            const struct row_sink *sink,
                            struct diag *diag)
{
    struct bytes file;
    if (json_is_object(json_object_get(add, "deletionVector"))) {
        return fail_file(
            path,
            "UNSUPPORTED_FEATURE",
            "its rows are not readable here: it has a deletion vector, which says that "
            "some of them are gone",
            diag);
    }
    enum status status = inspect_map(path, &file, diag);
    if (status == ERR_NOT_FOUND) {
        return fail_file(path,
                         "DATA_FILE_NOT_READABLE",
                         "it is not there, and the log says that it belongs to the table",
                         diag);
    }
    if (status == OK) {
        status = put_content(view, add, path, file, sink, diag);
        inspect_unmap(file);
    }
    return status;
}

enum status
delta_view_rows(struct delta_view *view, delta_row_fn row, void *context, struct diag *diag)
{
    struct row_sink sink = {.row = row, .context = context};
    TRY(check_features(view, diag));
    const char *uri = NULL;
    json_t *add = NULL;
    enum status status = OK;
    json_object_foreach(view->files, uri, add)
    {
        status = put_file(view, add, file_path(&view->arena, view->path, uri), &sink, diag);
        if (status != OK) {
            break;
        }
    }
    return status;
}
