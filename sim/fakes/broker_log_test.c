/* The rules of one log, R1 to R13 and R27, and the worked examples of retention (section 1.5 of the
 * semantics): 24 h of retention, a check every 5 minutes, a pipeline that is down for D hours. */
#include "sim/fakes/broker_log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/heap.h"
#include "engine/base/process.h"
#include "engine/base/units.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static const struct log_config plain = {
    .segment_ms = 7 * 24 * HOUR_MS,
    .segment_bytes = 1 << 30,
    .retention_ms = -1,
    .retention_bytes = -1,
};

/* Append a batch of `count` records with one timestamp; 100 bytes each. */
static struct record_batch *append(struct broker_log *log, int64_t timestamp_ms, size_t count)
{
    struct record_batch *batch = heap_alloc(sizeof *batch);
    batch->records = heap_alloc(count * sizeof *batch->records);
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        batch->records[i] =
            (struct batch_record){.delta = (int32_t)i, .timestamp_ms = timestamp_ms};
    }
    batch->base_offset = log_end(log);
    batch->next_offset = batch->base_offset + (int64_t)count;
    batch->timestamp_max_ms = timestamp_ms;
    batch->size_bytes = 100 * (int64_t)count;
    batch->epoch = 1;
    batch->appended_us = timestamp_ms * US_PER_MS;
    log_append(log, batch);
    return batch;
}

Test(broker_log, r1_offsets_count_up_and_survive_deletion)
{
    struct broker_log log;
    struct log_config config = plain;
    config.retention_ms = HOUR_MS;
    log_init(&log, &config);
    cr_assert(eq(i64, log_end(&log), 0));
    append(&log, 0, 3);
    append(&log, 0, 1);
    cr_assert(eq(i64, log_end(&log), 4));
    cr_assert(log_retain(&log, 2 * HOUR_MS, 4));
    cr_assert(eq(i64, log_end(&log), 4)); /* never used again */
    cr_assert(eq(i64, append(&log, 3 * HOUR_MS, 1)->base_offset, 4));
    heap_drop(&process_host.heap);
}

Test(broker_log, r3_whole_batches_from_the_one_that_holds_the_offset)
{
    struct broker_log log;
    log_init(&log, &plain);
    append(&log, 0, 3);
    append(&log, 0, 4);
    append(&log, 0, 2);
    size_t first = 9;
    cr_assert(eq(sz, log_records(&log, 5, 9, 1 << 20, &first), 2));
    cr_assert(eq(i64, log.batches[first]->base_offset, 3));
    /* The first batch comes even when it is larger than the limit, the second then not. */
    cr_assert(eq(sz, log_records(&log, 0, 9, 1, &first), 1));
    cr_assert(eq(sz, log_records(&log, 0, 9, 699, &first), 1));
    cr_assert(eq(sz, log_records(&log, 0, 9, 700, &first), 2));
    /* Nothing at or above the readable end. */
    cr_assert(eq(sz, log_records(&log, 0, 7, 1 << 20, &first), 2));
    cr_assert(eq(sz, log_records(&log, 7, 7, 1 << 20, &first), 0));
    heap_drop(&process_host.heap);
}

Test(broker_log, r6_segments_roll_by_size_on_an_append_only)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 250;
    log_init(&log, &config);
    append(&log, 0, 1);
    append(&log, 0, 1);
    cr_assert(eq(sz, log.segment_count, 1)); /* 200 of 250 */
    append(&log, 0, 1);
    cr_assert(eq(sz, log.segment_count, 2));
    cr_assert(eq(i64, log.segments[1].base_offset, 2));
    append(&log, 0, 9); /* larger than a segment: alone in one */
    cr_assert(eq(sz, log.segment_count, 3));
    heap_drop(&process_host.heap);
}

/* By the records' own time, from the first batch of the segment; more than segment.ms, not equal.
 */
Test(broker_log, r6_segments_roll_by_record_time)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_ms = HOUR_MS;
    log_init(&log, &config);
    append(&log, 5 * HOUR_MS, 1);
    append(&log, 6 * HOUR_MS, 1);
    cr_assert(eq(sz, log.segment_count, 1));
    append(&log, 4 * HOUR_MS, 1); /* late: no roll */
    cr_assert(eq(sz, log.segment_count, 1));
    append(&log, 6 * HOUR_MS + 1, 1);
    cr_assert(eq(sz, log.segment_count, 2));
    cr_assert(eq(i64, log.segments[1].base_offset, 3));
    heap_drop(&process_host.heap);
}

