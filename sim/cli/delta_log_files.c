#include "sim/cli/delta_log_files.h"

#include <string.h>

#include "sim/cli/inspect.h"

enum { VERSION_DIGITS = 20, PART_DIGITS = 10 };

static bool take_digits(const char **name, int digits, int64_t *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*name)[i];
        if (c < '0' || c > '9' || *number > INT64_MAX / 10 - 1) {
            return false;
        }
        *number = *number * 10 + (c - '0');
    }
    *name += digits;
    return true;
}

/* N.json, N.checkpoint.parquet, N.checkpoint.P.M.parquet, N.checkpoint.<uuid>.parquet or .json */
static bool parse_name(const char *name, struct delta_log_file *entry)
{
    const char *at = name;
    *entry = (struct delta_log_file){.name = name, .part = 1, .parts = 1};
    if (!take_digits(&at, VERSION_DIGITS, &entry->version)) {
        return false;
    }
    if (strcmp(at, ".json") == 0) {
        return true;
    }
    static const char checkpoint[] = ".checkpoint.";
    if (strncmp(at, checkpoint, sizeof checkpoint - 1) != 0) {
        return false;
    }
    entry->checkpoint = true;
    at += sizeof checkpoint - 1;
    if (strcmp(at, "parquet") == 0) {
        return true;
    }
    const char *rest = at;
    if (take_digits(&rest, PART_DIGITS, &entry->part) && *rest++ == '.' &&
        take_digits(&rest, PART_DIGITS, &entry->parts) && strcmp(rest, ".parquet") == 0) {
        return entry->part >= 1 && entry->part <= entry->parts;
    }
    entry->part = entry->parts = 1;
    size_t size = strlen(at);
    enum { UUID = 36 };
    return size > UUID && (strcmp(at + UUID, ".parquet") == 0 || strcmp(at + UUID, ".json") == 0);
}

enum status delta_log_list(struct arena *arena,
                           const char *directory,
                           struct delta_log_files *log,
                           struct diag *diag)
{
    struct inspect_entry *found = NULL;
    size_t count = 0;
    *log = (struct delta_log_files){.latest = -1};
    TRY(inspect_list(arena, directory, &found, &count, diag));
    log->files = arena_alloc(arena, (count + 1) * sizeof *log->files);
    for (size_t i = 0; i < count; i++) {
        struct delta_log_file *file = &log->files[log->count];
        if (!found[i].directory && parse_name(found[i].name, file)) {
            file->modified_ms = found[i].modified_ms;
            log->latest = file->version > log->latest ? file->version : log->latest;
            log->count++;
        }
    }
    return OK;
}

const struct delta_log_file *delta_log_commit(const struct delta_log_files *log, int64_t version)
{
    for (size_t i = 0; i < log->count; i++) {
        if (!log->files[i].checkpoint && log->files[i].version == version) {
            return &log->files[i];
        }
    }
    return NULL;
}

bool delta_log_is_whole(const struct delta_log_files *log, const struct delta_log_file *checkpoint)
{
    int64_t seen = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct delta_log_file *file = &log->files[i];
        seen += file->checkpoint && file->version == checkpoint->version &&
                file->parts == checkpoint->parts && checkpoint->parts > 1;
    }
    return checkpoint->parts == 1 || seen == checkpoint->parts;
}
