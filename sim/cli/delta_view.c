#include "sim/cli/delta_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/check/parquet_records.h"
#include "sim/cli/delta_log_files.h"
#include "sim/cli/inspect.h"

struct replay {
    struct delta_view *view;
    const char *directory; /* _delta_log */
    struct delta_log_files log;
    struct delta_version *commit; /* being read; NULL: a checkpoint is */
    const char *file;             /* being read */
    json_t *sidecars;             /* names of further files of the checkpoint */
    struct diag *diag;
};

/* ---- errors --------------------------------------------------------------------------------- */

static enum status fail_damaged(const struct replay *replay, int64_t version, const char *what)
{
    if (!replay->diag->set) {
        (void)snprintf(replay->diag->file, sizeof replay->diag->file, "%s", replay->file);
    }
    if (replay->commit == NULL || version == 0) {
        return diag_fail(
            replay->diag, "DELTA_LOG_DAMAGED", "%s. Without it the table cannot be read", what);
    }
    return diag_fail(
        replay->diag,
        "DELTA_LOG_DAMAGED",
        "%s. Other readers refuse the table or leave out its rows; what was before it: "
        "--version %" PRId64,
        what,
        version - 1);
}

/* ---- actions -------------------------------------------------------------------------------- */

int64_t delta_view_rows_of(json_t *add)
{
    const char *stats = json_string_value(json_object_get(add, "stats"));
    json_t *parsed = stats == NULL ? NULL : json_loads(stats, 0, NULL);
    json_t *rows = json_object_get(parsed, "numRecords");
    int64_t count = json_is_integer(rows) ? json_integer_value(rows) : -1;
    json_decref(parsed);
    return count;
}

static bool read_add(struct replay *replay, json_t *add)
{
    const char *path = json_string_value(json_object_get(add, "path"));
    if (path == NULL) {
        return false;
    }
    (void)json_object_del(replay->view->files, path); /* a later add replaces, at its own place */
    (void)json_object_set(replay->view->files, path, add);
    if (replay->commit != NULL) {
        int64_t rows = delta_view_rows_of(add);
        replay->commit->adds++;
        replay->commit->rows =
            rows < 0 || replay->commit->rows < 0 ? -1 : replay->commit->rows + rows;
    }
    return true;
}

static bool read_remove(struct replay *replay, json_t *remove)
{
    const char *path = json_string_value(json_object_get(remove, "path"));
    if (path == NULL) {
        return false;
    }
    (void)json_object_del(replay->view->files, path);
    if (replay->commit != NULL) {
        replay->commit->removes++;
    }
    return true;
}

static bool read_txn(struct replay *replay, json_t *txn)
{
    const char *app = json_string_value(json_object_get(txn, "appId"));
    if (app == NULL || !json_is_integer(json_object_get(txn, "version"))) {
        return false;
    }
    (void)json_object_set(replay->view->txns, app, txn);
    if (replay->commit != NULL) {
        if (replay->commit->txns == NULL) {
            replay->commit->txns = json_object();
        }
        (void)json_object_set(replay->commit->txns, app, txn);
    }
    return true;
}

static bool replace(json_t **kept, json_t *value)
{
    json_decref(*kept);
    *kept = json_incref(value);
    return true;
}

static bool read_protocol(struct replay *replay, json_t *protocol)
{
    return replace(&replay->view->protocol, protocol);
}

static bool read_metadata(struct replay *replay, json_t *metadata)
{
    const char *schema = json_string_value(json_object_get(metadata, "schemaString"));
    json_t *parsed = schema == NULL ? NULL : json_loads(schema, 0, NULL);
    bool fine = json_is_array(json_object_get(parsed, "fields"));
    if (fine) {
        (void)replace(&replay->view->schema, parsed);
        (void)replace(&replay->view->metadata, metadata);
    }
    json_decref(parsed);
    return fine;
}

static bool read_info(struct replay *replay, json_t *info)
{
    return replay->commit == NULL || replace(&replay->commit->info, info);
}

