#include "sim/cli/checkpoint_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/inspect.h"

int64_t checkpoint_state_version(const struct checkpoint_parts *parts)
{
    const struct checkpoint_view *logs = parts->logs;
    if (parts->restart->decided) {
        return parts->restart->decision.batch;
    }
    return logs->last_commit + 1 > logs->last_offsets ? logs->last_commit + 1 : logs->last_offsets;
}

/* ---- the restart ---------------------------------------------------------------------------- */

/* The offsets of every source at the end of `batch`, or where batch 0 began. */
static const char *position_text(struct checkpoint_view *view, int64_t batch)
{
    struct arena *arena = &view->arena;
    const struct batch_view *at = checkpoint_view_batch(view, batch);
    json_t **sources = at != NULL ? at->sources : batch < 0 ? view->initial : NULL;
    size_t count = at != NULL ? at->source_count : batch < 0 ? view->initial_count : 0;
    const char *text = count == 0 ? "an unknown position" : "";
    for (size_t i = 0; i < count; i++) {
        const char *one =
            sources[i] == NULL ? "its beginning" : checkpoint_offsets_text(arena, sources[i], NULL);
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : " | ", one);
    }
    return text;
}

static const char *refusal_text(struct arena *arena, const struct diag *diag)
{
    return arena_printf(arena,
                        "%s%s%s [%s]",
                        diag->file,
                        diag->file[0] == '\0' ? "" : ": ",
                        diag->text,
                        diag->error_class);
}

static const char *decision_text(const struct checkpoint_parts *parts)
{
    struct checkpoint_view *view = parts->logs;
    const struct restart *restart = parts->restart;
    struct arena *arena = &view->arena;
    int64_t batch = restart->decision.batch;
    const char *text = "would start batch 0 of a new query, where startingOffsets says";
    if (!restart->decided) {
        return arena_printf(arena, "would refuse: %s", refusal_text(arena, &restart->refusal));
    }
    if (restart->decision.kind == RECOVERY_NEXT) {
        text = arena_printf(
            arena, "would start batch %" PRId64 ", from %s", batch, position_text(view, batch - 1));
    } else if (restart->decision.kind == RECOVERY_RERUN) {
        text = arena_printf(arena,
                            "would re-run batch %" PRId64 ", from %s to %s",
                            batch,
                            position_text(view, batch - 1),
                            position_text(view, batch));
    }
    if (parts->state->store_count > 0) {
        text = arena_printf(arena, "%s, on state version %" PRId64, text, batch);
    }
    if (restart->starts && restart->watermark_ms > 0) {
        text = arena_printf(
            arena, "%s, watermark %s", text, inspect_time(arena, restart->watermark_ms));
    }
    return text;
}

/* ---- the head ------------------------------------------------------------------------------- */

static void add_line(struct text_table *table, const char *name, const char *value)
{
    text_table_cell(table, name);
    text_table_cell(table, value);
}

/* "offsets 9 to 11": the ends; a hole between them is the restart's to name. */
static const char *log_text(struct checkpoint_view *view, const char *name, bool commits)
{
    int64_t first = -1;
    int64_t last = -1;
    int64_t count = 0;
    for (size_t i = 0; i < view->batch_count; i++) {
        const struct batch_view *batch = &view->batches[i];
        if (commits ? batch->has_commit : batch->has_offsets) {
            first = count == 0 ? batch->batch : first;
            last = batch->batch;
            count++;
        }
    }
    if (count == 0) {
        return arena_printf(&view->arena, "no %s", name);
    }
    const char *holes = count == last - first + 1 ? "" : ", with holes";
    return arena_printf(&view->arena, "%s %" PRId64 " to %" PRId64 "%s", name, first, last, holes);
}

static void add_leftovers(struct text_table *table, const struct checkpoint_view *view)
{
    for (size_t i = 0; i < view->leftover_count; i++) {
        add_line(table, i == 0 ? "left over" : "", view->leftovers[i]);
    }
}

