#include "sim/cli/checkpoint_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/heap.h"
#include "engine/base/sort.h"
#include "sim/cli/inspect.h"

enum { SOURCES_MAX = 64 };

bool checkpoint_number(const char *name, int64_t *number)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(name, "0123456789");
    bool plain = digits > 0 && digits <= DIGITS_MAX && name[digits] == '\0' &&
                 (digits == 1 || name[0] != '0');
    *number = plain ? strtoll(name, NULL, 10) : -1;
    return plain;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* The next line without its end; false when there is none. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    size_t used = end == NULL ? size : size + 1;
    *line = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + used, rest->size - used);
    return true;
}

/* NULL, or why it is none. */
static const char *
parse_json(struct arena *arena, struct bytes line, const char *what, json_t **value)
{
    json_error_t error = {.text = ""};
    *value = json_loadb((const char *)line.data, line.size, JSON_DECODE_ANY, &error);
    return *value != NULL ? NULL : arena_printf(arena, "%s is no JSON: %s", what, error.text);
}

/* "v1" or "v2": the version, or 0 with `*error`. */
static int read_version(struct arena *arena, struct bytes *rest, const char **error)
{
    struct bytes line;
    if (!next_line(rest, &line)) {
        *error = "it is empty";
        return 0;
    }
    int version = bytes_equal_text(line, "v1") ? 1 : bytes_equal_text(line, "v2") ? 2 : 0;
    if (version == 0) {
        enum { SHOWN = 20 };
        *error = arena_printf(arena,
                              "its first line is \"%.*s\", expected v1",
                              line.size < SHOWN ? (int)line.size : SHOWN,
                              (const char *)line.data);
    }
    return version;
}