static bool read_sidecar(struct replay *replay, json_t *sidecar)
{
    json_t *path = json_object_get(sidecar, "path");
    return json_is_string(path) && strchr(json_string_value(path), '/') == NULL &&
           json_array_append(replay->sidecars, path) == 0;
}

static const struct {
    const char *name;
    bool (*read)(struct replay *replay, json_t *action);
} actions[] = {{"add", read_add},
               {"remove", read_remove},
               {"txn", read_txn},
               {"protocol", read_protocol},
               {"metaData", read_metadata},
               {"commitInfo", read_info},
               {"sidecar", read_sidecar}};

/* One line of a commit, or one record of a checkpoint, whose other members are null. */
static bool read_action(struct replay *replay, json_t *line)
{
    bool fine = json_is_object(line);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0] && fine; i++) {
        json_t *action = json_object_get(line, actions[i].name);
        if (json_is_object(action)) {
            fine = actions[i].read(replay, action);
        }
    }
    return fine;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A line an action; jansson's own words when one is no JSON. */
static enum status read_lines(struct replay *replay, struct bytes content, int64_t version)
{
    size_t lines = 0;
    for (size_t at = 0; at < content.size;) {
        const uint8_t *end = memchr(content.data + at, '\n', content.size - at);
        size_t size = end == NULL ? content.size - at : (size_t)(end - content.data) - at;
        json_error_t error = {.text = ""};
        json_t *line = json_loadb((const char *)content.data + at, size, 0, &error);
        bool fine = line != NULL && read_action(replay, line);
        json_decref(line);
        lines++;
        if (!fine) {
            const char *what = arena_printf(&replay->view->arena,
                                            "line %zu is no action%s%s",
                                            lines,
                                            error.text[0] == '\0' ? "" : ": ",
                                            error.text);
            return fail_damaged(replay, version, what);
        }
        at += size + 1;
    }
    return lines > 0 ? OK : fail_damaged(replay, version, "it is empty");
}

static enum status read_commit(struct replay *replay, int64_t version)
{
    struct delta_view *view = replay->view;
    const struct delta_log_file *entry = delta_log_commit(&replay->log, version);
    struct delta_version *commit = &view->history[view->history_count++];
    *commit = (struct delta_version){.version = version};
    replay->commit = commit;
    replay->file = arena_printf(&view->arena, "%s/%020" PRId64 ".json", replay->directory, version);
    struct bytes content;
    enum status status = ERR_NOT_FOUND;
    if (entry != NULL) {
        status = inspect_map(replay->file, &content, replay->diag);
    }
    if (status == ERR_NOT_FOUND) {
        return fail_damaged(replay, version, "it is missing, and a newer version is there");
    }
    TRY(status);
    status = read_lines(replay, content, version);
    inspect_unmap(content);
    json_t *time = json_object_get(commit->info, "inCommitTimestamp");
    time = json_is_integer(time) ? time : json_object_get(commit->info, "timestamp");
    commit->time_ms = json_is_integer(time) ? json_integer_value(time) : entry->modified_ms;
    return status;
}

static enum status read_record(struct replay *replay, struct bytes record)
{
    json_t *line = json_loadb((const char *)record.data, record.size, 0, NULL);
    bool fine = line != NULL && read_action(replay, line);
    json_decref(line);
    return fine ? OK : fail_damaged(replay, 0, "a record of it is no action");
}

static enum status read_records(struct replay *replay, struct bytes content)
{
    static const char *const names[] = {"txn", "add", "metaData", "protocol", "sidecar"};
    enum { COUNT = sizeof names / sizeof names[0] };
    struct record_column columns[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        columns[i] = (struct record_column){.name = bytes_of_text(names[i])};
    }
    struct parquet_records *records = NULL;
    const char *error = parquet_records_open(content, columns, COUNT, &records);
    if (error != NULL) {
        return fail_damaged(replay, 0, error);
    }
    struct buf record = {0};
    enum status status = OK;
    for (bool more = true; more && status == OK;) {
        buf_clear(&record);
        error = parquet_records_next(records, &record, &more);
        if (error != NULL) {
            status = fail_damaged(replay, 0, error);
        } else if (more) {
            status = read_record(replay, buf_bytes(&record));
        }
    }
    buf_free(&record);
    parquet_records_close(records);
    return status;
}