/* Segments of an hour, one record a minute from 0 on. */
static void fill_hours(struct broker_log *log, int64_t hours)
{
    for (int64_t minute = 0; minute < hours * 60; minute++) {
        append(log, minute * MINUTE_MS, 1);
    }
}

Test(broker_log, r7_r12_the_start_jumps_to_the_first_segment_that_stays)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_ms = HOUR_MS - 1;
    config.retention_ms = 24 * HOUR_MS;
    log_init(&log, &config);
    fill_hours(&log, 30);
    cr_assert(eq(sz, log.segment_count, 30));
    /* The newest record of hour 2 is 2:59; it expires when more than 24 h old. */
    cr_assert(log_retain(&log, 26 * HOUR_MS + 59 * MINUTE_MS, 1800));
    cr_assert(eq(i64, log.start_offset, 120));
    cr_assert(not(log_retain(&log, 26 * HOUR_MS + 59 * MINUTE_MS, 1800)));
    cr_assert(log_retain(&log, 26 * HOUR_MS + 59 * MINUTE_MS + 1, 1800));
    cr_assert(eq(i64, log.start_offset, 180));
    cr_assert(eq(i64, log.segments[0].base_offset, 180));
    heap_drop(&process_host.heap);
}

/* One record from the future pins its segment and all behind it. */
Test(broker_log, r8_a_future_record_pins_what_follows)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 100;
    config.retention_ms = HOUR_MS;
    log_init(&log, &config);
    append(&log, 0, 1);
    append(&log, 100 * HOUR_MS, 1);
    append(&log, 0, 1);
    cr_assert(log_retain(&log, 10 * HOUR_MS, 3));
    cr_assert(eq(i64, log.start_offset, 1));
    cr_assert(not(log_retain(&log, 50 * HOUR_MS, 3)));
    heap_drop(&process_host.heap);
}

/* What stays is at least retention.bytes, at most a segment more. */
Test(broker_log, r9_by_size)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 200;
    config.retention_bytes = 500;
    log_init(&log, &config);
    for (int i = 0; i < 9; i++) { /* segments of 200, 200, 200, 200, 100 */
        append(&log, 0, 1);
    }
    cr_assert(log_retain(&log, 0, 9));
    cr_assert(eq(i64, log.start_offset, 4)); /* 500 stay */
    append(&log, 0, 1);
    cr_assert(not(log_retain(&log, 0, 10))); /* 600: a segment of 200 would leave 400 */
    append(&log, 0, 1);
    cr_assert(log_retain(&log, 0, 11)); /* 700 - 200 */
    cr_assert(eq(i64, log.start_offset, 6));
    heap_drop(&process_host.heap);
}

Test(broker_log, r10_nothing_above_the_high_watermark_goes)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 100;
    config.retention_ms = 0;
    log_init(&log, &config);
    append(&log, 0, 1);
    append(&log, 0, 1);
    append(&log, 0, 1);
    cr_assert(log_retain(&log, HOUR_MS, 2));
    cr_assert(eq(i64, log.start_offset, 2));
    heap_drop(&process_host.heap);
}

/* An idle log expires whole, its active segment too: empty, and offsets go on. */
Test(broker_log, r11_the_active_segment_expires_too)
{
    struct broker_log log;
    struct log_config config = plain;
    config.retention_ms = 24 * HOUR_MS;
    log_init(&log, &config);
    append(&log, 0, 5);
    cr_assert(not(log_retain(&log, 24 * HOUR_MS, 5)));
    cr_assert(log_retain(&log, 24 * HOUR_MS + 1, 5));
    cr_assert(eq(i64, log.start_offset, 5));
    cr_assert(eq(i64, log_end(&log), 5));
    cr_assert(eq(sz, log.segment_count, 1));
    cr_assert(not(log_retain(&log, 999 * HOUR_MS, 5))); /* an empty one is never deleted */
    cr_assert(eq(i64, append(&log, 999 * HOUR_MS, 1)->base_offset, 5));
    heap_drop(&process_host.heap);
}

