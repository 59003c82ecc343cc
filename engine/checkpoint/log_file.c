#include "engine/checkpoint/log_file.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/checkpoint/store_internal.h"

/* ---- writing once --------------------------------------------------------------------------- */

static void name_file(struct diag *diag, const char *path)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
}

static enum status fail_concurrent(const char *path, struct diag *diag)
{
    name_file(diag, path);
    return diag_fail(diag,
                     "CONCURRENT_STREAM_LOG_UPDATE",
                     "another run wrote %s first; only one query at a time may use a checkpoint. "
                     "Stop the other one, or give this one a checkpointLocation of its own",
                     path);
}

static enum status fail_write(const char *path, enum status status, struct diag *diag)
{
    name_file(diag, path);
    if (status == ERR_NOT_DURABLE) {
        return diag_fail(diag,
                         "CHECKPOINT_WRITE_FAILED",
                         "%s is visible, but its directory could not be made durable (fsync "
                         "failed). Check the disk, then start the query again: it resumes from "
                         "what is there then",
                         path);
    }
    return diag_fail(diag,
                     "CHECKPOINT_WRITE_FAILED",
                     "cannot write %s: %s. Make the checkpointLocation writable, with space left, "
                     "then start the query again: nothing was lost",
                     path,
                     status_text(status));
}

/* After an unknown outcome of our own put: are the bytes that are there now ours? */
static enum status
compare_own(struct store *store, const char *path, struct bytes content, bool *ours)
{
    struct arena scratch = {0};
    struct bytes found = {0};
    enum status status = store_get(store, path, &scratch, &found);
    *ours = status == OK && bytes_equal(found, content);
    arena_free(&scratch);
    return status;
}

enum status
log_write_once(struct store *store, const char *path, struct bytes content, struct diag *diag)
{
    enum status status = OK;
    bool unknown = false; /* an earlier request of this very call may have been applied */
    for (unsigned attempt = 0; attempt < STORE_ATTEMPTS_MAX; attempt++) {
        status = store_put_new(store, path, content);
        if (status == OK) {
            return OK;
        }
        unknown = unknown || status == ERR_UNKNOWN;
        if (!unknown || (status != ERR_UNKNOWN && status != ERR_EXISTS)) {
            break;
        }
        bool ours = false;
        enum status seen = compare_own(store, path, content, &ours);
        if (seen == OK) {
            return ours ? OK : fail_concurrent(path, diag);
        }
        /* Absent, or not to be seen: the same bytes again, never other ones, since the first
         * request may still arrive. */
        store_backoff(store, path, attempt);
    }
    return status == ERR_EXISTS && !unknown ? fail_concurrent(path, diag)
                                            : fail_write(path, status, diag);
}

enum status log_read(struct store *store,
                     const char *path,
                     struct arena *arena,
                     struct bytes *content,
                     struct diag *diag)
{
    enum status status = store_get(store, path, arena, content);
    if (status == OK || status == ERR_NOT_FOUND) {
        return status;
    }
    name_file(diag, path);
    return diag_fail(diag,
                     "CHECKPOINT_READ_FAILED",
                     "cannot read %s: %s. Make it readable, then start the query again",
                     path,
                     status_text(status));
}

/* ---- lines ---------------------------------------------------------------------------------- */

bool log_next_line(struct log_lines *lines, struct bytes *line)
{
    size_t left = lines->content.size - lines->at;
    if (left == 0) {
        return false;
    }
    const uint8_t *start = lines->content.data + lines->at;
    const uint8_t *end = memchr(start, '\n', left);
    size_t size = end == NULL ? left : (size_t)(end - start);
    lines->at += end == NULL ? size : size + 1;
    lines->line++;
    if (size > 0 && start[size - 1] == '\r') {
        size--;
    }
    *line = bytes_of(start, size);
    return true;
}

enum status log_fail(const struct log_lines *lines,
                     struct diag *diag,
                     const char *error_class,
                     const char *text)
{
    if (!diag->set) {
        name_file(diag, lines->path);
        diag->line = lines->line == 0 ? 1 : lines->line;
        diag->column = diag->column == 0 ? 1 : diag->column;
    }
    return diag_fail(diag,
                     error_class,
                     "%s (%s). Nothing was changed; restore this file from a copy, or start with a "
                     "new checkpointLocation, which reads from startingOffsets again",
                     text,
                     lines->path);
}

/* The positive number behind 'v', or 0 when there is none. */
static int64_t version_number(struct bytes line)
{
    if (line.size < 2 || line.size > 10 || line.data[0] != 'v') {
        return 0;
    }
    int64_t version = 0;
    for (size_t i = 1; i < line.size; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') {
            return 0;
        }
        version = version * 10 + (line.data[i] - '0');
    }
    return version;
}

enum status log_read_version(struct log_lines *lines, struct diag *diag)
{
    struct bytes line = {0};
    if (lines->content.size > 0 && memchr(lines->content.data, 0, lines->content.size) != NULL) {
        return log_fail(lines, diag, "MALFORMED_LOG", "a zero byte in a file of text");
    }
    if (!log_next_line(lines, &line)) {
        return log_fail(lines, diag, "INCOMPLETE_LOG", "incomplete log file: it is empty");
    }
    int64_t version = version_number(line);
    if (version == 0) {
        return log_fail(lines,
                        diag,
                        "MALFORMED_LOG",
                        "the first line is not a version such as v1: the file is no log entry, or "
                        "it is torn");
    }
    if (version > 1) {
        return log_fail(lines,
                        diag,
                        "UNSUPPORTED_LOG_VERSION",
                        "the newest log version that can be read is v1; this file was written by "
                        "a newer version or with another checkpoint format");
    }
    return OK;
}

/* ---- JSON in a line ------------------------------------------------------------------------- */

enum status log_parse_object(const struct log_lines *lines,
                             struct bytes line,
                             struct arena *arena,
                             struct document *document,
                             struct diag *diag)
{
    struct diag inner = {0};
    enum status status =
        document_parse(arena, lines->path, line, "MALFORMED_LOG", document, &inner);
    if (status == OK && json_is_object(document->root)) {
        return OK;
    }
    if (status == OK) {
        document_free(document);
        return log_fail(lines, diag, "MALFORMED_LOG", "expected a JSON object");
    }
    if (!diag->set) {
        diag->column = inner.column;
    }
    return log_fail(lines, diag, "MALFORMED_LOG", inner.text);
}

enum status log_int64_member(const struct log_lines *lines,
                             const struct document *document,
                             const char *name,
                             int64_t *value,
                             struct diag *diag)
{
    const json_t *member = json_object_get(document->root, name);
    *value = 0;
    if (member == NULL) {
        return OK;
    }
    if (!json_is_integer(member)) {
        char text[96];
        (void)snprintf(text, sizeof text, "%.48s is not an integer", name);
        return log_fail(lines, diag, "MALFORMED_LOG", text);
    }
    *value = json_integer_value(member);
    return OK;
}
