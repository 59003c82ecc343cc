/* The table's own promises: delta-dense, files-whole, sink-once, reader-whole, one-winner for
 * versions (delta-parquet-storage 1.3, 1.7, 5.5). Each commit is read once, when it becomes
 * visible; the whole table again when a crash may have taken something from it. */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/check/checks_internal.h"

int64_t sink_version_of(const struct checks *checks, int query, int64_t batch, int64_t from)
{
    for (size_t v = (size_t)from; v < checks->version_count; v++) {
        const struct check_version *version = &checks->versions[v];
        if (version->present && version->query == query && version->batch == batch &&
            query != CHECK_QUERY_NONE) {
            return (int64_t)v;
        }
    }
    return -1;
}

int64_t sink_last_version(const struct checks *checks)
{
    for (size_t v = checks->version_count; v > 0; v--) {
        if (checks->versions[v - 1].present) {
            return (int64_t)v - 1;
        }
    }
    return -1;
}

static int query_named(const struct checks *checks, struct bytes id)
{
    for (size_t i = 0; i < checks->query_count; i++) {
        if (bytes_equal_text(id, checks->queries[i].id)) {
            return (int)i;
        }
    }
    return CHECK_QUERY_NONE;
}

/* Columns outlive the callback: the newest metaData is what later files are read by. */
static void keep_schema(struct checks *checks, const struct table_commit *commit)
{
    struct table_column *columns = heap_alloc(commit->column_count * sizeof *columns);
    for (size_t i = 0; i < commit->column_count; i++) {
        uint8_t *name = heap_alloc(commit->columns[i].name.size + 1);
        memcpy(name, commit->columns[i].name.data, commit->columns[i].name.size);
        columns[i] = (struct table_column){.name = bytes_of(name, commit->columns[i].name.size),
                                           .type = commit->columns[i].type};
    }
    checks->schema =
        (struct table_commit){.columns = columns, .column_count = commit->column_count};
}

/* The table has the oracle's columns: names, types, order. */
static void schema_is_right(struct checks *checks, int64_t version)
{
    const struct table_commit *schema = &checks->schema;
    bool same = schema->column_count == oracle_column_count(checks->oracle);
    for (size_t i = 0; same && i < schema->column_count; i++) {
        same = bytes_equal_text(schema->columns[i].name, oracle_column_name(checks->oracle, i)) &&
               schema->columns[i].type == oracle_column_type(checks->oracle, i);
    }
    checks_count(checks, CHECK_ORACLE_ROWS);
    if (!same) {
        checks_fail(checks,
                    CHECK_ORACLE_ROWS,
                    "version %lld has %zu columns, which are not the %zu that the pipeline selects",
                    (long long)version,
                    schema->column_count,
                    oracle_column_count(checks->oracle));
    }
}

/* ---- one commit */

static bool dense(struct checks *checks, int64_t version)
{
    checks_count(checks, CHECK_DELTA_DENSE);
    struct bytes ignored;
    bool fine =
        version == 0 || checks_look(checks,
                                    table_commit_path(&checks->scratch, checks->table, version - 1),
                                    &ignored);
    if (!fine) {
        checks_fail(checks,
                    CHECK_DELTA_DENSE,
                    "version %lld of the table was published while version %lld is not there",
                    (long long)version,
                    (long long)version - 1);
    }
    return fine;
}

static void files_are_whole(struct checks *checks,
                            int64_t version,
                            const struct table_commit *commit,
                            struct row_set *rows)
{
    struct table_source source = checks_source(checks);
    for (size_t i = 0; i < commit->add_count; i++) {
        const struct table_add *add = &commit->adds[i];
        int size = (int)add->path.size;
        const char *name = (const char *)add->path.data;
        checks_count(checks, CHECK_FILES_WHOLE);
        const char *error =
            table_file_rows(&source, checks->table, &checks->schema, add, &checks->scratch, rows);
        if (error != NULL) {
            checks_fail(checks,
                        CHECK_FILES_WHOLE,
                        "version %lld adds %.*s: %s",
                        (long long)version,
                        size,
                        name,
                        error);
            return;
        }
        const char *path = arena_printf(&checks->scratch, "%s/%.*s", checks->table, size, name);
        checks_count(checks, CHECK_ACKED_DURABLE);
        if (!checks_durable(checks, path)) {
            checks_fail(checks,
                        CHECK_ACKED_DURABLE,
                        "version %lld was published, but a crash of all machines now would take "
                        "its file %s",
                        (long long)version,
                        path);
        }
    }
}