Test(broker_log, r13_delete_records_needs_no_segment)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 300;
    log_init(&log, &config);
    for (int i = 0; i < 9; i++) {
        append(&log, 0, 1);
    }
    log_delete_records(&log, 4, 1000);
    cr_assert(eq(i64, log.start_offset, 4));
    log_delete_records(&log, 2, 1000); /* never back */
    cr_assert(eq(i64, log.start_offset, 4));
    cr_assert(eq(sz, log.segment_count, 3));
    (void)log_retain(&log, 0, 9); /* the segment wholly below goes at the next check */
    cr_assert(eq(sz, log.segment_count, 2));
    cr_assert(eq(i64, log.start_offset, 4));
    heap_drop(&process_host.heap);
}

/* The log start is checkpointed every 60 s: what came later is forgotten by a machine crash. */
Test(broker_log, r13_a_deleted_start_may_go_back)
{
    struct broker_log log;
    log_init(&log, &plain);
    append(&log, 0, 9);
    log_delete_records(&log, 3, 10 * US_PER_SECOND);
    log_delete_records(&log, 5, 70 * US_PER_SECOND); /* 3 was checkpointed at 60 s */
    log_restore_start(&log, 100 * US_PER_SECOND);
    cr_assert(eq(i64, log.start_offset, 3));
    log_delete_records(&log, 5, 110 * US_PER_SECOND);
    log_restore_start(&log, 120 * US_PER_SECOND);
    cr_assert(eq(i64, log.start_offset, 5));
    heap_drop(&process_host.heap);
}

Test(broker_log, r19_truncation_to_where_epochs_agree)
{
    struct broker_log old;
    struct broker_log leader;
    log_init(&old, &plain);
    log_init(&leader, &plain);
    struct record_batch *shared = append(&old, 0, 3);
    log_append(&leader, shared);
    append(&old, 0, 2); /* epoch 1, never replicated */
    append(&leader, 0, 2)->epoch = 2;
    append(&leader, 0, 4)->epoch = 2;
    cr_assert(eq(i64, log_common_end(&old, &leader), 3));
    log_truncate(&old, log_common_end(&old, &leader));
    cr_assert(eq(i64, log_end(&old), 3));
    cr_assert(eq(i64, log_common_end(&leader, &leader), 9));
    /* Whole batches: cutting in the middle of one takes it whole. */
    log_truncate(&leader, 7);
    cr_assert(eq(i64, log_end(&leader), 5));
    heap_drop(&process_host.heap);
}

Test(broker_log, truncation_removes_segments_and_moves_the_start)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 200;
    log_init(&log, &config);
    for (int64_t i = 0; i < 7; i++) {
        append(&log, i * HOUR_MS, 1);
    }
    log_delete_records(&log, 6, 0);
    log_truncate(&log, 3);
    cr_assert(eq(sz, log.segment_count, 2));
    cr_assert(eq(i64, log_end(&log), 3));
    cr_assert(eq(i64, log.start_offset, 3));
    cr_assert(eq(i64, log.segments[1].timestamp_max_ms, 2 * HOUR_MS));
    cr_assert(eq(i64, log.segments[1].size_bytes, 100));
    log_truncate(&log, 0);
    cr_assert(eq(i64, log_end(&log), 0));
    cr_assert(eq(i64, append(&log, 0, 1)->base_offset, 0));
    log_reset(&log, 40);
    cr_assert(eq(i64, log_end(&log), 40));
    cr_assert(eq(i64, append(&log, 0, 2)->base_offset, 40));
    cr_assert(eq(i64, log.start_offset, 40));
    heap_drop(&process_host.heap);
}

Test(broker_log, r21_what_was_flushed)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 300;
    log_init(&log, &config);
    append(&log, 0, 1);
    append(&log, 40000, 1);
    append(&log, 50000, 1);
    cr_assert(eq(i64, log_flushed_end(&log, 60 * US_PER_SECOND), 1)); /* older than 30 s */
    append(&log, 50001, 1); /* rolls: flushes the others */
    cr_assert(eq(i64, log_flushed_end(&log, 60 * US_PER_SECOND), 3));
    cr_assert(eq(i64, log_flushed_end(&log, 90 * US_PER_SECOND), 4));
    heap_drop(&process_host.heap);
}

