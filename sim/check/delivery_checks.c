/* Rows: delivered-once and oracle-rows. A batch's expected rows are the oracle's for every record
 * between its offsets; its delivered rows are those of every commit that carries its txn. Compared
 * at each commit, and the whole table at the end; as multisets, bit for bit. */
#include "engine/base/check.h"
#include "sim/check/checks_internal.h"

/* A stateless query: each record by itself. */
static bool
expect_records(struct checks *checks, const struct check_batch *batch, struct row_set *rows)
{
    for (size_t i = 0; i < checks->partition_count; i++) {
        for (int64_t offset = batch->begins[i]; offset < batch->ends[i]; offset++) {
            const struct oracle_line *line = checks_line(checks, batch, i, offset);
            if (line != NULL && line->verdict == ORACLE_FAILS) {
                return false;
            }
            if (line != NULL && line->verdict == ORACLE_ROW) {
                row_set_add(rows, &line->row);
            }
        }
    }
    return true;
}

/* False: it cannot be told, and somebody has said why. In complete mode only the newest batch's
 * rows are known. */
static bool
expect_batch(struct checks *checks, const struct check_version *version, struct row_set *rows)
{
    struct check_query *query = &checks->queries[version->query];
    const struct check_batch *batch = query_batch(query, version->batch);
    const struct oracle_pipeline *pipeline = oracle_pipeline(checks->oracle);
    if (batch == NULL || !batch->known) {
        return false; /* commits-follow and oracle-ranges say so */
    }
    const struct oracle_stream *stream = NULL;
    if (pipeline->watermark != NULL || pipeline->aggregation != NULL) {
        stream = stream_through(checks, query, version->batch);
        if (stream == NULL) {
            return false;
        }
    }
    if (pipeline->aggregation == NULL) {
        return expect_records(checks, batch, rows);
    }
    if (pipeline->complete && version->batch + 1 < oracle_stream_next(stream)) {
        return false;
    }
    const struct row_set *emitted = oracle_stream_rows(stream, version->batch);
    for (size_t i = 0; i < emitted->count; i++) {
        row_set_add(rows, &emitted->rows[i]);
    }
    return true;
}

/* Rows of the other commits of the same batch: there should be none. */
static void add_other_commits(struct checks *checks, int64_t version, struct row_set *found)
{
    const struct check_version *record = &checks->versions[version];
    struct table_source source = checks_source(checks);
    for (int64_t v = sink_version_of(checks, record->query, record->batch, 0); v >= 0;
         v = sink_version_of(checks, record->query, record->batch, v + 1)) {
        struct bytes file;
        struct table_commit commit;
        if (v == version ||
            !checks_look(checks, table_commit_path(&checks->scratch, checks->table, v), &file) ||
            table_commit_read(file, v, &checks->scratch, &commit) != NULL) {
            continue;
        }
        for (size_t i = 0; i < commit.add_count; i++) {
            const char *error = table_file_rows(
                &source, checks->table, &checks->schema, &commit.adds[i], &checks->scratch, found);
            maybe(error == NULL); /* files-whole has judged it */
        }
    }
}

/* Too many copies of a row that belongs here were delivered again; any other difference is a row
 * that does not belong, or that is missing. */
static enum check_id check_of(const struct row_difference *difference)
{
    bool again = difference->expected > 0 && difference->found > difference->expected;
    return again ? CHECK_DELIVERED_ONCE : CHECK_ORACLE_ROWS;
}

static void fail_rows(struct checks *checks,
                      const char *where,
                      const struct row_difference *difference,
                      const struct row_set *expected,
                      const struct row_set *found)
{
    struct buf text = {0};
    row_describe(&difference->row, &text);
    checks_fail(checks,
                check_of(difference),
                "%s: expected %zu rows, found %zu; row %.*s is expected %zu times, found %zu times",
                where,
                expected->count,
                found->count,
                text.size > 400 ? 400 : (int)text.size,
                (const char *)text.data,
                difference->expected,
                difference->found);
    buf_free(&text);
}

void delivery_commit(struct checks *checks, int64_t version, struct row_set *found)
{
    const struct check_version *record = &checks->versions[version];
    struct row_set expected = {.rows = NULL};
    struct row_difference difference;
    if (expect_batch(checks, record, &expected)) {
        add_other_commits(checks, version, found);
        checks_count(checks, CHECK_ORACLE_ROWS);
        checks_count(checks, CHECK_DELIVERED_ONCE);
        if (row_set_difference(&expected, found, &difference)) {
            const char *where = arena_printf(&checks->scratch,
                                             "version %lld, batch %lld of query %s",
                                             (long long)version,
                                             (long long)record->batch,
                                             checks->queries[record->query].id);
            fail_rows(checks, where, &difference, &expected, found);
        }
    }
    row_set_free(&expected);
}