/* A reader at this instant: no torn commit, no rows that belong to no batch, batches in order. */
static bool reader_sees_batches(struct checks *checks,
                                int64_t version,
                                const struct table_commit *commit,
                                const struct check_version *record)
{
    checks_count(checks, CHECK_READER_WHOLE);
    if (!commit->has_txn || record->query == CHECK_QUERY_NONE) {
        checks_fail(checks,
                    CHECK_READER_WHOLE,
                    "version %lld has %s, so its %zu files belong to no batch of this query",
                    (long long)version,
                    commit->has_txn ? "the txn of an unknown appId" : "no txn",
                    commit->add_count);
        return false;
    }
    if (!delivery_removes(checks, version, commit)) {
        return false;
    }
    if (record->batch > 0 && sink_version_of(checks, record->query, record->batch - 1, 0) < 0) {
        checks_fail(checks,
                    CHECK_READER_WHOLE,
                    "version %lld shows batch %lld, but no version shows batch %lld",
                    (long long)version,
                    (long long)record->batch,
                    (long long)record->batch - 1);
        return false;
    }
    return true;
}

static void sink_once(struct checks *checks, int64_t version)
{
    const struct check_version *record = &checks->versions[version];
    int64_t first = sink_version_of(checks, record->query, record->batch, 0);
    checks_count(checks, CHECK_SINK_ONCE);
    if (first != version) {
        checks_fail(checks,
                    CHECK_SINK_ONCE,
                    "versions %lld and %lld both commit batch %lld of query %s",
                    (long long)first,
                    (long long)version,
                    (long long)record->batch,
                    checks->queries[record->query].id);
    }
}

static void offsets_came_first(struct checks *checks, int64_t version)
{
    const struct check_version *record = &checks->versions[version];
    const struct check_batch *batch = query_batch(&checks->queries[record->query], record->batch);
    checks_count(checks, CHECK_COMMITS_FOLLOW);
    if (batch == NULL || !batch->known || !batch->offsets_present) {
        checks_fail(checks,
                    CHECK_COMMITS_FOLLOW,
                    "version %lld commits batch %lld, but offsets/%lld is not there",
                    (long long)version,
                    (long long)record->batch,
                    (long long)record->batch);
    }
}

static void judge_commit(struct checks *checks, int64_t version, const struct table_commit *commit)
{
    struct row_set rows = {.rows = NULL};
    struct check_version *record = &checks->versions[version];
    if (commit->has_metadata) {
        keep_schema(checks, commit);
        schema_is_right(checks, version);
    }
    files_are_whole(checks, version, commit, &rows);
    record->rows = rows.count;
    if (reader_sees_batches(checks, version, commit, record)) {
        struct check_batch *batch = query_batch(&checks->queries[record->query], record->batch);
        if (batch != NULL) {
            batch->delivered_us = kernel_now_us(checks->kernel);
        }
        sink_once(checks, version);
        offsets_came_first(checks, version);
        ledger_commit(checks, record->query, record->batch);
        delivery_commit(checks, version, &rows);
        state_judge(checks, &checks->queries[record->query], record->batch);
    }
    row_set_free(&rows);
}

static struct check_version *version_made(struct checks *checks, int64_t version)
{
    size_t count = (size_t)version + 1;
    while (checks->version_count < count) {
        if ((checks->version_count & (checks->version_count - 1)) ==
            0) { /* full at powers of two */
            size_t room = checks->version_count == 0 ? 1 : checks->version_count * 2;
            checks->versions = heap_realloc(checks->versions, room * sizeof *checks->versions);
        }
        checks->versions[checks->version_count++] =
            (struct check_version){.query = CHECK_QUERY_NONE, .batch = -1};
    }
    return &checks->versions[version];
}

