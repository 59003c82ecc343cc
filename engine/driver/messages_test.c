/* Every message survives its bytes; no bytes at all make the decoder read outside them or accept
 * what was cut or lengthened. */
#include "engine/driver/messages.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/base/heap.h"

static const struct option_override overrides[] = {
    {"maxOffsetsPerTrigger", "7"}, {"failOnDataLoss", ""}, {NULL, NULL}};

static const struct attempt_id an_id = {.session = UINT64_C(0xfedcba9876543210),
                                        .batch = 3,
                                        .stage = STAGE_RESULT,
                                        .task = 1,
                                        .attempt = 200};

static const struct map_output maps[] = {{0, "executor 1"}, {INT64_MAX, "executor 2"}};

static struct message sample(enum message_kind kind)
{
    struct message message = {.kind = kind};
    message.id = an_id;
    message.name = "executor 1";
    message.address = "executor 1";
    message.first = true;
    message.registered = (struct message_registered){.session = 17,
                                                     .executor = 2,
                                                     .pipeline_file = "pipelines/p.json",
                                                     .pipeline = bytes_of_text("{\"name\":\"x\"}"),
                                                     .overrides = overrides};
    message.task = (struct message_run_task){.partitions = 200,
                                             .partition = 5,
                                             .from = 10,
                                             .until = INT64_MAX,
                                             .before = {true, 9, -1, UINT64_MAX},
                                             .late_ms = -1,
                                             .evict_ms = INT64_MAX,
                                             .maps = maps,
                                             .map_count = 2};
    message.granted = true;
    message.done.file = (struct delta_file){.path = "part-00001-x.snappy.parquet",
                                            .size = 4711,
                                            .rows = 12,
                                            .modified_ms = 978307200123,
                                            .stats = "{\"numRecords\":12}",
                                            .content_hash = UINT64_MAX,
                                            .rows_hash = 42};
    message.done.rows_read = 300;
    message.done.last = (struct fingerprint){true, INT64_MAX, 978307200123, 42};
    message.done.event_time_max_ms = INT64_MIN;
    message.done.event_time_min_ms = INT64_MAX;
    message.done.event_time_sum_ms = -7;
    message.done.event_times = 299;
    message.done.state_rows = 11;
    message.done.state_bytes = 12;
    message.done.rows_updated = 13;
    message.done.rows_removed = 14;
    message.done.rows_dropped_by_watermark = 15;
    message.done.updates_us = 16;
    message.done.removals_us = 17;
    message.done.commit_us = INT64_MAX;
    message.done.custom[0] = -1;
    message.done.custom[STATE_CUSTOM_METRICS_MAX - 1] = 19;
    message.failure = (struct message_failure){"DATA_LOSS", "offsets \"3\" are gone", -1, -1};
    message.partition = 199;
    message.fetch = (struct message_fetch_block){.request = UINT64_MAX,
                                                 .session = 17,
                                                 .batch = 3,
                                                 .map_task = 4,
                                                 .map_attempt = 5,
                                                 .partition = 6,
                                                 .from = INT64_MAX};
    message.block = (struct message_block){.request = UINT64_MAX,
                                           .found = true,
                                           .size = 1000,
                                           .hash = 42,
                                           .piece = bytes_of_text("piece")};
    return message;
}

static struct message
round_trip(const struct message *message, struct buf *out, struct arena *arena)
{
    struct message back;
    buf_clear(out);
    message_encode(message, out);
    cr_assert(eq(int, message_decode(arena, buf_bytes(out), &back), OK));
    cr_assert(eq(int, back.kind, message->kind));
    return back;
}

static void assert_same_id(const struct attempt_id *id)
{
    cr_assert(eq(u64, id->session, an_id.session));
    cr_assert(eq(i64, id->batch, an_id.batch));
    cr_assert(eq(i64, id->stage, an_id.stage));
    cr_assert(eq(i64, id->task, an_id.task));
    cr_assert(attempt_id_equal(id, &an_id));
    cr_assert(eq(i64, id->attempt, an_id.attempt));
}

Test(messages, register_and_registered_survive)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct message message = sample(MESSAGE_REGISTER);
    struct message back = round_trip(&message, &out, &arena);
    cr_assert_str_eq(back.name, "executor 1");
    cr_assert_str_eq(back.address, "executor 1");
    cr_assert(back.first);

    message = sample(MESSAGE_REGISTERED);
    back = round_trip(&message, &out, &arena);
    cr_assert(eq(u64, back.registered.session, 17));
    cr_assert(eq(i64, back.registered.executor, 2));
    cr_assert_str_eq(back.registered.pipeline_file, "pipelines/p.json");
    cr_assert(bytes_equal_text(back.registered.pipeline, "{\"name\":\"x\"}"));
    cr_assert_str_eq(back.registered.overrides[0].name, "maxOffsetsPerTrigger");
    cr_assert_str_eq(back.registered.overrides[0].value, "7");
    cr_assert_str_eq(back.registered.overrides[1].value, "");
    cr_assert_null(back.registered.overrides[2].name);

    message.registered.overrides = NULL;
    back = round_trip(&message, &out, &arena);
    cr_assert_null(back.registered.overrides[0].name);
    buf_free(&out);
    arena_free(&arena);
}