static void print_head(const struct checkpoint_parts *parts)
{
    struct checkpoint_view *view = parts->logs;
    struct arena *arena = &view->arena;
    struct text_table table = {.columns = 2};
    const struct restart *restart = parts->restart;
    add_line(&table, "checkpoint", view->path);
    add_line(&table,
             "query id",
             view->id != NULL ? view->id
                              : arena_printf(arena, "unknown: metadata: %s", view->id_error));
    add_line(
        &table,
        "logs",
        arena_printf(
            arena, "%s; %s", log_text(view, "offsets", false), log_text(view, "commits", true)));
    for (size_t i = 0; i < view->initial_count; i++) {
        if (view->initial[i] != NULL) {
            add_line(&table,
                     arena_printf(arena, "source %zu", i),
                     arena_printf(arena,
                                  "began at %s",
                                  checkpoint_offsets_text(arena, view->initial[i], NULL)));
        }
    }
    add_leftovers(&table, view);
    add_line(&table, "restart", decision_text(parts));
    if (restart->asked && !restart->starts) {
        add_line(&table,
                 "",
                 arena_printf(arena,
                              "aftershock itself would refuse: %s",
                              refusal_text(arena, &restart->engine_refusal)));
    }
    const char *problem = checkpoint_state_problem(parts);
    if (problem != NULL) {
        add_line(&table, "state", problem);
    }
    text_table_print(&table, "");
}

/* ---- batches -------------------------------------------------------------------------------- */

static void
add_errors(struct text_table *table, struct arena *arena, const struct batch_view *batch)
{
    if (batch->offsets_error != NULL) {
        text_table_line(table,
                        arena_printf(arena,
                                     "       offsets/%" PRId64 " is not readable: %s",
                                     batch->batch,
                                     batch->offsets_error));
    }
    if (batch->commit_error != NULL) {
        text_table_line(table,
                        arena_printf(arena,
                                     "       commits/%" PRId64 " is not readable: %s",
                                     batch->batch,
                                     batch->commit_error));
    }
}

static const char *
source_text(struct checkpoint_view *view, const struct batch_view *batch, size_t s)
{
    const struct batch_view *before = checkpoint_view_batch(view, batch->batch - 1);
    json_t *start = before != NULL && s < before->source_count ? before->sources[s] : NULL;
    if (batch->batch == 0 && s < view->initial_count) {
        start = view->initial[s];
    }
    const char *text = checkpoint_offsets_text(&view->arena, batch->sources[s], start);
    return batch->source_count == 1 ? text
                                    : arena_printf(&view->arena, "source %zu at %s", s, text);
}

/* A watermark is 0 until an event was seen. */
static const char *watermark_text(struct arena *arena, int64_t watermark_ms)
{
    return watermark_ms == 0 ? "none" : inspect_time(arena, watermark_ms);
}

static void
add_batch(struct text_table *table, struct checkpoint_view *view, const struct batch_view *batch)
{
    struct arena *arena = &view->arena;
    text_table_cell(table, arena_printf(arena, "%" PRId64, batch->batch));
    text_table_cell(
        table, batch->has_offsets ? inspect_time(arena, batch->timestamp_ms) : "offsets missing");
    text_table_cell(table, watermark_text(arena, batch->watermark_ms));
    text_table_cell(table, batch->has_commit ? "yes" : "no");
    text_table_cell(table, watermark_text(arena, batch->next_watermark_ms));
    text_table_cell(table, batch->source_count == 0 ? "" : source_text(view, batch, 0));
    for (size_t s = 1; s < batch->source_count; s++) {
        for (size_t c = 0; c < table->columns - 1; c++) {
            text_table_cell(table, "");
        }
        text_table_cell(table, source_text(view, batch, s));
    }
    add_errors(table, arena, batch);
}

static void print_batches(struct checkpoint_view *view)
{
    static const char *const titles[] = {
        "batch", "planned at", "watermark", "committed", "next watermark", "ends at"};
    struct text_table table = {.columns = 6, .right = 1};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        text_table_cell(&table, titles[i]);
    }
    for (size_t i = view->batch_count; i-- > 0;) {
        add_batch(&table, view, &view->batches[i]);
    }
    (void)puts("\nbatches");
    text_table_print(&table, "  ");
}

/* What is recorded, once for the checkpoint's life: of the newest batch that says it. */
static json_t *newest_conf(const struct checkpoint_view *view)
{
    for (size_t i = view->batch_count; i-- > 0;) {
        if (json_object_size(view->batches[i].conf) > 0) {
            return view->batches[i].conf;
        }
    }
    return NULL;
}