static int64_t integer_of(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* ---- offsets -------------------------------------------------------------------------------- */

/* v2 puts the source's id and a colon before its offset. */
static const char *read_source(struct arena *arena, struct bytes line, int version, json_t **source)
{
    if (version == 2) {
        const uint8_t *colon = memchr(line.data, ':', line.size);
        size_t skip = colon == NULL ? 0 : (size_t)(colon - line.data) + 1;
        line = bytes_of(line.data + skip, line.size - skip);
    }
    if (bytes_equal_text(line, "-")) {
        *source = json_null();
        return NULL;
    }
    return parse_json(arena, line, "a source's line", source);
}

static const char *read_offsets(struct arena *arena, struct bytes file, struct batch_view *batch)
{
    const char *error = NULL;
    struct bytes line = {0};
    int version = read_version(arena, &file, &error);
    if (version == 0) {
        return error;
    }
    if (!next_line(&file, &line)) {
        return "it ends behind its first line";
    }
    json_t *metadata = NULL;
    error = line.size == 0 ? NULL : parse_json(arena, line, "its second line", &metadata);
    batch->watermark_ms = integer_of(metadata, "batchWatermarkMs");
    batch->timestamp_ms = integer_of(metadata, "batchTimestampMs");
    batch->conf = json_incref(json_object_get(metadata, "conf"));
    json_decref(metadata);
    batch->sources = arena_alloc(arena, SOURCES_MAX * sizeof(json_t *));
    while (error == NULL && next_line(&file, &line)) {
        if (batch->source_count == SOURCES_MAX) {
            return "it has more sources than are shown here";
        }
        error = read_source(arena, line, version, &batch->sources[batch->source_count]);
        batch->source_count += error == NULL;
    }
    return error == NULL && batch->source_count == 0 ? "it names no source's offsets" : error;
}

/* ---- commits -------------------------------------------------------------------------------- */

static const char *read_commit(struct arena *arena, struct bytes file, struct batch_view *batch)
{
    const char *error = NULL;
    struct bytes line = {0};
    if (read_version(arena, &file, &error) == 0) {
        return error;
    }
    if (!next_line(&file, &line)) {
        return NULL; /* Spark reads it as {} */
    }
    json_t *metadata = NULL;
    error = parse_json(arena, line, "its second line", &metadata);
    batch->next_watermark_ms = integer_of(metadata, "nextBatchWatermarkMs");
    batch->state_ids = json_incref(json_object_get(metadata, "stateUniqueIds"));
    json_decref(metadata);
    return error;
}

/* ---- the directory -------------------------------------------------------------------------- */

static void note_leftover(struct checkpoint_view *view, const char *folder, const char *name)
{
    enum { LEFTOVERS_MAX = 64 };
    size_t size = strlen(name);
    if (name[0] != '.' || size < 5 || strcmp(name + size - 4, ".tmp") != 0) {
        return;
    }
    if (view->leftovers == NULL) {
        view->leftovers = arena_alloc(&view->arena, LEFTOVERS_MAX * sizeof *view->leftovers);
    }
    if (view->leftover_count < LEFTOVERS_MAX) {
        view->leftovers[view->leftover_count++] = inspect_path(&view->arena, folder, name);
    }
}

/* The ids that stand as files in a log's directory; a missing directory is an empty one. */
static enum status list_ids(struct checkpoint_view *view,
                            const char *folder,
                            int64_t **ids,
                            size_t *count,
                            struct diag *diag)
{
    struct inspect_entry *entries = NULL;
    size_t found = 0;
    const char *path = inspect_path(&view->arena, view->path, folder);
    *count = 0;
    if (inspect_is_directory(path)) {
        TRY(inspect_list(&view->arena, path, &entries, &found, diag));
    }
    *ids = arena_alloc(&view->arena, (found + 1) * sizeof **ids);
    for (size_t i = 0; i < found; i++) {
        if (!entries[i].directory && checkpoint_number(entries[i].name, &(*ids)[*count])) {
            *count += 1;
        } else if (!entries[i].directory) {
            note_leftover(view, folder, entries[i].name);
        }
    }
    return OK;
}

static int compare_batches(const void *a, const void *b)
{
    int64_t first = ((const struct batch_view *)a)->batch;
    int64_t second = ((const struct batch_view *)b)->batch;
    return (first > second) - (first < second);
}

static struct batch_view *find_batch(const struct checkpoint_view *view, int64_t batch)
{
    for (size_t i = view->batch_count; i-- > 0;) {
        if (view->batches[i].batch == batch) {
            return &view->batches[i];
        }
    }
    return NULL;
}

const struct batch_view *checkpoint_view_batch(const struct checkpoint_view *view, int64_t batch)
{
    return find_batch(view, batch);
}

static struct batch_view *add_batch(struct checkpoint_view *view, int64_t batch)
{
    struct batch_view *known = find_batch(view, batch);
    if (known == NULL) {
        known = &view->batches[view->batch_count++];
        *known = (struct batch_view){
            .batch = batch, .watermark_ms = -1, .timestamp_ms = -1, .next_watermark_ms = -1};
    }
    return known;
}

static const char *
read_entry(struct checkpoint_view *view,
           const char *folder,
           struct batch_view *batch,
           const char *(*read)(struct arena *, struct bytes, struct batch_view *))
{
    struct diag diag = {0};
    struct bytes file = {0};
    const char *path =
        arena_printf(&view->arena, "%s/%s/%" PRId64, view->path, folder, batch->batch);
    enum status status = inspect_read(&view->arena, path, &file, &diag);
    if (status == OK) {
        return read(&view->arena, file, batch);
    }
    return status == ERR_NOT_FOUND ? "it is gone by now" : arena_strdup(&view->arena, diag.text);
}

static enum status read_logs(struct checkpoint_view *view, struct diag *diag)
{
    int64_t *offsets = NULL;
    int64_t *commits = NULL;
    size_t offset_count = 0;
    size_t commit_count = 0;
    TRY(list_ids(view, "offsets", &offsets, &offset_count, diag));
    TRY(list_ids(view, "commits", &commits, &commit_count, diag));
    view->batches =
        arena_alloc(&view->arena, (offset_count + commit_count + 1) * sizeof *view->batches);
    for (size_t i = 0; i < offset_count; i++) {
        struct batch_view *batch = add_batch(view, offsets[i]);
        batch->has_offsets = true;
        batch->offsets_error = read_entry(view, "offsets", batch, read_offsets);
        view->last_offsets = offsets[i] > view->last_offsets ? offsets[i] : view->last_offsets;
    }
    for (size_t i = 0; i < commit_count; i++) {
        struct batch_view *batch = add_batch(view, commits[i]);
        batch->has_commit = true;
        batch->commit_error = read_entry(view, "commits", batch, read_commit);
        view->last_commit = commits[i] > view->last_commit ? commits[i] : view->last_commit;
    }
    sort_items(view->batches, view->batch_count, sizeof *view->batches, compare_batches);
    return OK;
}

static void read_metadata(struct checkpoint_view *view)
{
    struct diag diag = {0};
    struct bytes file = {0};
    json_t *root = NULL;
    const char *path = inspect_path(&view->arena, view->path, "metadata");
    enum status status = inspect_read(&view->arena, path, &file, &diag);
    if (status != OK) {
        view->id_error =
            status == ERR_NOT_FOUND ? "it is missing" : arena_strdup(&view->arena, diag.text);
        return;
    }
    view->id_error = parse_json(&view->arena, file, "it", &root);
    const char *id = json_string_value(json_object_get(root, "id"));
    if (id != NULL) {
        view->id = arena_strdup(&view->arena, id);
    } else if (view->id_error == NULL) {
        view->id_error = "it is no JSON object with an id";
    }
    json_decref(root);
}

/* sources/<i>/0 of Kafka: a zero byte and v1, or (Spark 2.1.0) a length byte; then JSON. */
static void read_initial(struct checkpoint_view *view, size_t index)
{
    struct diag diag = {0};
    struct bytes file = {0};
    const char *path = arena_printf(&view->arena, "%s/sources/%zu/0", view->path, index);
    if (inspect_read(&view->arena, path, &file, &diag) != OK || file.size < 2) {
        return;
    }
    struct bytes rest = bytes_of(file.data + 1, file.size - 1);
    struct bytes line;
    if (rest.data[0] == 'v' && !next_line(&rest, &line)) {
        return;
    }
    json_t *root = NULL;
    (void)parse_json(&view->arena, rest, "it", &root);
    if (json_is_object(root)) {
        view->initial[index] = root;
        view->initial_count = index + 1;
    } else {
        json_decref(root); /* another source's own */
    }
}

enum status checkpoint_view_open(struct checkpoint_view *view, const char *path, struct diag *diag)
{
    *view = (struct checkpoint_view){.path = path, .last_offsets = -1, .last_commit = -1};
    struct bytes ignored = {0};
    struct diag unread = {0};
    bool offsets = inspect_is_directory(inspect_path(&view->arena, path, "offsets"));
    const char *metadata = inspect_path(&view->arena, path, "metadata");
    if (!offsets && inspect_read(&view->arena, metadata, &ignored, &unread) != OK) {
        return inspect_fail_marker(path, "offsets", "checkpoint", diag);
    }
    read_metadata(view);
    view->initial = arena_alloc(&view->arena, SOURCES_MAX * sizeof(json_t *));
    for (size_t i = 0; i < SOURCES_MAX; i++) {
        read_initial(view, i);
    }
    return read_logs(view, diag);
}

void checkpoint_view_close(struct checkpoint_view *view)
{
    for (size_t i = 0; i < view->batch_count; i++) {
        struct batch_view *batch = &view->batches[i];
        for (size_t s = 0; s < batch->source_count; s++) {
            json_decref(batch->sources[s]);
        }
        json_decref(batch->conf);
        json_decref(batch->state_ids);
    }
    for (size_t i = 0; i < view->initial_count; i++) {
        json_decref(view->initial[i]);
    }
    arena_free(&view->arena);
}

/* ---- offsets as text ------------------------------------------------------------------------ */

static bool is_kafka(json_t *offsets)
{
    const char *topic = NULL;
    json_t *partitions = NULL;
    json_object_foreach(offsets, topic, partitions)
    {
        const char *partition = NULL;
        json_t *offset = NULL;
        if (!json_is_object(partitions)) {
            return false;
        }
        json_object_foreach(partitions, partition, offset)
        {
            if (!json_is_integer(offset)) {
                return false;
            }
        }
    }
    return json_object_size(offsets) > 0;
}

static void put_number(struct buf *out, json_t *number, json_t *before)
{
    buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    if (json_is_integer(before)) {
        buf_printf(out,
                   " (%+" JSON_INTEGER_FORMAT ")",
                   json_integer_value(number) - json_integer_value(before));
    }
}

struct numbered {
    int64_t number;
    const char *name;
};

static int compare_numbered(const void *a, const void *b)
{
    int64_t first = ((const struct numbered *)a)->number;
    int64_t second = ((const struct numbered *)b)->number;
    return first != second
               ? (first > second) - (first < second)
               : strcmp(((const struct numbered *)a)->name, ((const struct numbered *)b)->name);
}

/* Partitions ascending: Spark's own order is its hash map's. */
static void put_partitions(struct buf *out, struct arena *arena, json_t *partitions, json_t *before)
{
    size_t count = json_object_size(partitions);
    struct numbered *order = arena_alloc(arena, (count + 1) * sizeof *order);
    size_t at = 0;
    const char *name = NULL;
    json_t *offset = NULL;
    json_object_foreach(partitions, name, offset)
    {
        order[at].name = name;
        (void)checkpoint_number(name, &order[at].number);
        at++;
    }
    sort_items(order, count, sizeof *order, compare_numbered);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, " %s:", order[i].name);
        put_number(out,
                   json_object_get(partitions, order[i].name),
                   json_object_get(before, order[i].name));
    }
}

const char *checkpoint_offsets_text(struct arena *arena, json_t *offsets, json_t *before)
{
    struct buf out = {0};
    const char *topic = NULL;
    json_t *partitions = NULL;
    if (json_is_integer(offsets)) {
        put_number(&out, offsets, before);
    } else if (is_kafka(offsets)) {
        json_object_foreach(offsets, topic, partitions)
        {
            buf_printf(&out, "%s%s", out.size == 0 ? "" : "; ", topic);
            put_partitions(&out, arena, partitions, json_object_get(before, topic));
        }
    } else if (json_is_null(offsets)) {
        buf_text(&out, "none yet");
    } else {
        char *text = json_dumps(offsets, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_text(&out, text == NULL ? "?" : text);
        heap_free(text);
    }
    const char *kept = arena_copy(arena, out.data, out.size);
    buf_free(&out);
    return kept;
}