Test(messages, task_messages_survive)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct message message = sample(MESSAGE_RUN_TASK);
    struct message back = round_trip(&message, &out, &arena);
    assert_same_id(&back.id);
    cr_assert(eq(int, back.task.partition, 5));
    cr_assert(eq(i64, back.task.from, 10));
    cr_assert(eq(i64, back.task.until, INT64_MAX));
    cr_assert(back.task.before.known);
    cr_assert(fingerprint_equal(&back.task.before, &message.task.before));
    cr_assert(eq(i64, back.task.partitions, 200));
    cr_assert(eq(i64, back.task.late_ms, -1));
    cr_assert(eq(i64, back.task.evict_ms, INT64_MAX));
    cr_assert(eq(sz, back.task.map_count, 2));
    for (size_t i = 0; i < 2; i++) {
        cr_assert(eq(i64, back.task.maps[i].attempt, maps[i].attempt));
        cr_assert_str_eq(back.task.maps[i].address, maps[i].address);
    }

    message = sample(MESSAGE_TASK_DONE);
    back = round_trip(&message, &out, &arena);
    assert_same_id(&back.id);
    cr_assert_str_eq(back.done.file.path, message.done.file.path);
    cr_assert_str_eq(back.done.file.stats, message.done.file.stats);
    cr_assert(eq(u64, back.done.file.size, 4711));
    cr_assert(eq(i64, back.done.file.rows, 12));
    cr_assert(eq(i64, back.done.file.modified_ms, 978307200123));
    cr_assert(eq(u64, back.done.file.content_hash, UINT64_MAX));
    cr_assert(eq(u64, back.done.file.rows_hash, 42));

    cr_assert(eq(i64, back.done.rows_read, 300));
    cr_assert(back.done.last.known);
    cr_assert(fingerprint_equal(&back.done.last, &message.done.last));
    cr_assert(eq(i64, back.done.event_time_max_ms, INT64_MIN));
    cr_assert(eq(i64, back.done.event_time_min_ms, INT64_MAX));
    cr_assert(eq(i64, back.done.event_time_sum_ms, -7));
    cr_assert(eq(i64, back.done.event_times, 299));
    cr_assert(eq(i64, back.done.state_rows, 11));
    cr_assert(eq(i64, back.done.state_bytes, 12));
    cr_assert(eq(i64, back.done.rows_updated, 13));
    cr_assert(eq(i64, back.done.rows_removed, 14));
    cr_assert(eq(i64, back.done.rows_dropped_by_watermark, 15));
    cr_assert(eq(i64, back.done.updates_us, 16));
    cr_assert(eq(i64, back.done.removals_us, 17));
    cr_assert(eq(i64, back.done.commit_us, INT64_MAX));
    cr_assert(eq(i64, back.done.custom[0], -1));
    cr_assert(eq(i64, back.done.custom[1], 0));
    cr_assert(eq(i64, back.done.custom[STATE_CUSTOM_METRICS_MAX - 1], 19));

    message.done.file = (struct delta_file){0};
    back = round_trip(&message, &out, &arena);
    cr_assert_null(back.done.file.path);
    cr_assert_null(back.done.file.stats);

    message = sample(MESSAGE_TASK_FAILED);
    back = round_trip(&message, &out, &arena);
    assert_same_id(&back.id);
    cr_assert_str_eq(back.failure.error_class, "DATA_LOSS");
    cr_assert_str_eq(back.failure.text, "offsets \"3\" are gone");
    buf_free(&out);
    arena_free(&arena);
}

Test(messages, blocks_and_losses_survive)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct message message = sample(MESSAGE_FETCH_BLOCK);
    struct message back = round_trip(&message, &out, &arena);
    cr_assert(eq(u64, back.fetch.request, UINT64_MAX));
    cr_assert(eq(u64, back.fetch.session, 17));
    cr_assert(eq(i64, back.fetch.batch, 3));
    cr_assert(eq(i64, back.fetch.map_task, 4));
    cr_assert(eq(i64, back.fetch.map_attempt, 5));
    cr_assert(eq(i64, back.fetch.partition, 6));
    cr_assert(eq(i64, back.fetch.from, INT64_MAX));

    message = sample(MESSAGE_BLOCK);
    back = round_trip(&message, &out, &arena);
    cr_assert(eq(u64, back.block.request, UINT64_MAX));
    cr_assert(back.block.found);
    cr_assert(eq(i64, back.block.size, 1000));
    cr_assert(eq(u64, back.block.hash, 42));
    cr_assert(bytes_equal_text(back.block.piece, "piece"));

    message = sample(MESSAGE_UNLOAD_STATE);
    back = round_trip(&message, &out, &arena);
    cr_assert(eq(i64, back.partition, 199));

    message = sample(MESSAGE_TASK_FAILED);
    message.failure = (struct message_failure){CLASS_FETCH_FAILED, "no block", 7, 2};
    back = round_trip(&message, &out, &arena);
    cr_assert_str_eq(back.failure.error_class, CLASS_FETCH_FAILED);
    cr_assert(eq(i64, back.failure.map_task, 7));
    cr_assert(eq(i64, back.failure.map_attempt, 2));
    buf_free(&out);
    arena_free(&arena);
}

