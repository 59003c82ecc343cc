#include "engine/ports/broker_contract.h"

#include "engine/base/units.h"

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return "line " TEXT(__LINE__) ": " #condition;                                         \
        }                                                                                          \
    } while (0)

enum { BYTES_MAX = 1 << 20, RECORDS_MAX = 64 };

static int64_t soon(const struct broker_contract *contract)
{
    return clock_now_us(contract->clock) + 10 * US_PER_SECOND;
}

static void append_texts(const struct broker_contract *contract,
                         int32_t partition,
                         int64_t timestamp_ms,
                         const char *texts)
{
    struct bytes values[16];
    size_t count = strlen(texts);
    for (size_t i = 0; i < count; i++) {
        values[i] = bytes_of(texts + i, 1); /* one letter a record */
    }
    contract->append(contract->world, partition, timestamp_ms, values, count);
}

static struct broker_answer fetch_at(const struct broker_contract *contract,
                                     struct arena *arena,
                                     int32_t partition,
                                     int64_t offset,
                                     int32_t bytes_max)
{
    const struct broker_fetch fetch = {
        .topic = contract->topic,
        .partition = partition,
        .offset = offset,
        .bytes_max = bytes_max,
        .wait_us = 0,
        .deadline_us = soon(contract),
    };
    struct broker_answer answer = {0};
    broker_fetch(contract->broker, &fetch, arena, &answer);
    return answer;
}

/* Every record from `offset` on: as many answers as it takes to reach the readable end. */
static struct broker_answer fetch_all(const struct broker_contract *contract,
                                      struct arena *arena,
                                      int32_t partition,
                                      int64_t offset,
                                      int32_t bytes_max)
{
    struct broker_answer all = {.next_offset = offset};
    all.records = arena_alloc(arena, RECORDS_MAX * sizeof *all.records);
    struct broker_answer answer = {0};
    do {
        answer = fetch_at(contract, arena, partition, all.next_offset, bytes_max);
        for (size_t i = 0; i < answer.count && all.count < RECORDS_MAX; i++) {
            if (answer.records[i].offset >= all.next_offset) { /* R3 */
                all.records[all.count++] = answer.records[i];
            }
        }
        bool moved = answer.next_offset > all.next_offset;
        all.error = answer.error;
        all.log_start_offset = answer.log_start_offset;
        all.readable_end = answer.readable_end;
        all.next_offset = answer.next_offset;
        if (!moved) {
            break;
        }
    } while (all.error == BROKER_NONE && all.next_offset < all.readable_end);
    return all;
}

static bool is(const struct broker_record *record, int64_t offset, const char *value)
{
    return record->offset == offset && bytes_equal_text(record->value, value);
}

static struct broker_offset
offset_of(const struct broker_contract *contract, int32_t partition, int64_t timestamp)
{
    struct broker_offset entry = {.partition = partition, .timestamp = timestamp};
    enum broker_error error =
        broker_list_offsets(contract->broker, contract->topic, soon(contract), &entry, 1);
    if (error != BROKER_NONE) {
        entry.error = error;
    }
    return entry;
}

/* ---- cases ---------------------------------------------------------------------------------- */

static const char *metadata_lists_every_partition(const struct broker_contract *contract)
{
    struct arena arena = {0};
    struct broker_partition *partitions = NULL;
    size_t count = 0;
    EXPECT(broker_metadata(
               contract->broker, contract->topic, soon(contract), &arena, &partitions, &count) ==
           BROKER_NONE);
    EXPECT(count == 2);
    for (size_t i = 0; i < count; i++) {
        EXPECT(partitions[i].id == (int32_t)i);
        EXPECT(partitions[i].leader >= 0);
        EXPECT(partitions[i].error == BROKER_NONE);
    }
    EXPECT(broker_metadata(
               contract->broker, "no-such-topic", soon(contract), &arena, &partitions, &count) ==
           BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    arena_free(&arena);
    return NULL;
}

/* R1: from 0, one by one, each partition for itself. */
static const char *offsets_count_up(const struct broker_contract *contract)
{
    struct arena arena = {0};
    append_texts(contract, 0, 1000, "ab");
    append_texts(contract, 1, 1000, "x");
    append_texts(contract, 0, 2000, "c");
    struct broker_answer answer = fetch_all(contract, &arena, 0, 0, BYTES_MAX);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count == 3);
    EXPECT(is(&answer.records[0], 0, "a"));
    EXPECT(is(&answer.records[1], 1, "b"));
    EXPECT(is(&answer.records[2], 2, "c"));
    EXPECT(answer.records[0].timestamp_ms == 1000);
    EXPECT(answer.records[2].timestamp_ms == 2000);
    EXPECT(answer.next_offset == 3);
    EXPECT(answer.readable_end == 3);
    EXPECT(answer.log_start_offset == 0);
    answer = fetch_at(contract, &arena, 1, 0, BYTES_MAX);
    EXPECT(answer.count == 1);
    EXPECT(is(&answer.records[0], 0, "x"));
    arena_free(&arena);
    return NULL;
}