bool delivery_removes(struct checks *checks, int64_t version, const struct table_commit *commit)
{
    if (!oracle_pipeline(checks->oracle)->complete) {
        if (commit->remove_count > 0) {
            checks_fail(checks,
                        CHECK_READER_WHOLE,
                        "version %lld removes %zu files from an append-only table",
                        (long long)version,
                        commit->remove_count);
        }
        return commit->remove_count == 0;
    }
    struct table_source source = checks_source(checks);
    struct table_live live = {.count = 0};
    const char *error =
        version == 0 ? NULL
                     : table_live_at(&source, checks->table, version - 1, &checks->scratch, &live);
    size_t removed = 0;
    for (size_t i = 0; i < live.count && error == NULL; i++) {
        bool named = false;
        for (size_t k = 0; k < commit->remove_count && !named; k++) {
            named = bytes_equal(live.adds[i].path, commit->removes[k]);
        }
        removed += named ? 1 : 0;
    }
    bool right = error == NULL && removed == live.count && removed == commit->remove_count;
    if (!right && error == NULL) {
        checks_fail(checks,
                    CHECK_READER_WHOLE,
                    "version %lld replaces the table, but removes %zu of its %zu live files with "
                    "%zu removes",
                    (long long)version,
                    removed,
                    live.count,
                    commit->remove_count);
    }
    heap_free(live.adds);
    return right;
}

/* What a reader still has of a table some of whose data files the world has damaged; `lost`: the
 * rows of those, by their adds. */
static const char *
rows_left(struct checks *checks, int64_t last, struct row_set *found, int64_t *lost)
{
    struct table_source source = checks_source(checks);
    struct table_live live = {.count = 0};
    const char *error = table_live_at(&source, checks->table, last, &checks->scratch, &live);
    *lost = 0;
    for (size_t i = 0; i < live.count && error == NULL; i++) {
        const struct table_add *add = &live.adds[i];
        const char *path = arena_printf(&checks->scratch,
                                        "%s/%.*s",
                                        checks->table,
                                        (int)add->path.size,
                                        (const char *)add->path.data);
        if (checks_is_damaged(checks, path)) {
            *lost += add->rows;
        } else {
            error = table_file_rows(
                &source, checks->table, &checks->schema, add, &checks->scratch, found);
        }
    }
    heap_free(live.adds);
    return error;
}

/* May lose: exactly the rows of the damaged files, and nothing else. */
static void damaged_end(struct checks *checks, int64_t last, struct row_set *expected)
{
    struct row_set found = {.rows = NULL};
    struct row_difference difference;
    int64_t lost = 0;
    const char *error = rows_left(checks, last, &found, &lost);
    checks_count(checks, CHECK_DAMAGE_DUTY);
    bool exactly = (int64_t)expected->count == (int64_t)found.count + lost;
    if (error != NULL) {
        checks_fail(checks, CHECK_READER_WHOLE, "beside what is damaged a reader finds: %s", error);
    } else if (!exactly || row_set_excess(expected, &found, &difference)) {
        checks_fail(checks,
                    CHECK_DAMAGE_DUTY,
                    "the table should have %zu rows, %lld of them in damaged files, but a reader "
                    "finds %zu that are %s",
                    expected->count,
                    (long long)lost,
                    found.count,
                    exactly ? "others" : "not the rest");
    }
    row_set_free(&found);
}

static bool log_is_damaged(struct checks *checks)
{
    return checks_damaged_below(checks,
                                arena_printf(&checks->scratch, "%s/_delta_log", checks->table));
}

/* The table as any reader finds it, against the rows of all batches in it. */
void delivery_end(struct checks *checks)
{
    int64_t last = sink_last_version(checks);
    if (last < 0) {
        return;
    }
    struct row_set expected = {.rows = NULL};
    struct row_set found = {.rows = NULL};
    bool judged = true;
    /* In complete mode the newest batch has replaced all rows before it. */
    int64_t first = oracle_pipeline(checks->oracle)->complete ? last : 0;
    for (int64_t v = first; v <= last && judged; v++) {
        const struct check_version *version = &checks->versions[v];
        judged = version->present && version->query != CHECK_QUERY_NONE &&
                 expect_batch(checks, version, &expected);
    }
    struct table_source source = checks_source(checks);
    checks_count(checks, CHECK_READER_WHOLE);
    const char *error = table_rows_at(&source, checks->table, last, &checks->scratch, &found);
    struct row_difference difference;
    if (error != NULL && checks_damaged_below(checks, checks->table)) {
        if (judged &&
            !log_is_damaged(checks)) { /* behind a damaged version nobody reads anything */
            damaged_end(checks, last, &expected);
        }
    } else if (error != NULL) {
        checks_fail(checks, CHECK_READER_WHOLE, "at the end a reader finds: %s", error);
    } else if (judged) {
        checks_count(checks, CHECK_ORACLE_ROWS);
        if (row_set_difference(&expected, &found, &difference)) {
            fail_rows(checks, "the whole table at the end", &difference, &expected, &found);
        }
    }
    row_set_free(&expected);
    row_set_free(&found);
}
