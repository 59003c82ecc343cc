#include "engine/sink/delta_table.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

enum { LIST_ATTEMPTS_MAX = 4 };

struct delta_table *delta_table_open(const struct ports *ports,
                                     struct store *store,
                                     const char *path,
                                     const char *query_id)
{
    struct delta_table *table = heap_alloc(sizeof *table);
    table->ports = ports;
    table->store = store;
    table->path = arena_strdup(&table->names, path);
    table->log_path = store_path(&table->names, path, "_delta_log");
    table->query_id = arena_strdup(&table->names, query_id);
    table->version = -1;
    table->txn_version = -1;
    table->next_watermark_ms = DELTA_NO_WATERMARK;
    table->durable_version = -1;
    table->last_batch = -1;
    return table;
}

void delta_table_close(struct delta_table *table)
{
    live_files_free(&table->files);
    arena_free(&table->names);
    arena_free(&table->scratch);
    arena_free(&table->record_texts);
    arena_free(&table->table_texts[0]);
    arena_free(&table->table_texts[1]);
    heap_free(table);
}

const char *delta_commit_path(const struct delta_table *table, int64_t version, struct arena *arena)
{
    return arena_printf(arena, "%s/%020" PRId64 ".json", table->log_path, version);
}

enum status delta_table_fail(struct delta_table *table,
                             struct diag *diag,
                             int64_t version,
                             const char *error_class,
                             const char *format,
                             ...)
{
    char text[sizeof diag->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!diag->set) {
        if (version < 0) {
            (void)snprintf(diag->file, sizeof diag->file, "%s", table->log_path);
        } else {
            (void)snprintf(
                diag->file, sizeof diag->file, "%s/%020" PRId64 ".json", table->log_path, version);
        }
    }
    return diag_fail(diag, error_class, "%s", text);
}

void delta_table_backoff(struct delta_table *table, int64_t batch, unsigned attempt)
{
    const int64_t first_us = 100 * US_PER_MS;
    const int64_t longest_us = 5 * US_PER_SECOND;
    const struct ports *ports = table->ports;
    int64_t delay_us = attempt < 6 ? first_us << attempt : longest_us;
    uint64_t key = hash_chain(hash_text(table->path), (uint64_t)batch);
    uint64_t drawn = random_draw(&ports->random, "delta.backoff", key, attempt);
    delay_us = delay_us / 2 + (int64_t)(drawn % (uint64_t)(delay_us / 2 + 1));
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + delay_us);
}

/* ---- one commit ----------------------------------------------------------------------------- */

static void keep_protocol(struct delta_table *table, const struct delta_log_facts *facts)
{
    struct arena *arena = &table->table_texts[0];
    arena_reset(arena);
    table->table.has_protocol = true;
    table->table.unsupported =
        facts->unsupported == NULL ? NULL : arena_strdup(arena, facts->unsupported);
}

static void keep_metadata(struct delta_table *table, const struct delta_log_facts *facts)
{
    struct arena *arena = &table->table_texts[1];
    arena_reset(arena);
    table->table.has_metadata = true;
    table->table.partitioned = facts->partitioned;
    table->table.append_only = facts->append_only;
    table->table.table_id = arena_strdup(arena, facts->table_id);
    table->table.field_count = facts->field_count;
    table->table.fields = arena_alloc(arena, facts->field_count * sizeof *facts->fields);
    for (size_t i = 0; i < facts->field_count; i++) {
        table->table.fields[i] = facts->fields[i];
        table->table.fields[i].name = arena_strdup(arena, facts->fields[i].name);
        table->table.fields[i].type = arena_strdup(arena, facts->fields[i].type);
        if (facts->fields[i].parent != NULL) {
            table->table.fields[i].parent = arena_strdup(arena, facts->fields[i].parent);
        }
    }
}

