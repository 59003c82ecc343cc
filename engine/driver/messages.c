#include "engine/driver/messages.h"

#include "engine/base/check.h"

enum {
    MESSAGE_MAGIC = 'A',
    MESSAGE_VERSION = 3,
    TEXT_SIZE_MAX = 1 << 20,
    OVERRIDES_MAX = 1024,
    MAPS_MAX = 1 << 20
};

bool attempt_id_equal(const struct attempt_id *a, const struct attempt_id *b)
{
    return a->session == b->session && a->batch == b->batch && a->stage == b->stage &&
           a->task == b->task && a->attempt == b->attempt;
}

/* ---- writing ---- */

static void put_bytes(struct buf *out, struct bytes bytes)
{
    buf_varint(out, bytes.size);
    buf_append(out, bytes.data, bytes.size);
}

static void put_text(struct buf *out, const char *text)
{
    put_bytes(out, bytes_of_text(text));
}

/* A text that may be absent: one byte says whether it follows. */
static void put_maybe_text(struct buf *out, const char *text)
{
    buf_byte(out, text != NULL);
    if (text != NULL) {
        put_text(out, text);
    }
}

static void put_id(struct buf *out, const struct attempt_id *id)
{
    buf_le64(out, id->session);
    buf_zigzag(out, id->batch);
    buf_zigzag(out, id->stage);
    buf_zigzag(out, id->task);
    buf_zigzag(out, id->attempt);
}

static void put_registered(struct buf *out, const struct message_registered *registered)
{
    buf_le64(out, registered->session);
    buf_zigzag(out, registered->executor);
    put_text(out, registered->pipeline_file);
    put_bytes(out, registered->pipeline);
    size_t count = 0;
    while (registered->overrides != NULL && registered->overrides[count].name != NULL) {
        count++;
    }
    require(count <= OVERRIDES_MAX);
    buf_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        put_text(out, registered->overrides[i].name);
        put_text(out, registered->overrides[i].value);
    }
}

static void put_file(struct buf *out, const struct delta_file *file)
{
    put_maybe_text(out, file->path);
    put_maybe_text(out, file->stats);
    buf_le64(out, file->size);
    buf_zigzag(out, file->rows);
    buf_zigzag(out, file->modified_ms);
    buf_le64(out, file->content_hash);
    buf_le64(out, file->rows_hash);
}

/* A fixed width: whether a record is known, and which, costs nothing on the wire. */
static void put_fingerprint(struct buf *out, const struct fingerprint *record)
{
    buf_byte(out, record->known);
    buf_le64(out, (uint64_t)record->offset);
    buf_le64(out, (uint64_t)record->timestamp_ms);
    buf_le64(out, record->hash);
}

static void put_task(struct buf *out, const struct message_run_task *task)
{
    buf_zigzag(out, task->partitions);
    buf_zigzag(out, task->partition);
    buf_zigzag(out, task->from);
    buf_zigzag(out, task->until);
    put_fingerprint(out, &task->before);
    buf_zigzag(out, task->late_ms);
    buf_zigzag(out, task->evict_ms);
    require(task->map_count <= MAPS_MAX);
    buf_varint(out, task->map_count);
    for (size_t i = 0; i < task->map_count; i++) {
        buf_zigzag(out, task->maps[i].attempt);
        put_text(out, task->maps[i].address);
    }
}

static void put_done(struct buf *out, const struct message_task_done *done)
{
    buf_zigzag(out, done->rows_read);
    put_fingerprint(out, &done->last);
    buf_zigzag(out, done->event_time_max_ms);
    buf_zigzag(out, done->event_time_min_ms);
    buf_zigzag(out, done->event_time_sum_ms);
    buf_zigzag(out, done->event_times);
    put_file(out, &done->file);
    buf_zigzag(out, done->state_rows);
    buf_zigzag(out, done->state_bytes);
    buf_zigzag(out, done->rows_updated);
    buf_zigzag(out, done->rows_removed);
    buf_zigzag(out, done->rows_dropped_by_watermark);
    buf_le64(out, (uint64_t)done->updates_us);
    buf_le64(out, (uint64_t)done->removals_us);
    buf_le64(out, (uint64_t)done->commit_us);
    for (size_t i = 0; i < STATE_CUSTOM_METRICS_MAX; i++) {
        buf_le64(out, (uint64_t)done->custom[i]);
    }
}

static void put_fetch(struct buf *out, const struct message_fetch_block *fetch)
{
    buf_le64(out, fetch->request);
    buf_le64(out, fetch->session);
    buf_zigzag(out, fetch->batch);
    buf_zigzag(out, fetch->map_task);
    buf_zigzag(out, fetch->map_attempt);
    buf_zigzag(out, fetch->partition);
    buf_zigzag(out, fetch->from);
}

static void put_block(struct buf *out, const struct message_block *block)
{
    buf_le64(out, block->request);
    buf_byte(out, block->found);
    buf_zigzag(out, block->size);
    buf_le64(out, block->hash);
    put_bytes(out, block->piece);
}