static void print_conf(struct checkpoint_view *view)
{
    struct text_table table = {.columns = 2};
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(newest_conf(view), name, value)
    {
        const char *text = json_string_value(value);
        add_line(&table, name, text == NULL ? "?" : text);
    }
    if (table.count > 0) {
        (void)puts("\nconf");
        text_table_print(&table, "  ");
    }
}

void checkpoint_print(const struct checkpoint_parts *parts)
{
    print_head(parts);
    if (parts->logs->batch_count > 0) {
        print_batches(parts->logs);
    }
    checkpoint_print_state(parts);
    print_conf(parts->logs);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *number_or_null(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *shared(json_t *value)
{
    return value == NULL ? json_null() : json_incref(value);
}

static json_t *array_of(json_t *const *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, shared(items[i]));
    }
    return array;
}

static json_t *batch_json(const struct batch_view *batch)
{
    json_t *object = json_object();
    json_t *offsets =
        batch->has_offsets ? array_of(batch->sources, batch->source_count) : json_null();
    (void)json_object_set_new(object, "batch", json_integer(batch->batch));
    (void)json_object_set_new(object, "offsets", offsets);
    (void)json_object_set_new(object, "offsetsError", text_or_null(batch->offsets_error));
    (void)json_object_set_new(object, "batchTimestampMs", number_or_null(batch->timestamp_ms));
    (void)json_object_set_new(object, "batchWatermarkMs", number_or_null(batch->watermark_ms));
    (void)json_object_set_new(object, "committed", json_boolean(batch->has_commit));
    (void)json_object_set_new(object, "commitError", text_or_null(batch->commit_error));
    (void)json_object_set_new(
        object, "nextBatchWatermarkMs", number_or_null(batch->next_watermark_ms));
    return object;
}

static json_t *refusal_json(const struct diag *diag)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "errorClass", json_string(diag->error_class));
    (void)json_object_set_new(object, "file", json_string(diag->file));
    (void)json_object_set_new(object, "text", json_string(diag->text));
    return object;
}

static json_t *restart_json(const struct restart *restart)
{
    static const char *const names[] = {
        [RECOVERY_NEW] = "start-new", [RECOVERY_NEXT] = "start", [RECOVERY_RERUN] = "re-run"};
    json_t *object = json_object();
    const char *would = restart->decided ? names[restart->decision.kind] : "refuse";
    bool refused = restart->asked && !restart->starts;
    (void)json_object_set_new(object, "would", json_string(would));
    (void)json_object_set_new(
        object, "batch", restart->decided ? json_integer(restart->decision.batch) : json_null());
    (void)json_object_set_new(
        object, "refusal", restart->decided ? json_null() : refusal_json(&restart->refusal));
    (void)json_object_set_new(object,
                              "aftershockRefusal",
                              refused ? refusal_json(&restart->engine_refusal) : json_null());
    (void)json_object_set_new(
        object, "watermarkMs", restart->starts ? json_integer(restart->watermark_ms) : json_null());
    return object;
}

void checkpoint_print_json(const struct checkpoint_parts *parts)
{
    const struct checkpoint_view *view = parts->logs;
    json_t *root = json_object();
    (void)json_object_set_new(root, "path", json_string(view->path));
    (void)json_object_set_new(root, "id", text_or_null(view->id));
    (void)json_object_set_new(root, "metadataError", text_or_null(view->id_error));
    json_t *batches = json_array();
    for (size_t i = 0; i < view->batch_count; i++) {
        (void)json_array_append_new(batches, batch_json(&view->batches[i]));
    }
    (void)json_object_set_new(root, "batches", batches);
    (void)json_object_set_new(root, "initialOffsets", array_of(view->initial, view->initial_count));
    json_t *leftovers = json_array();
    for (size_t i = 0; i < view->leftover_count; i++) {
        (void)json_array_append_new(leftovers, json_string(view->leftovers[i]));
    }
    (void)json_object_set_new(root, "leftovers", leftovers);
    (void)json_object_set_new(root, "conf", shared(newest_conf(view)));
    (void)json_object_set_new(root, "state", checkpoint_state_json(parts));
    (void)json_object_set_new(root, "restart", restart_json(parts->restart));
    inspect_print_json(root);
    json_decref(root);
}