/* From the first segment that has such a timestamp; older records may follow. */
Test(broker_log, r27_offsets_by_time)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_bytes = 200;
    log_init(&log, &config);
    static const int64_t times[] = {100, 50, 70, 300, 60, 400};
    for (size_t i = 0; i < 6; i++) {
        append(&log, times[i], 1);
    }
    cr_assert(eq(i64, log_offset_for_time(&log, 0), 0));
    cr_assert(eq(i64, log_offset_for_time(&log, 60), 0));
    cr_assert(eq(i64, log_offset_for_time(&log, 101), 3));
    cr_assert(eq(i64, log_offset_for_time(&log, 301), 5));
    cr_assert(eq(i64, log_offset_for_time(&log, 401), -1));
    heap_drop(&process_host.heap);
}

/* ---- section 1.5: what a pipeline finds lost that was down for `down_h` hours. One record a
 * minute, T0 = 48 h in, checks every 5 minutes at phase `phase_min`. */

static int64_t lost_minutes(int64_t segment_ms, int64_t down_h, int64_t phase_min, int64_t t0_min)
{
    struct broker_log log;
    struct log_config config = plain;
    config.segment_ms = segment_ms;
    config.retention_ms = 24 * HOUR_MS;
    log_init(&log, &config);
    int64_t back_min = t0_min + down_h * 60;
    for (int64_t minute = 0; minute < back_min; minute++) {
        append(&log, minute * MINUTE_MS, 1);
        if (minute % 5 == phase_min) {
            (void)log_retain(&log, minute * MINUTE_MS, log_end(&log));
        }
    }
    int64_t lost = log.start_offset > t0_min ? log.start_offset - t0_min : 0;
    heap_drop(&process_host.heap);
    return lost;
}

static void expect_lost(int64_t segment_ms, int64_t down_h, int64_t least_min, int64_t most_min)
{
    int64_t step = segment_ms / MINUTE_MS / 7 + 1;
    for (int64_t t0 = 48 * 60; t0 < 48 * 60 + segment_ms / MINUTE_MS; t0 += step) {
        int64_t lost = lost_minutes(segment_ms, down_h, t0 % 5, t0);
        cr_assert(ge(i64, lost, least_min));
        cr_assert(le(i64, lost, most_min));
    }
}

Test(broker_log, worked_example_10_minute_segments)
{
    expect_lost(10 * MINUTE_MS, 26, 103, 120); /* 1.82 to 1.97 h, by the bound 2 h - S - c */
    expect_lost(10 * MINUTE_MS, 30, 343, 360);
}

Test(broker_log, worked_example_1_hour_segments)
{
    expect_lost(HOUR_MS, 26, 53, 118); /* 0.93 to 1.92 h */
    expect_lost(HOUR_MS, 30, 293, 359);
}

/* 26 h down with 6 h segments: often nothing, never more than 2 h. */
Test(broker_log, worked_example_6_hour_segments)
{
    size_t without_loss = 0;
    size_t cases = 0;
    for (int64_t t0 = 48 * 60; t0 < 54 * 60; t0 += 20) {
        int64_t lost = lost_minutes(6 * HOUR_MS, 26, 0, t0);
        cr_assert(le(i64, lost, 120));
        without_loss += lost == 0;
        cases++;
    }
    cr_assert(gt(sz, without_loss, cases / 2)); /* 68 % */
    cr_assert(lt(sz, without_loss, cases));
}

/* The default week of a segment and a slow topic: even 30 h lose nothing. */
Test(broker_log, worked_example_default_segments)
{
    cr_assert(eq(i64, lost_minutes(7 * 24 * HOUR_MS, 30, 0, 48 * 60), 0));
}

/* Idle (ii): producers go on for 1 h past T0 and stop; up to T0 + 25 h nothing is lost, then all.
 */
Test(broker_log, worked_example_idle_producers)
{
    struct broker_log log;
    struct log_config config = plain;
    config.retention_ms = 24 * HOUR_MS;
    log_init(&log, &config);
    for (int64_t minute = 0; minute < 60; minute++) {
        append(&log, minute * MINUTE_MS, 1);
    }
    cr_assert(not(log_retain(&log, 24 * HOUR_MS + 59 * MINUTE_MS, 60)));
    cr_assert(eq(i64, log_expiry_ms(&log), 24 * HOUR_MS + 59 * MINUTE_MS + 1));
    cr_assert(log_retain(&log, 25 * HOUR_MS, 60));
    cr_assert(eq(i64, log.start_offset, 60));
    cr_assert(eq(i64, log_end(&log), 60));
    cr_assert(eq(i64, log_expiry_ms(&log), INT64_MAX));
    heap_drop(&process_host.heap);
}