void message_encode(const struct message *message, struct buf *out)
{
    buf_byte(out, MESSAGE_MAGIC);
    buf_byte(out, MESSAGE_VERSION);
    buf_byte(out, (uint8_t)message->kind);
    switch (message->kind) {
    case MESSAGE_REGISTER:
        put_text(out, message->name);
        put_text(out, message->address);
        buf_byte(out, message->first);
        return;
    case MESSAGE_REGISTERED:
        put_registered(out, &message->registered);
        return;
    case MESSAGE_HEARTBEAT:
    case MESSAGE_GOODBYE:
        return;
    case MESSAGE_RUN_TASK:
        put_id(out, &message->id);
        put_task(out, &message->task);
        return;
    case MESSAGE_ASK_COMMIT:
        put_id(out, &message->id);
        return;
    case MESSAGE_COMMIT_ANSWER:
        put_id(out, &message->id);
        buf_byte(out, message->granted);
        return;
    case MESSAGE_TASK_DONE:
        put_id(out, &message->id);
        put_done(out, &message->done);
        return;
    case MESSAGE_TASK_FAILED:
        put_id(out, &message->id);
        put_text(out, message->failure.error_class);
        put_text(out, message->failure.text);
        buf_zigzag(out, message->failure.map_task);
        buf_zigzag(out, message->failure.map_attempt);
        return;
    case MESSAGE_UNLOAD_STATE:
        buf_zigzag(out, message->partition);
        return;
    case MESSAGE_FETCH_BLOCK:
        put_fetch(out, &message->fetch);
        return;
    case MESSAGE_BLOCK:
        put_block(out, &message->block);
        return;
    }
    require(message->kind <= MESSAGE_BLOCK);
}

/* ---- reading ---- */

/* A text holds no zero byte: as a C string it would be silently shorter than what was sent. */
static const char *take_text(struct cursor *cursor, struct arena *arena)
{
    uint64_t size = cursor_varint(cursor);
    struct bytes text = cursor_take(cursor, size);
    if (size > TEXT_SIZE_MAX || (text.size > 0 && memchr(text.data, 0, text.size) != NULL)) {
        cursor->failed = true;
    }
    return cursor->failed ? "" : arena_copy(arena, text.data, text.size);
}

static bool take_bool(struct cursor *cursor)
{
    uint8_t byte = cursor_byte(cursor);
    if (byte > 1) {
        cursor->failed = true;
    }
    return byte == 1;
}

static const char *take_maybe_text(struct cursor *cursor, struct arena *arena)
{
    return take_bool(cursor) ? take_text(cursor, arena) : NULL;
}

/* An index or a number: negative ones come from nobody of ours. */
static int64_t take_count(struct cursor *cursor)
{
    int64_t value = cursor_zigzag(cursor);
    if (value < 0) {
        cursor->failed = true;
    }
    return value;
}

static struct attempt_id take_id(struct cursor *cursor)
{
    struct attempt_id id = {.session = cursor_le64(cursor)};
    id.batch = take_count(cursor);
    id.stage = take_count(cursor);
    if (id.stage > STAGE_RESULT) {
        cursor->failed = true;
    }
    id.task = take_count(cursor);
    id.attempt = take_count(cursor);
    return id;
}

static struct message_registered take_registered(struct cursor *cursor, struct arena *arena)
{
    struct message_registered registered = {.session = cursor_le64(cursor)};
    registered.executor = take_count(cursor);
    registered.pipeline_file = take_text(cursor, arena);
    uint64_t size = cursor_varint(cursor);
    registered.pipeline = cursor_take(cursor, size);
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > OVERRIDES_MAX) {
        cursor->failed = true;
        return registered;
    }
    struct option_override *overrides = arena_alloc(arena, (count + 1) * sizeof *overrides);
    for (uint64_t i = 0; i < count && !cursor->failed; i++) {
        overrides[i].name = take_text(cursor, arena);
        overrides[i].value = take_text(cursor, arena);
    }
    registered.overrides = overrides;
    return registered;
}

static void take_maps(struct cursor *cursor, struct arena *arena, struct message_run_task *task)
{
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > MAPS_MAX || count > cursor_left(cursor)) {
        cursor->failed = true;
        return;
    }
    struct map_output *maps = arena_alloc(arena, count * sizeof *maps);
    for (uint64_t i = 0; i < count && !cursor->failed; i++) {
        maps[i].attempt = take_count(cursor);
        maps[i].address = take_text(cursor, arena);
    }
    task->maps = maps;
    task->map_count = count;
}

static struct fingerprint take_fingerprint(struct cursor *cursor)
{
    struct fingerprint record = {.known = take_bool(cursor)};
    record.offset = (int64_t)cursor_le64(cursor);
    record.timestamp_ms = (int64_t)cursor_le64(cursor);
    record.hash = cursor_le64(cursor);
    if (record.known && record.offset < 0) {
        cursor->failed = true;
    }
    return record;
}