static enum status read_checkpoint_file(struct replay *replay, const char *path)
{
    struct bytes content;
    replay->file = path;
    enum status status = inspect_map(path, &content, replay->diag);
    if (status == ERR_NOT_FOUND) {
        return fail_damaged(replay, 0, "it is missing");
    }
    TRY(status);
    static const char json[] = ".json";
    size_t size = strlen(path);
    bool lines = size > sizeof json && strcmp(path + size - (sizeof json - 1), json) == 0;
    status = lines ? read_lines(replay, content, 0) : read_records(replay, content);
    inspect_unmap(content);
    return status;
}

static enum status read_checkpoint(struct replay *replay, const struct delta_log_file *checkpoint)
{
    struct arena *arena = &replay->view->arena;
    for (size_t i = 0; i < replay->log.count; i++) {
        const struct delta_log_file *entry = &replay->log.files[i];
        bool part = checkpoint->parts > 1 && entry->checkpoint &&
                    entry->parts == checkpoint->parts && entry->version == checkpoint->version;
        if (part || entry == checkpoint) {
            TRY(read_checkpoint_file(replay, inspect_path(arena, replay->directory, entry->name)));
        }
    }
    for (size_t i = 0; i < json_array_size(replay->sidecars); i++) {
        const char *name = json_string_value(json_array_get(replay->sidecars, i));
        const char *path = arena_printf(arena, "%s/_sidecars/%s", replay->directory, name);
        TRY(read_checkpoint_file(replay, path));
    }
    replay->view->checkpoint = checkpoint->version;
    return OK;
}

/* ---- the replay ----------------------------------------------------------------------------- */

/* The newest whole checkpoint that is not above `version`; NULL: there is none. */
static const struct delta_log_file *newest_checkpoint(const struct replay *replay, int64_t version)
{
    const struct delta_log_file *newest = NULL;
    for (size_t i = 0; i < replay->log.count; i++) {
        const struct delta_log_file *entry = &replay->log.files[i];
        if (entry->checkpoint && entry->version <= version &&
            delta_log_is_whole(&replay->log, entry) &&
            (newest == NULL || entry->version > newest->version)) {
            newest = entry;
        }
    }
    return newest;
}

/* The commits that a checkpoint has taken in and that are still there: history alone. */
static enum status read_old_history(struct replay *replay, int64_t first, int64_t end)
{
    struct delta_view *view = replay->view;
    for (int64_t v = first; v < end; v++) {
        TRY(read_commit(replay, v));
    }
    json_object_clear(view->files);
    json_object_clear(view->txns);
    return OK;
}

/* The oldest commit from which on all are there up to `version`; version + 1: not even that. */
static int64_t first_commit(const struct replay *replay, int64_t version)
{
    int64_t first = version + 1;
    while (first > 0 && delta_log_commit(&replay->log, first - 1) != NULL) {
        first--;
    }
    return first;
}

/* A log that was cleaned reaches back to its oldest checkpoint. */
static enum status fail_cleaned(const struct replay *replay, int64_t version)
{
    int64_t oldest = -1;
    for (size_t i = 0; i < replay->log.count; i++) {
        const struct delta_log_file *entry = &replay->log.files[i];
        if (entry->checkpoint && delta_log_is_whole(&replay->log, entry) &&
            (oldest < 0 || entry->version < oldest)) {
            oldest = entry->version;
        }
    }
    if (oldest < 0 || oldest <= version) {
        return OK; /* the gap itself is the error */
    }
    (void)snprintf(replay->diag->file, sizeof replay->diag->file, "%s", replay->directory);
    return diag_fail(replay->diag,
                     "USAGE",
                     "version %" PRId64 " can no longer be shown: the log was cleaned, and reaches "
                     "back to version %" PRId64,
                     version,
                     oldest);
}