/* The newest of our query that is seen wins. */
static void keep_transaction(struct delta_table *table, const struct delta_log_facts *facts)
{
    arena_reset(&table->record_texts);
    table->txn_version = facts->txn_version;
    table->next_watermark_ms = facts->has_watermark ? facts->next_watermark_ms : DELTA_NO_WATERMARK;
    table->last_records = facts->last_records == NULL
                              ? NULL
                              : arena_strdup(&table->record_texts, facts->last_records);
}

static bool names_file_of(const struct delta_log_facts *facts, const struct delta_commit *commit)
{
    for (size_t i = 0; i < commit->file_count; i++) {
        for (size_t j = 0; commit->files[i].path != NULL && j < facts->added_count; j++) {
            if (strcmp(commit->files[i].path, facts->added[j].path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void look(struct delta_scan *scan, const struct delta_log_facts *facts, int64_t version)
{
    if (facts->txn_id != NULL && strcmp(facts->txn_id, scan->txn_id) == 0) {
        scan->own_version = version;
    } else if (facts->has_txn) {
        scan->query_seen = true;
    }
    scan->files_named = scan->files_named || names_file_of(facts, scan->commit);
}

/* A table that was dropped and made anew has a new id. Going on would leave in it only what came
 * since, while the checkpoint says that everything is there. */
static enum status check_same_table(struct delta_table *table,
                                    const struct delta_log_facts *facts,
                                    int64_t version,
                                    struct diag *diag)
{
    if (!table->table.has_metadata || strcmp(table->table.table_id, facts->table_id) == 0) {
        return OK;
    }
    return delta_table_fail(table,
                            diag,
                            version,
                            "DELTA_METADATA_CHANGED",
                            "The table's id changed from %s to %s while this query wrote to it. "
                            "Restart the query with a new checkpoint if that is another table.",
                            table->table.table_id,
                            facts->table_id);
}

static enum status read_version(struct delta_table *table,
                                int64_t version,
                                struct delta_log_facts *facts,
                                struct diag *diag)
{
    struct bytes content = {0};
    char problem[DELTA_LOG_PROBLEM_SIZE];
    const char *path = delta_commit_path(table, version, &table->scratch);
    enum status status = store_get(table->store, path, &table->scratch, &content);
    if (status != OK) {
        return delta_table_fail(table,
                                diag,
                                version,
                                "DELTA_LOG_UNREADABLE",
                                "Version %" PRId64
                                " of the table's log cannot be read: %s. Nothing was written; "
                                "restart the query when it can be read again.",
                                version,
                                status_text(status));
    }
    status = delta_log_read(content, table->query_id, &table->scratch, facts, problem);
    if (status == OK && version == 0 && !(facts->has_protocol && facts->has_metadata)) {
        (void)snprintf(problem,
                       sizeof problem,
                       "version 0 lacks %s",
                       facts->has_protocol ? "metaData" : "protocol");
        status = ERR_CORRUPT;
    }
    if (status != OK) {
        return delta_table_fail(table,
                                diag,
                                version,
                                "DELTA_LOG_CORRUPT",
                                "Version %" PRId64
                                " of the table's log cannot be trusted: %s. Restore the file from "
                                "a copy, or start with a new table and a new checkpoint; nothing "
                                "was written.",
                                version,
                                problem);
    }
    return OK;
}

static enum status
replay(struct delta_table *table, int64_t version, struct delta_scan *scan, struct diag *diag)
{
    struct delta_log_facts facts = {0};
    TRY(read_version(table, version, &facts, diag));
    if (facts.has_protocol) {
        keep_protocol(table, &facts);
    }
    if (facts.has_metadata) {
        TRY(check_same_table(table, &facts, version, diag));
        keep_metadata(table, &facts);
    }
    if (facts.has_txn) {
        keep_transaction(table, &facts);
    }
    if (table->keeps_files) {
        live_files_apply(&table->files, &facts);
    }
    if (scan != NULL) {
        look(scan, &facts, version);
    }
    table->version = version;
    return OK;
}

/* ---- the log -------------------------------------------------------------------------------- */

/* The newest version in the directory, and the lowest one missing below it (or `*newest` + 1). */
static enum status
list_versions(struct delta_table *table, int64_t *newest, int64_t *missing, struct diag *diag)
{
    struct store_entry *entries = NULL;
    size_t count = 0;
    enum status status =
        store_list(table->store, table->log_path, &table->scratch, &entries, &count);
    if (status != OK) {
        return delta_table_fail(table,
                                diag,
                                -1,
                                "DELTA_LOG_UNREADABLE",
                                "The table's log cannot be listed: %s. Nothing was written; "
                                "restart the query when it can be read again.",
                                status_text(status));
    }
    *newest = -1;
    *missing = 0;
    for (size_t i = 0; i < count; i++) { /* by name, and so by version */
        int64_t version = 0;
        if (!delta_log_version(entries[i].name, &version)) {
            continue;
        }
        *newest = version;
        if (version == *missing) {
            (*missing)++;
        }
    }
    return OK;
}

static enum status
fail_gap(struct delta_table *table, int64_t newest, int64_t missing, struct diag *diag)
{
    return delta_table_fail(
        table,
        diag,
        missing,
        "DELTA_VERSIONS_NOT_CONTIGUOUS",
        "Version %" PRId64 " of the table's log is missing; versions up to %" PRId64
        " were seen. Restore it, or start with a new table and a new "
        "checkpoint; a log that was cleaned behind a checkpoint cannot be read.",
        missing,
        newest > table->version ? newest : table->version);
}

/* A list may be older than what was already seen (another client's cache), or lack an entry in its
 * middle: ask again a few times, then refuse. Going on over a hole loses rows. */
static enum status find_newest(struct delta_table *table, int64_t *newest, struct diag *diag)
{
    int64_t missing = 0;
    for (unsigned attempt = 0; attempt < LIST_ATTEMPTS_MAX; attempt++) {
        if (attempt > 0) {
            delta_table_backoff(table, -1, attempt - 1);
        }
        TRY(list_versions(table, newest, &missing, diag));
        if (missing == *newest + 1 && *newest >= table->version) {
            return OK;
        }
    }
    return fail_gap(table, *newest, missing, diag);
}

enum status
delta_table_refresh(struct delta_table *table, struct delta_scan *scan, struct diag *diag)
{
    arena_reset(&table->scratch);
    int64_t newest = -1;
    TRY(find_newest(table, &newest, diag));
    while (table->version < newest) {
        arena_reset(&table->scratch);
        TRY(replay(table, table->version + 1, scan, diag));
    }
    arena_reset(&table->scratch);
    return OK;
}

enum status delta_table_keep_files(struct delta_table *table, struct diag *diag)
{
    if (table->keeps_files) {
        return OK;
    }
    live_files_free(&table->files); /* of an earlier try that failed half-way */
    for (int64_t version = 0; version <= table->version; version++) {
        struct delta_log_facts facts = {0};
        arena_reset(&table->scratch);
        TRY(read_version(table, version, &facts, diag));
        live_files_apply(&table->files, &facts);
    }
    arena_reset(&table->scratch);
    table->keeps_files = true;
    return OK;
}

enum status delta_table_secure(struct delta_table *table, struct diag *diag)
{
    int64_t version = table->version;
    if (version <= table->durable_version) {
        return OK;
    }
    enum status status = store_sync_directory(table->store, table->log_path);
    if (status != OK) {
        return delta_table_fail(table,
                                diag,
                                version,
                                "DELTA_COMMIT_NOT_DURABLE",
                                "Version %" PRId64
                                " of the table's log is visible, but the log directory cannot be "
                                "made durable: %s. The query stops; restarted, it decides by "
                                "reading the log again.",
                                version,
                                status_text(status));
    }
    table->durable_version = version;
    return OK;
}