void sink_published(struct checks *checks,
                    const struct sim_process *by,
                    const char *path,
                    struct bytes content)
{
    int64_t version = table_version_of(checks->table, path);
    if (version < 0) {
        return;
    }
    if (version > INT32_MAX || (by != NULL && !dense(checks, version))) {
        return;
    }
    struct check_version *record = version_made(checks, version);
    if (by != NULL) {
        checks_count(checks, CHECK_ONE_WINNER);
        if (record->present) {
            checks_fail(checks,
                        CHECK_ONE_WINNER,
                        "%s (process %u) replaced version %lld of the table, which was there: "
                        "expected one winner",
                        by->process.name,
                        by->process.id,
                        (long long)version);
        }
    }
    struct table_commit commit;
    struct table_cache *cache = checks_source(checks).cache;
    const char *error = table_cache_commit(cache, content, version, &checks->scratch, &commit);
    *record = (struct check_version){.present = true,
                                     .by = by == NULL ? 0 : by->process.id,
                                     .hash = hash_bytes(content.data, content.size),
                                     .query = CHECK_QUERY_NONE,
                                     .batch = -1};
    if (error != NULL) {
        checks_count(checks, CHECK_READER_WHOLE);
        checks_fail(checks,
                    CHECK_READER_WHOLE,
                    "version %lld of the table cannot be read: %s",
                    (long long)version,
                    error);
        return;
    }
    record->query = commit.has_txn ? query_named(checks, commit.app_id) : CHECK_QUERY_NONE;
    record->batch = commit.has_txn ? commit.txn_version : -1;
    record->files = commit.add_count;
    judge_commit(checks, version, &commit);
}

/* ---- what vanishes */

static bool table_names(struct checks *checks, const char *path)
{
    size_t prefix = strlen(checks->table);
    if (strncmp(path, checks->table, prefix) != 0 || path[prefix] != '/') {
        return false;
    }
    for (size_t v = 0; v < checks->version_count; v++) {
        struct bytes file;
        struct table_commit commit;
        if (!checks->versions[v].present ||
            !checks_look(
                checks, table_commit_path(&checks->scratch, checks->table, (int64_t)v), &file) ||
            table_commit_read(file, (int64_t)v, &checks->scratch, &commit) != NULL) {
            continue;
        }
        for (size_t i = 0; i < commit.add_count; i++) {
            if (bytes_equal_text(commit.adds[i].path, path + prefix + 1)) {
                return true;
            }
        }
    }
    return false;
}

void sink_removed(struct checks *checks, const struct sim_process *by, const char *path)
{
    int64_t version = table_version_of(checks->table, path);
    struct bytes content;
    if (version >= 0 && (size_t)version < checks->version_count) {
        bool there = by == NULL && checks_look(checks, path, &content);
        checks->versions[version].present = there;
        if (by != NULL) {
            checks_count(checks, CHECK_DELTA_DENSE);
            checks_fail(checks,
                        CHECK_DELTA_DENSE,
                        "%s removed version %lld of the table",
                        by->process.name,
                        (long long)version);
        }
    } else if (by != NULL && strstr(path, ".parquet") != NULL) {
        checks_count(checks, CHECK_FILES_WHOLE);
        if (table_names(checks, path)) {
            checks_fail(checks,
                        CHECK_FILES_WHOLE,
                        "%s removed %s, which a version of the table names",
                        by->process.name,
                        path);
        }
    }
}

/* A reader after a crash: nothing of what stays is torn, missing or other than it was. */
void sink_after_crash(struct checks *checks)
{
    int64_t last = sink_last_version(checks);
    if (last < 0) {
        return;
    }
    checks_count(checks, CHECK_DELTA_DENSE);
    for (int64_t v = 0; v <= last; v++) {
        struct bytes content;
        const struct check_version *record = &checks->versions[v];
        const char *path = table_commit_path(&checks->scratch, checks->table, v);
        bool there = checks_look(checks, path, &content);
        if (checks_is_damaged(checks, path)) {
            return; /* no reader gets past it */
        }
        if (!there || hash_bytes(content.data, content.size) != record->hash) {
            checks_fail(checks,
                        there ? CHECK_READER_WHOLE : CHECK_DELTA_DENSE,
                        "a crash %s version %lld of the table, and version %lld is there",
                        there ? "changed" : "took",
                        (long long)v,
                        (long long)last);
            return;
        }
    }
    struct row_set rows = {.rows = NULL};
    struct table_source source = checks_source(checks);
    checks_count(checks, CHECK_READER_WHOLE);
    const char *error = table_rows_at(&source, checks->table, last, &checks->scratch, &rows);
    if (error != NULL && !checks_damaged_below(checks, checks->table)) {
        checks_fail(checks, CHECK_READER_WHOLE, "after a crash a reader finds: %s", error);
    }
    row_set_free(&rows);
}