/* From version 0 when every commit is there, as an independent reader would rather; else from a
 * checkpoint. `*next` is the first commit that is still to be read. */
static enum status replay_checkpoint(struct replay *replay, int64_t version, int64_t *next)
{
    int64_t first = first_commit(replay, version);
    const struct delta_log_file *checkpoint =
        first == 0 ? NULL : newest_checkpoint(replay, version);
    *next = 0;
    if (first > 0 && checkpoint == NULL) {
        return fail_cleaned(replay, version);
    }
    if (checkpoint == NULL || checkpoint->version + 1 < first) {
        return OK;
    }
    *next = checkpoint->version + 1;
    TRY(read_old_history(replay, first, *next < version + 1 ? *next : version + 1));
    replay->commit = NULL;
    return read_checkpoint(replay, checkpoint);
}

static enum status replay_to(struct replay *replay, int64_t version)
{
    struct delta_view *view = replay->view;
    int64_t next = 0;
    view->history = arena_alloc(&view->arena, (size_t)(version + 2) * sizeof *view->history);
    TRY(replay_checkpoint(replay, version, &next));
    for (; next <= version; next++) {
        TRY(read_commit(replay, next));
    }
    if (view->metadata == NULL || view->protocol == NULL) {
        return fail_damaged(replay, 0, "the log up to here has no metaData or no protocol");
    }
    return OK;
}

static enum status open_view(struct delta_view *view, int64_t version, struct diag *diag)
{
    struct replay replay = {.view = view, .diag = diag, .sidecars = json_array()};
    replay.directory = inspect_path(&view->arena, view->path, "_delta_log");
    enum status status = delta_log_list(&view->arena, replay.directory, &replay.log, diag);
    view->latest = replay.log.latest;
    if (status == OK && view->latest < 0) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", replay.directory);
        status = diag_fail(diag, "USAGE", "it holds no commit, so this is no Delta table (yet)");
    }
    if (status == OK && version > view->latest) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", view->path);
        status = diag_fail(diag,
                           "USAGE",
                           "version %" PRId64 " is not there; the newest is %" PRId64,
                           version,
                           view->latest);
    }
    if (status == OK) {
        view->version = version < 0 ? view->latest : version;
        status = replay_to(&replay, view->version);
    }
    json_decref(replay.sidecars);
    return status;
}

enum status
delta_view_open(struct delta_view *view, const char *path, int64_t version, struct diag *diag)
{
    *view = (struct delta_view){
        .path = path, .checkpoint = -1, .files = json_object(), .txns = json_object()};
    if (!inspect_is_directory(inspect_path(&view->arena, path, "_delta_log"))) {
        return inspect_fail_marker(path, "_delta_log", "Delta table", diag);
    }
    return open_view(view, version, diag);
}

void delta_view_close(struct delta_view *view)
{
    for (size_t i = 0; i < view->history_count; i++) {
        json_decref(view->history[i].info);
        json_decref(view->history[i].txns);
    }
    json_decref(view->protocol);
    json_decref(view->metadata);
    json_decref(view->schema);
    json_decref(view->files);
    json_decref(view->txns);
    arena_free(&view->arena);
}

void delta_view_totals(const struct delta_view *view, int64_t *rows, int64_t *bytes)
{
    *rows = 0;
    *bytes = 0;
    const char *path = NULL;
    json_t *add = NULL;
    json_object_foreach(view->files, path, add)
    {
        int64_t more = delta_view_rows_of(add);
        *rows = *rows < 0 || more < 0 ? -1 : *rows + more;
        *bytes += json_integer_value(json_object_get(add, "size"));
    }
}