/* R3: a fetch in the middle of a batch may bring records below it; none are missing. */
static const char *whole_batches(const struct broker_contract *contract)
{
    struct arena arena = {0};
    append_texts(contract, 0, 1000, "abc");
    append_texts(contract, 0, 1000, "de");
    struct broker_answer answer = fetch_all(contract, &arena, 0, 2, BYTES_MAX);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count == 3);
    EXPECT(is(&answer.records[0], 2, "c"));
    EXPECT(is(&answer.records[2], 4, "e"));
    arena_free(&arena);
    return NULL;
}

/* R3, R4: there is something in the first answer even when it is larger than every limit, and a
 * limit loses nothing. */
static const char *something_always(const struct broker_contract *contract)
{
    struct arena arena = {0};
    append_texts(contract, 0, 1000, "abc");
    append_texts(contract, 0, 1000, "de");
    struct broker_answer answer = fetch_at(contract, &arena, 0, 0, 1);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count >= 1);
    EXPECT(is(&answer.records[0], 0, "a"));
    EXPECT(answer.next_offset == answer.records[answer.count - 1].offset + 1);
    answer = fetch_all(contract, &arena, 0, 0, 1);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count == 5);
    for (size_t i = 0; i < answer.count; i++) {
        EXPECT(answer.records[i].offset == (int64_t)i);
    }
    arena_free(&arena);
    return NULL;
}

/* R5: with nothing to read the answer is empty, and comes after wait_us. */
static const char *a_long_poll_waits(const struct broker_contract *contract)
{
    struct arena arena = {0};
    append_texts(contract, 0, 1000, "a");
    int64_t begin_us = clock_now_us(contract->clock);
    const struct broker_fetch fetch = {
        .topic = contract->topic,
        .offset = 1,
        .bytes_max = BYTES_MAX,
        .wait_us = 300 * US_PER_MS,
        .deadline_us = begin_us + 10 * US_PER_SECOND,
    };
    struct broker_answer answer = {0};
    broker_fetch(contract->broker, &fetch, &arena, &answer);
    int64_t took_us = clock_now_us(contract->clock) - begin_us;
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count == 0);
    EXPECT(answer.next_offset == 1);
    EXPECT(answer.readable_end == 1);
    EXPECT(took_us >= 300 * US_PER_MS);
    EXPECT(took_us < 5 * US_PER_SECOND);
    arena_free(&arena);
    return NULL;
}

/* The table of fetch errors: around the log start and the end. */
static const char *out_of_range_at_both_ends(const struct broker_contract *contract)
{
    struct arena arena = {0};
    append_texts(contract, 0, 1000, "abcd");
    contract->delete_records(contract->world, 0, 2);
    EXPECT(fetch_at(contract, &arena, 0, 1, BYTES_MAX).error == BROKER_OFFSET_OUT_OF_RANGE);
    EXPECT(fetch_at(contract, &arena, 0, 5, BYTES_MAX).error == BROKER_OFFSET_OUT_OF_RANGE);
    struct broker_answer answer = fetch_at(contract, &arena, 0, 4, BYTES_MAX);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.count == 0);
    answer = fetch_all(contract, &arena, 0, 2, BYTES_MAX);
    EXPECT(answer.error == BROKER_NONE);
    EXPECT(answer.log_start_offset >= 0);
    EXPECT(answer.log_start_offset <= 2);
    EXPECT(answer.count == 2);
    EXPECT(is(&answer.records[1], 3, "d"));
    EXPECT(fetch_at(contract, &arena, 7, 0, BYTES_MAX).error == BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    arena_free(&arena);
    return NULL;
}

/* R13: the log start moves at once, never back, and offsets go on. */
static const char *deleted_records_are_gone(const struct broker_contract *contract)
{
    append_texts(contract, 0, 1000, "abcd");
    contract->delete_records(contract->world, 0, 3);
    EXPECT(offset_of(contract, 0, BROKER_EARLIEST).offset == 3);
    EXPECT(offset_of(contract, 0, BROKER_LATEST).offset == 4);
    contract->delete_records(contract->world, 0, 4);
    EXPECT(offset_of(contract, 0, BROKER_EARLIEST).offset == 4);
    append_texts(contract, 0, 1000, "e");
    EXPECT(offset_of(contract, 0, BROKER_LATEST).offset == 5);
    return NULL;
}

