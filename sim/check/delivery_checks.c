/* Rows: delivered-once and oracle-rows. A batch's expected rows are the oracle's for every record
 * between its offsets; its delivered rows are those of every commit that carries its txn. Compared
 * at each commit, and the whole table at the end; as multisets, bit for bit. */
#include "engine/base/check.h"
#include "sim/check/checks_internal.h"

static bool was_skipped(const struct check_batch *batch, size_t partition, int64_t offset)
{
    for (size_t i = 0; i < batch->skipped_count; i++) {
        const struct skipped_range *range = &batch->skipped[i];
        if (range->partition == (int32_t)partition && offset >= range->from &&
            offset < range->until) {
            return true;
        }
    }
    return false;
}

/* One record's row, if it has one. False: a record that can never be committed. */
static bool
expect_record(struct checks *checks, size_t partition, int64_t offset, struct row_set *rows)
{
    struct broker_history history;
    if (!fake_broker_history(checks->broker, checks->topic, (int32_t)partition, offset, &history)) {
        return true; /* no record has this offset */
    }
    struct row row;
    const char *error = NULL;
    bool of_workload = history.workload < checks->scenario->workload_count &&
                       history.line < checks->scenario->workloads[history.workload].line_count;
    enum oracle_verdict verdict =
        of_workload ? oracle_line(checks->oracle, history.workload, history.line, &row, &error)
                    : oracle_record(checks->oracle, history.value, &checks->scratch, &row, &error);
    if (verdict == ORACLE_ROW) {
        row_set_add(rows, &row);
    }
    if (verdict == ORACLE_FAILS) {
        checks_fail(checks,
                    CHECK_ORACLE_ROWS,
                    "the record at offset %lld of partition %zu ends a query with %s, but its "
                    "batch was committed",
                    (long long)offset,
                    partition,
                    error);
    }
    return verdict != ORACLE_FAILS;
}

static bool
expect_batch(struct checks *checks, const struct check_version *version, struct row_set *rows)
{
    const struct check_query *query = &checks->queries[version->query];
    const struct check_batch *batch = query_batch(query, version->batch);
    if (batch == NULL || !batch->known) {
        return false; /* commits-follow and oracle-ranges say so */
    }
    for (size_t i = 0; i < checks->partition_count; i++) {
        for (int64_t offset = batch->begins[i]; offset < batch->ends[i]; offset++) {
            if (!was_skipped(batch, i, offset) && !expect_record(checks, i, offset, rows)) {
                return false;
            }
        }
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
    for (int64_t v = 0; v <= last && judged; v++) {
        const struct check_version *version = &checks->versions[v];
        judged = version->present && version->query != CHECK_QUERY_NONE &&
                 expect_batch(checks, version, &expected);
    }
    struct table_source source = checks_source(checks);
    checks_count(checks, CHECK_READER_WHOLE);
    const char *error = table_rows_at(&source, checks->table, last, &checks->scratch, &found);
    struct row_difference difference;
    if (error != NULL) {
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
