/* <checkpoint>/metadata: the query's id for the checkpoint's life (Spark's StreamMetadata;
 * spark-checkpoint 1.2), 45 bytes, no newline:
 *
 *     {"id":"ab7bcd9a-4146-45d3-933d-a615b381c3be"}
 */
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/checkpoint/log_file.h"
#include "engine/checkpoint/metadata_log.h"

static enum status decode(struct arena *arena,
                          const char *path,
                          struct bytes content,
                          char id[UUID_TEXT_SIZE],
                          struct diag *diag)
{
    struct log_lines lines = {.path = path, .content = content};
    struct document document;
    if (content.size == 0) {
        return log_fail(&lines, diag, "INCOMPLETE_LOG", "incomplete log file: it is empty");
    }
    TRY(log_parse_object(&lines, content, arena, &document, diag));
    const char *text = json_string_value(json_object_get(document.root, "id"));
    bool valid = text != NULL && uuid_valid(text);
    if (valid) {
        memcpy(id, text, UUID_TEXT_SIZE);
    }
    document_free(&document);
    return valid ? OK : log_fail(&lines, diag, "MALFORMED_LOG", "\"id\" is no UUID");
}

/* A checkpoint without `metadata` must be a fresh one. */
static enum status
check_fresh(struct store *store, const char *checkpoint, struct arena *arena, struct diag *diag)
{
    static const char *const logs[] = {"offsets", "commits"};
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        int64_t *ids = NULL;
        size_t count = 0;
        const char *log = store_path(arena, checkpoint, logs[i]);
        enum status status = metadata_log_list(store, log, arena, &ids, &count);
        if (status != OK) {
            return diag_fail(diag,
                             "CHECKPOINT_READ_FAILED",
                             "cannot list %s: %s. Make it readable, then start the query again",
                             log,
                             status_text(status));
        }
        if (count > 0) {
            return diag_fail(diag,
                             "CHECKPOINT_METADATA_MISSING",
                             "%s/metadata is missing, but %s has entries up to %lld. With a new "
                             "query id the sink would write old batches again; restore the file "
                             "from a copy, or start with a new checkpointLocation",
                             checkpoint,
                             log,
                             (long long)ids[count - 1]);
        }
    }
    return OK;
}

static enum status
create(struct store *store, const char *path, const char *fresh_id, struct diag *diag)
{
    char text[64];
    int length = snprintf(text, sizeof text, "{\"id\":\"%s\"}", fresh_id);
    require(length > 0 && (size_t)length < sizeof text);
    return log_write_once(store, path, bytes_of(text, (size_t)length), diag);
}

enum status stream_metadata_get(struct store *store,
                                const char *checkpoint,
                                const char *fresh_id,
                                struct arena *arena,
                                char id[UUID_TEXT_SIZE],
                                bool *created,
                                struct diag *diag)
{
    require(uuid_valid(fresh_id));
    const char *path = store_path(arena, checkpoint, "metadata");
    struct bytes content = {0};
    enum status status = log_read(store, path, arena, &content, diag);
    *created = status == ERR_NOT_FOUND;
    if (status == ERR_NOT_FOUND) {
        TRY(check_fresh(store, checkpoint, arena, diag));
        TRY(create(store, path, fresh_id, diag));
        memcpy(id, fresh_id, UUID_TEXT_SIZE);
        return OK;
    }
    TRY(status);
    TRY(decode(arena, path, content, id, diag));
    /* Whoever wrote it may have died before it was durable, and the sink will depend on the id. */
    status = store_sync_directory(store, checkpoint);
    if (status != OK) {
        return diag_fail(diag,
                         "CHECKPOINT_READ_FAILED",
                         "cannot make %s durable: %s. Check the disk, then start the query again",
                         path,
                         status_text(status));
    }
    return OK;
}