static const char *offsets_are_listed(const struct broker_contract *contract)
{
    EXPECT(offset_of(contract, 0, BROKER_EARLIEST).offset == 0);
    EXPECT(offset_of(contract, 0, BROKER_LATEST).offset == 0);
    append_texts(contract, 0, 1000, "ab");
    append_texts(contract, 0, 3000, "c");
    EXPECT(offset_of(contract, 0, BROKER_LATEST).offset == 3);
    EXPECT(offset_of(contract, 0, 1000).offset == 0); /* R27 */
    EXPECT(offset_of(contract, 0, 1001).offset == 2);
    EXPECT(offset_of(contract, 0, 3001).offset == -1);
    EXPECT(offset_of(contract, 0, 3001).error == BROKER_NONE);
    return NULL;
}

/* One bad entry takes nothing from the others. */
static const char *each_entry_has_its_own_error(const struct broker_contract *contract)
{
    append_texts(contract, 1, 1000, "ab");
    struct broker_offset entries[] = {
        {.partition = 9, .timestamp = BROKER_LATEST},
        {.partition = 1, .timestamp = BROKER_LATEST},
        {.partition = 1, .timestamp = BROKER_EARLIEST},
    };
    EXPECT(broker_list_offsets(contract->broker, contract->topic, soon(contract), entries, 3) ==
           BROKER_NONE);
    EXPECT(entries[0].error == BROKER_UNKNOWN_TOPIC_OR_PARTITION);
    EXPECT(entries[1].error == BROKER_NONE);
    EXPECT(entries[1].offset == 2);
    EXPECT(entries[2].offset == 0);
    return NULL;
}

static const char *null_and_empty_values_differ(const struct broker_contract *contract)
{
    struct arena arena = {0};
    const struct bytes values[] = {{0}, bytes_of("", 0)};
    contract->append(contract->world, 0, 1000, values, 2);
    struct broker_answer answer = fetch_all(contract, &arena, 0, 0, BYTES_MAX);
    EXPECT(answer.count == 2);
    EXPECT(answer.records[0].value.data == NULL);
    EXPECT(answer.records[1].value.data != NULL);
    EXPECT(answer.records[1].value.size == 0);
    arena_free(&arena);
    return NULL;
}

/* Every call ends by its deadline, and says so. */
static const char *deadlines_hold(const struct broker_contract *contract)
{
    struct arena arena = {0};
    struct broker_partition *partitions = NULL;
    size_t count = 0;
    struct broker_offset entry = {.timestamp = BROKER_LATEST};
    int64_t begin_us = clock_now_us(contract->clock);
    EXPECT(
        broker_metadata(contract->broker, contract->topic, begin_us, &arena, &partitions, &count) ==
        BROKER_TIMED_OUT);
    EXPECT(broker_list_offsets(contract->broker, contract->topic, begin_us, &entry, 1) ==
           BROKER_TIMED_OUT);
    const struct broker_fetch fetch = {
        .topic = contract->topic,
        .bytes_max = BYTES_MAX,
        .wait_us = 60 * US_PER_SECOND,
        .deadline_us = begin_us + US_PER_SECOND,
    };
    struct broker_answer answer = {0};
    broker_fetch(contract->broker, &fetch, &arena, &answer);
    EXPECT(answer.error == BROKER_TIMED_OUT);
    EXPECT(answer.count == 0);
    EXPECT(clock_now_us(contract->clock) - begin_us < 3 * US_PER_SECOND);
    arena_free(&arena);
    return NULL;
}

const struct broker_contract_case broker_contract_cases[] = {
    {"metadata lists every partition", metadata_lists_every_partition},
    {"R1 offsets count up", offsets_count_up},
    {"R3 whole batches", whole_batches},
    {"R3 R4 something always", something_always},
    {"R5 a long poll waits", a_long_poll_waits},
    {"out of range at both ends", out_of_range_at_both_ends},
    {"R13 deleted records are gone", deleted_records_are_gone},
    {"offsets are listed", offsets_are_listed},
    {"each entry has its own error", each_entry_has_its_own_error},
    {"null and empty values differ", null_and_empty_values_differ},
    {"deadlines hold", deadlines_hold},
    {NULL, NULL},
};