/* ---- what is reported */

static void committed(struct checks *checks, const struct trace_record *record)
{
    bool known = record->a >= 0 && (size_t)record->a < checks->version_count &&
                 checks->versions[record->a].present;
    const struct check_version *version = known ? &checks->versions[record->a] : NULL;
    checks_count(checks, CHECK_SINK_ONCE);
    if (version == NULL || version->batch != record->batch || version->query != checks->current) {
        checks_fail(checks,
                    CHECK_SINK_ONCE,
                    "%s reports batch %lld as version %lld, which is not its commit",
                    record->process_name,
                    (long long)record->batch,
                    (long long)record->a);
        return;
    }
    if ((int64_t)version->files != record->b || (int64_t)version->rows != record->c) {
        checks_fail(checks,
                    CHECK_SINK_ONCE,
                    "%s reports version %lld with %lld files and %lld rows, it has %zu and %zu",
                    record->process_name,
                    (long long)record->a,
                    (long long)record->b,
                    (long long)record->c,
                    version->files,
                    version->rows);
    }
    checks_count(checks, CHECK_ONE_WINNER);
    if (version->by != 0 && version->by != record->process) {
        checks_fail(checks,
                    CHECK_ONE_WINNER,
                    "%s (process %u) reports version %lld as its own, process %u wrote it",
                    record->process_name,
                    record->process,
                    (long long)record->a,
                    version->by);
    }
    const char *paths[] = {table_commit_path(&checks->scratch, checks->table, record->a),
                           checkpoint_file(checks, "offsets", record->batch)};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        checks_count(checks, CHECK_ACKED_DURABLE);
        if (!checks_durable(checks, paths[i])) {
            checks_fail(checks,
                        CHECK_ACKED_DURABLE,
                        "sink-committed of batch %lld was reported, but a crash of all machines "
                        "now would take %s",
                        (long long)record->batch,
                        paths[i]);
        }
    }
}

static void passed_over(struct checks *checks, const struct trace_record *record)
{
    checks_count(checks, CHECK_SINK_ONCE);
    if (sink_version_of(checks, checks->current, record->batch, 0) < 0 ||
        record->a < record->batch) {
        checks_fail(checks,
                    CHECK_SINK_ONCE,
                    "%s skips batch %lld as if the table had it (txn version %lld), which it has "
                    "not",
                    record->process_name,
                    (long long)record->batch,
                    (long long)record->a);
    }
}

static void output_written(struct checks *checks, const struct trace_record *record)
{
    if (record->text[0] == 0) {
        return; /* no rows, no file */
    }
    const char *path = record->text[0] == '/'
                           ? record->text
                           : arena_printf(&checks->scratch, "%s/%s", checks->table, record->text);
    checks_count(checks, CHECK_ACKED_DURABLE);
    if (!checks_durable(checks, path)) {
        checks_fail(checks,
                    CHECK_ACKED_DURABLE,
                    "%s reports the file of task %lld of batch %lld, but a crash of all machines "
                    "now would take %s",
                    record->process_name,
                    (long long)record->a,
                    (long long)record->batch,
                    path);
    }
}

void sink_event(struct checks *checks, const struct trace_record *record)
{
    if (record->kind == (int)EVENT_SINK_COMMITTED) {
        committed(checks, record);
    } else if (record->kind == (int)EVENT_SINK_SKIPPED) {
        passed_over(checks, record);
    } else if (record->kind == (int)EVENT_OUTPUT_WRITTEN) {
        output_written(checks, record);
    }
}