Test(messages, commit_answers_survive_both_ways)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct message message = sample(MESSAGE_ASK_COMMIT);
    struct message back = round_trip(&message, &out, &arena);
    assert_same_id(&back.id);
    message = sample(MESSAGE_COMMIT_ANSWER);
    back = round_trip(&message, &out, &arena);
    cr_assert(back.granted);
    message.granted = false;
    back = round_trip(&message, &out, &arena);
    assert_same_id(&back.id);
    cr_assert_not(back.granted);
    message = sample(MESSAGE_HEARTBEAT);
    (void)round_trip(&message, &out, &arena);
    message = sample(MESSAGE_GOODBYE);
    (void)round_trip(&message, &out, &arena);
    buf_free(&out);
    arena_free(&arena);
}

Test(messages, size_does_not_depend_on_what_a_compressor_decides)
{
    struct buf small = {0};
    struct buf large = {0};
    struct message message = sample(MESSAGE_TASK_DONE);
    message.done.file.size = 1;
    message.done.file.content_hash = 0;
    message_encode(&message, &small);
    message.done.file.size = UINT64_MAX;
    message.done.file.content_hash = UINT64_MAX;
    message_encode(&message, &large);
    cr_assert(eq(sz, small.size, large.size));
    buf_free(&small);
    buf_free(&large);
}

Test(messages, cut_or_lengthened_is_refused)
{
    struct arena arena = {0};
    struct buf out = {0};
    for (int kind = MESSAGE_REGISTER; kind <= MESSAGE_BLOCK; kind++) {
        struct message message = sample((enum message_kind)kind);
        struct message back;
        buf_clear(&out);
        message_encode(&message, &out);
        for (size_t size = 0; size < out.size; size++) {
            struct bytes cut = bytes_of(out.data, size);
            cr_assert(eq(int, message_decode(&arena, cut, &back), ERR_CORRUPT));
        }
        buf_byte(&out, 0);
        cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));
        arena_reset(&arena);
    }
    buf_free(&out);
    arena_free(&arena);
}

Test(messages, values_that_nobody_sends_are_refused)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct message back;
    struct message message = sample(MESSAGE_RUN_TASK);
    message.task.until = message.task.from - 1;
    message_encode(&message, &out);
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));

    message = sample(MESSAGE_RUN_TASK);
    message.task.before.offset = message.task.from; /* it lies below the range */
    buf_clear(&out);
    message_encode(&message, &out);
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));

    buf_clear(&out);
    message = sample(MESSAGE_ASK_COMMIT);
    message.id.attempt = -1;
    message_encode(&message, &out);
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));

    buf_clear(&out);
    message = sample(MESSAGE_ASK_COMMIT);
    message.id.stage = STAGE_RESULT + 1;
    message_encode(&message, &out);
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));

    buf_clear(&out);
    message = sample(MESSAGE_REGISTER);
    message_encode(&message, &out);
    out.data[out.size - 2] = 0; /* a zero byte inside the name */
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));

    buf_clear(&out);
    message = sample(MESSAGE_HEARTBEAT);
    message_encode(&message, &out);
    out.data[2] = MESSAGE_BLOCK + 1;
    cr_assert(eq(int, message_decode(&arena, buf_bytes(&out), &back), ERR_CORRUPT));
    buf_free(&out);
    arena_free(&arena);
}

/* Random bytes and damaged messages, each in a block of exactly its size, so that a read past the
 * end is seen. What decodes must encode to a message that decodes again. */
Test(messages, fuzz)
{
    struct arena arena = {0};
    struct buf out = {0};
    uint64_t random = 1;
    int accepted = 0;
    for (int round = 0; round < 60000; round++) {
        random = hash_mix64(random);
        struct message message = sample((enum message_kind)(1 + random % MESSAGE_BLOCK));
        buf_clear(&out);
        message_encode(&message, &out);
        for (uint64_t flips = (random >> 8) % 4 + 1; flips > 0; flips--) {
            random = hash_mix64(random);
            out.data[random % out.size] = (uint8_t)(random >> 32);
        }
        size_t size = (random >> 40) % 3 == 0 ? random % (out.size + 1) : out.size;
        uint8_t *exact = heap_alloc(size + 1);
        memcpy(exact + 1, out.data, size);
        struct message back;
        if (message_decode(&arena, bytes_of(exact + 1, size), &back) == OK) {
            accepted++;
            struct buf again = {0};
            struct message twice;
            message_encode(&back, &again);
            cr_assert(eq(int, message_decode(&arena, buf_bytes(&again), &twice), OK));
            buf_free(&again);
        }
        heap_free(exact);
        arena_reset(&arena);
    }
    cr_assert(accepted > 100 && accepted < 60000);
    buf_free(&out);
    arena_free(&arena);
}