static struct message_run_task take_task(struct cursor *cursor, struct arena *arena)
{
    struct message_run_task task = {.partitions = take_count(cursor)};
    int64_t partition = take_count(cursor);
    task.from = take_count(cursor);
    task.until = take_count(cursor);
    task.before = take_fingerprint(cursor);
    task.late_ms = cursor_zigzag(cursor);
    task.evict_ms = cursor_zigzag(cursor);
    take_maps(cursor, arena, &task);
    bool ahead = task.before.known && task.before.offset >= task.from;
    if (partition > INT32_MAX || task.until < task.from || ahead) {
        cursor->failed = true;
        return task;
    }
    task.partition = (int32_t)partition;
    return task;
}

static struct delta_file take_file(struct cursor *cursor, struct arena *arena)
{
    struct delta_file file = {.path = take_maybe_text(cursor, arena)};
    file.stats = take_maybe_text(cursor, arena);
    file.size = cursor_le64(cursor);
    file.rows = take_count(cursor);
    file.modified_ms = cursor_zigzag(cursor);
    file.content_hash = cursor_le64(cursor);
    file.rows_hash = cursor_le64(cursor);
    return file;
}

static struct message_task_done take_done(struct cursor *cursor, struct arena *arena)
{
    struct message_task_done done = {.rows_read = take_count(cursor)};
    done.last = take_fingerprint(cursor);
    done.event_time_max_ms = cursor_zigzag(cursor);
    done.event_time_min_ms = cursor_zigzag(cursor);
    done.event_time_sum_ms = cursor_zigzag(cursor);
    done.event_times = take_count(cursor);
    done.file = take_file(cursor, arena);
    done.state_rows = take_count(cursor);
    done.state_bytes = take_count(cursor);
    done.rows_updated = take_count(cursor);
    done.rows_removed = take_count(cursor);
    done.rows_dropped_by_watermark = take_count(cursor);
    done.updates_us = (int64_t)cursor_le64(cursor);
    done.removals_us = (int64_t)cursor_le64(cursor);
    done.commit_us = (int64_t)cursor_le64(cursor);
    for (size_t i = 0; i < STATE_CUSTOM_METRICS_MAX; i++) {
        done.custom[i] = (int64_t)cursor_le64(cursor);
    }
    return done;
}

static struct message_fetch_block take_fetch(struct cursor *cursor)
{
    struct message_fetch_block fetch = {.request = cursor_le64(cursor)};
    fetch.session = cursor_le64(cursor);
    fetch.batch = take_count(cursor);
    fetch.map_task = take_count(cursor);
    fetch.map_attempt = take_count(cursor);
    fetch.partition = take_count(cursor);
    fetch.from = take_count(cursor);
    return fetch;
}

static struct message_block take_block(struct cursor *cursor)
{
    struct message_block block = {.request = cursor_le64(cursor), .found = take_bool(cursor)};
    block.size = take_count(cursor);
    block.hash = cursor_le64(cursor);
    uint64_t size = cursor_varint(cursor);
    block.piece = cursor_take(cursor, size);
    return block;
}

static void take_fields(struct cursor *cursor, struct arena *arena, struct message *message)
{
    switch (message->kind) {
    case MESSAGE_REGISTER:
        message->name = take_text(cursor, arena);
        message->address = take_text(cursor, arena);
        message->first = take_bool(cursor);
        return;
    case MESSAGE_REGISTERED:
        message->registered = take_registered(cursor, arena);
        return;
    case MESSAGE_HEARTBEAT:
    case MESSAGE_GOODBYE:
        return;
    case MESSAGE_RUN_TASK:
        message->id = take_id(cursor);
        message->task = take_task(cursor, arena);
        return;
    case MESSAGE_ASK_COMMIT:
        message->id = take_id(cursor);
        return;
    case MESSAGE_COMMIT_ANSWER:
        message->id = take_id(cursor);
        message->granted = take_bool(cursor);
        return;
    case MESSAGE_TASK_DONE:
        message->id = take_id(cursor);
        message->done = take_done(cursor, arena);
        return;
    case MESSAGE_TASK_FAILED:
        message->id = take_id(cursor);
        message->failure.error_class = take_text(cursor, arena);
        message->failure.text = take_text(cursor, arena);
        message->failure.map_task = cursor_zigzag(cursor);
        message->failure.map_attempt = cursor_zigzag(cursor);
        return;
    case MESSAGE_UNLOAD_STATE:
        message->partition = take_count(cursor);
        return;
    case MESSAGE_FETCH_BLOCK:
        message->fetch = take_fetch(cursor);
        return;
    case MESSAGE_BLOCK:
        message->block = take_block(cursor);
        return;
    }
}

enum status message_decode(struct arena *arena, struct bytes bytes, struct message *message)
{
    *message = (struct message){0};
    struct cursor cursor = cursor_of(bytes);
    uint8_t magic = cursor_byte(&cursor);
    uint8_t version = cursor_byte(&cursor);
    uint8_t kind = cursor_byte(&cursor);
    if (cursor.failed || magic != MESSAGE_MAGIC || version != MESSAGE_VERSION ||
        kind < MESSAGE_REGISTER || kind > MESSAGE_BLOCK) {
        return ERR_CORRUPT;
    }
    message->kind = (enum message_kind)kind;
    take_fields(&cursor, arena, message);
    return cursor.failed || cursor_left(&cursor) > 0 ? ERR_CORRUPT : OK;
}
