/* The broker port over librdkafka's mock cluster: positions, waiting, faults. What every broker
 * port must do is in broker_real_test.c. */
#include "engine/real/broker_world_test.h"

#include <dirent.h>

#include "engine/source/kafka_source.h"

#define SECOND US_PER_SECOND

static struct broker_world world;

static void with_mock(int brokers, int partitions, void (*body)(struct broker_world *world))
{
    world_open(&world, brokers, NULL);
    world_create_topic(&world, partitions);
    world_run(&world, body);
    world_close(&world);
}

static struct fiber *spawn(fiber_entry entry, void *argument)
{
    return fibers_spawn(&world.process->ports.fibers, entry, argument);
}

static void sleep_us(int64_t us)
{
    clock_sleep_until(&world.process->ports.clock, real_wall_us() + us);
}

/* ---- exact ranges ---- */

struct range_reader {
    struct kafka_range range;
    int64_t bytes_max;
    int64_t timeout_us;
    int64_t next; /* the offset that must come */
    enum status status;
    struct diag diag;
    bool ended;
};

static enum status expect_next(void *context, const struct broker_record *record, struct diag *diag)
{
    struct range_reader *reader = context;
    char text[32];
    int length = snprintf(text, sizeof text, "%lld.", (long long)reader->next);
    cr_assert(eq(i64, record->offset, reader->next));
    cr_assert(eq(i64, record->timestamp_ms, 1000 + reader->next));
    cr_assert(eq(int, memcmp(record->value.data, text, (size_t)length), 0));
    reader->next++;
    return OK;
}

static void read_range(void *argument)
{
    struct range_reader *reader = argument;
    struct arena scratch = {0};
    const struct plan plan = {
        .topic = world.topic,
        .options = {.fail_on_data_loss = true,
                    .request_timeout_us =
                        reader->timeout_us == 0 ? 30 * SECOND : reader->timeout_us,
                    .poll_timeout_us = reader->timeout_us == 0 ? 60 * SECOND : reader->timeout_us,
                    .fetch_retries = 3,
                    .fetch_retry_interval_us = SECOND,
                    .fetch_bytes_max = reader->bytes_max == 0 ? 1 << 20 : reader->bytes_max},
    };
    reader->next = reader->range.from;
    struct kafka_reading reading = {.ports = &world.process->ports,
                                    .plan = &plan,
                                    .range = &reader->range,
                                    .scratch = &scratch,
                                    .record = expect_next,
                                    .context = reader};
    reader->status = kafka_read_range(&reading, &reader->diag);
    arena_free(&scratch);
    reader->ended = true;
}

static void read_and_expect(struct range_reader reader)
{
    read_range(&reader);
    cr_assert(eq(int, reader.status, OK), "%s", reader.diag.text);
    cr_assert(eq(i64, reader.next, reader.range.until));
}

/* Batches of 1,000 records of 200 bytes, answers of at most 10,000: nothing comes twice, nothing is
 * left out, and one position serves all of it; a step back takes another. */
static void reads_on(struct broker_world *w)
{
    world_append_numbers(w, 0, 5000, 200);
    read_and_expect((struct range_reader){.range = {0, 17, 1234}, .bytes_max = 10000});
    cr_assert(eq(u64, w->process->broker->assigns, 1));
    for (int64_t from = 1234; from < 4234; from += 500) {
        read_and_expect((struct range_reader){.range = {0, from, from + 500}, .bytes_max = 10000});
    }
    cr_assert(eq(u64, w->process->broker->assigns, 1));
    read_and_expect((struct range_reader){.range = {0, 100, 4900}});
    cr_assert(eq(u64, w->process->broker->assigns, 2));
    cr_assert(eq(sz, w->process->broker->clients->consumer_count, 1));
}

Test(broker, to_read_on_costs_no_new_position)
{
    with_mock(1, 1, reads_on);
}

/* Records that come later reach a reader that waited at the end, where it stands. */
static void waits_at_the_end(struct broker_world *w)
{
    world_append_numbers(w, 0, 10, 20);
    read_and_expect((struct range_reader){.range = {0, 0, 10}});
    struct arena arena = {0};
    struct broker_answer answer = world_fetch(w, &arena, 0, 10, 10 * SECOND);
    cr_assert(eq(int, answer.error, BROKER_NONE));
    cr_assert(eq(sz, answer.count, 0));
    cr_assert(eq(i64, answer.readable_end, 10));
    world_append(w, 0, 5000, (struct bytes[]){bytes_of_text("late")}, 1);
    do {
        answer = world_fetch(w, &arena, 0, 10, 10 * SECOND);
        cr_assert(eq(int, answer.error, BROKER_NONE));
    } while (answer.count == 0);
    cr_assert(eq(i64, answer.records[0].offset, 10));
    cr_assert(bytes_equal_text(answer.records[0].value, "late"));
    cr_assert(eq(u64, w->process->broker->assigns, 1));
    arena_free(&arena);
}

Test(broker, a_position_at_the_end_goes_on)
{
    with_mock(1, 1, waits_at_the_end);
}

/* A connection that broke is said once, and what had been read ahead is asked for again: the broker
 * may have another log by now. */
static void reads_on_behind_a_break(struct broker_world *w)
{
    struct arena arena = {0};
    world_append_numbers(w, 0, 10, 20);
    read_and_expect((struct range_reader){.range = {0, 0, 5}});
    rd_kafka_mock_broker_set_down(w->mock, 1);
    sleep_us(300 * US_PER_MS);
    rd_kafka_mock_broker_set_up(w->mock, 1);
    sleep_us(300 * US_PER_MS);
    uint64_t assigns = w->process->broker->assigns;
    struct broker_answer answer = world_fetch(w, &arena, 0, 5, 10 * SECOND);
    cr_assert(eq(int, answer.error, BROKER_TRANSPORT));
    cr_assert(eq(u64, w->process->broker->assigns, assigns));
    do {
        answer = world_fetch(w, &arena, 0, 5, 10 * SECOND);
    } while (answer.error == BROKER_TRANSPORT);
    cr_assert(eq(int, answer.error, BROKER_NONE));
    cr_assert(eq(i64, answer.records[0].offset, 5));
    cr_assert(gt(u64, w->process->broker->assigns, assigns));
    arena_free(&arena);
}

Test(broker, a_break_is_never_read_over)
{
    with_mock(1, 1, reads_on_behind_a_break);
}

static void breaks_later(void *argument)
{
    struct broker_world *w = argument;
    sleep_us(200 * US_PER_MS);
    rd_kafka_mock_broker_set_down(w->mock, 1);
    sleep_us(300 * US_PER_MS);
    rd_kafka_mock_broker_set_up(w->mock, 1);
    world_append_numbers(w, 0, 3, 20);
}

/* The same while somebody waits for more at the end. */
static void breaks_while_it_waits(struct broker_world *w)
{
    struct arena arena = {0};
    world_append_numbers(w, 0, 10, 20);
    read_and_expect((struct range_reader){.range = {0, 0, 10}});
    (void)spawn(breaks_later, w);
    const struct broker_fetch fetch = {.topic = w->topic,
                                       .offset = 10,
                                       .bytes_max = 1 << 20,
                                       .wait_us = 15 * US_PER_SECOND,
                                       .deadline_us = real_wall_us() + 20 * US_PER_SECOND};
    struct broker_answer answer = {0};
    broker_fetch(&w->process->ports.broker, &fetch, &arena, &answer);
    cr_assert(eq(int, answer.error, BROKER_TRANSPORT));
    cr_assert(eq(sz, answer.count, 0));
    cr_assert(eq(i64, answer.next_offset, 10));
    arena_free(&arena);
}

Test(broker, a_break_while_it_waits_is_never_read_over)
{
    with_mock(1, 1, breaks_while_it_waits);
}

/* More readers of one partition than there are consumers, at positions of their own. */
static void many_readers(struct broker_world *w)
{
    enum { READERS = BROKER_CONSUMERS_MAX + 3, EACH = 400 };
    static struct range_reader readers[READERS];
    world_append_numbers(w, 0, READERS * EACH, 100);
    for (int i = 0; i < READERS; i++) {
        readers[i] =
            (struct range_reader){.range = {0, i * EACH, (i + 1) * EACH}, .bytes_max = 5000};
        (void)spawn(read_range, &readers[i]);
    }
    for (int i = 0; i < READERS; i++) {
        while (!readers[i].ended) {
            sleep_us(5 * US_PER_MS);
        }
        cr_assert(eq(int, readers[i].status, OK), "%s", readers[i].diag.text);
        cr_assert(eq(i64, readers[i].next, (i + 1) * EACH));
    }
    cr_assert(le(sz, w->process->broker->clients->consumer_count, BROKER_CONSUMERS_MAX));
}

Test(broker, readers_of_one_partition_never_share_a_position)
{
    with_mock(1, 1, many_readers);
}

/* ---- faults ---- */

/* The mock keeps 5 MiB: what is older is gone, and the error names where the log begins. */
static void meets_expired_records(struct broker_world *w)
{
    world_append_numbers(w, 0, 12000, 1000);
    struct range_reader reader = {.range = {0, 0, 12000}};
    read_range(&reader);
    cr_assert(eq(int, reader.status, ERR_FAILED));
    cr_assert(eq(str, reader.diag.error_class, "DATA_LOSS"));
    struct broker_offset earliest = {.timestamp = BROKER_EARLIEST};
    cr_assert(
        eq(int,
           broker_list_offsets(
               &w->process->ports.broker, w->topic, real_wall_us() + 10 * SECOND, &earliest, 1),
           BROKER_NONE));
    cr_assert(gt(i64, earliest.offset, 0));
    char text[64];
    (void)snprintf(text, sizeof text, "earliest available %lld,", (long long)earliest.offset);
    cr_assert(strstr(reader.diag.text, text) != NULL, "%s", reader.diag.text);
    /* A partition that stopped at an error is read on when somebody asks. */
    read_and_expect((struct range_reader){.range = {0, earliest.offset, 12000}});
}

Test(broker, expired_records_are_out_of_range)
{
    with_mock(1, 1, meets_expired_records);
}

static void follows_the_leader(struct broker_world *w)
{
    (void)rd_kafka_mock_partition_set_leader(w->mock, w->topic, 0, 1);
    world_append_numbers(w, 0, 100, 20);
    read_and_expect((struct range_reader){.range = {0, 0, 50}});
    (void)rd_kafka_mock_partition_set_leader(w->mock, w->topic, 0, 2);
    read_and_expect((struct range_reader){.range = {0, 50, 100}});
    struct broker_offset latest = {.timestamp = BROKER_LATEST};
    cr_assert(eq(int,
                 broker_list_offsets(
                     &w->process->ports.broker, w->topic, real_wall_us() + 10 * SECOND, &latest, 1),
                 BROKER_NONE));
    cr_assert(eq(int, latest.error, BROKER_NONE));
    cr_assert(eq(i64, latest.offset, 100));
    cr_assert(eq(u64, w->process->broker->assigns, 1));
}

Test(broker, a_moved_leader_is_found)
{
    with_mock(2, 1, follows_the_leader);
}

static void meets_no_leader(struct broker_world *w)
{
    world_append_numbers(w, 0, 10, 20);
    (void)rd_kafka_mock_partition_set_leader(w->mock, w->topic, 0, -1);
    struct arena arena = {0};
    struct broker_answer answer = world_fetch(w, &arena, 0, 0, 10 * SECOND);
    cr_assert(eq(int, answer.error, BROKER_LEADER_NOT_AVAILABLE));
    struct broker_offset latest = {.timestamp = BROKER_LATEST};
    (void)broker_list_offsets(
        &w->process->ports.broker, w->topic, real_wall_us() + 10 * SECOND, &latest, 1);
    cr_assert(eq(int, latest.error, BROKER_LEADER_NOT_AVAILABLE));
    (void)rd_kafka_mock_partition_set_leader(w->mock, w->topic, 0, 1);
    read_and_expect((struct range_reader){.range = {0, 0, 10}});
    arena_free(&arena);
}

Test(broker, a_partition_without_a_leader_says_so)
{
    with_mock(1, 1, meets_no_leader);
}

static void meets_a_dead_broker(struct broker_world *w)
{
    world_append_numbers(w, 0, 10, 20);
    read_and_expect((struct range_reader){.range = {0, 0, 5}});
    (void)rd_kafka_mock_broker_set_down(w->mock, 1);
    int64_t begin_us = real_wall_us();
    struct range_reader reader = {.range = {0, 5, 11}, .timeout_us = 2 * SECOND};
    read_range(&reader);
    cr_assert(eq(int, reader.status, ERR_TIMEOUT));
    cr_assert(lt(i64, real_wall_us() - begin_us, 4 * SECOND));
    cr_assert(strstr(reader.diag.text, "Connection refused") != NULL, "%s", reader.diag.text);
    struct arena arena = {0};
    struct broker_partition *partitions = NULL;
    size_t count = 0;
    begin_us = real_wall_us();
    enum broker_error error = broker_metadata(&w->process->ports.broker,
                                              w->topic,
                                              begin_us + 500 * US_PER_MS,
                                              &arena,
                                              &partitions,
                                              &count);
    cr_assert(error == BROKER_TRANSPORT || error == BROKER_TIMED_OUT);
    cr_assert(lt(i64, real_wall_us() - begin_us, SECOND));
    /* It comes back, and so do the records. */
    (void)rd_kafka_mock_broker_set_up(w->mock, 1);
    world_append(w, 0, 1010, (struct bytes[]){bytes_of_text("10.")}, 1);
    read_and_expect((struct range_reader){.range = {0, 10, 11}});
    cr_assert(eq(sz, strlen(broker_last_error(&w->process->ports.broker)), 0));
    arena_free(&arena);
}

Test(broker, a_dead_broker_is_a_timeout_that_says_why)
{
    with_mock(1, 1, meets_a_dead_broker);
}

/* A broker that answers too late holds no call beyond its deadline, and no other fiber for more
 * than a second. */
static int64_t longest_pause_us;
static bool over;

static void tick(void *argument)
{
    for (int64_t last_us = real_monotonic_us(); !over;) {
        sleep_us(US_PER_MS);
        int64_t now_us = real_monotonic_us();
        longest_pause_us =
            now_us - last_us > longest_pause_us ? now_us - last_us : longest_pause_us;
        last_us = now_us;
    }
}

static void meets_a_slow_broker(struct broker_world *w)
{
    struct broker_offset latest = {.timestamp = BROKER_LATEST};
    const struct broker_port *port = &w->process->ports.broker;
    cr_assert(eq(int,
                 broker_list_offsets(port, w->topic, real_wall_us() + 10 * SECOND, &latest, 1),
                 BROKER_NONE));
    (void)rd_kafka_mock_broker_set_rtt(w->mock, 1, 20000);
    (void)spawn(tick, NULL);
    int64_t begin_us = real_wall_us();
    cr_assert(eq(int,
                 broker_list_offsets(port, w->topic, begin_us + 2500 * US_PER_MS, &latest, 1),
                 BROKER_TIMED_OUT));
    int64_t took_us = real_wall_us() - begin_us;
    over = true;
    sleep_us(10 * US_PER_MS);
    cr_assert(ge(i64, took_us, 2500 * US_PER_MS));
    cr_assert(lt(i64, took_us, 3 * SECOND));
    cr_assert(lt(i64, longest_pause_us, 1500 * US_PER_MS));
}

Test(broker, a_slow_broker_holds_nobody_beyond_the_deadline)
{
    with_mock(1, 1, meets_a_slow_broker);
}

/* ---- configurations ---- */

static void read_late(void *argument)
{
    struct arena arena = {0};
    struct broker_answer *answer = argument;
    *answer = world_fetch(&world, &arena, 0, 0, 700 * US_PER_MS);
    arena_free(&arena);
}

/* Another plan takes over while a call is under way: it ends with what it began with. */
static void reconfigures(struct broker_world *w)
{
    (void)rd_kafka_mock_partition_set_leader(w->mock, w->topic, 0, -1); /* silence */
    struct broker_answer answer = {.count = 99};
    (void)spawn(read_late, &answer);
    sleep_us(50 * US_PER_MS);
    struct real_broker *broker = w->process->broker;
    struct diag diag = {0};
    cr_assert(eq(int, world_configure(w, &diag), OK));
    cr_assert(broker->clients->next == NULL); /* the same options: the same instances */
    const struct broker_option options[] = {
        {"bootstrap.servers", w->servers}, {"client.id", "another"}, {NULL, NULL}};
    cr_assert(eq(int, broker_configure(&w->process->ports.broker, options, &diag), OK));
    cr_assert(broker->clients->next != NULL);
    while (answer.count == 99) {
        sleep_us(10 * US_PER_MS);
    }
    cr_assert(eq(int, answer.error, BROKER_TIMED_OUT));
    cr_assert(broker->clients->next == NULL);
    const struct broker_option wrong[] = {
        {"bootstrap.servers", w->servers}, {"security.protocol", "carrier pigeons"}, {NULL, NULL}};
    cr_assert(eq(int, broker_configure(&w->process->ports.broker, wrong, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
    cr_assert(strstr(diag.text, "security.protocol") != NULL, "%s", diag.text);
    cr_assert(broker->clients->next == NULL);
}

Test(broker, a_new_configuration_leaves_calls_under_way_alone)
{
    with_mock(1, 1, reconfigures);
}

/* ---- leaving ---- */

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return count;
}

static void read_for_ever(void *argument)
{
    struct arena arena = {0};
    (void)world_fetch(&world, &arena, 0, 1000, 60 * SECOND);
    cr_assert(false, "nobody resumes this fiber");
}

/* The end comes in the middle of everything: records read ahead, records half answered, a fiber
 * that waits. */
static void leaves_early(struct broker_world *w)
{
    world_append_numbers(w, 0, 1000, 100);
    read_and_expect((struct range_reader){.range = {0, 0, 300}, .bytes_max = 1000});
    (void)spawn(read_for_ever, NULL);
    sleep_us(20 * US_PER_MS);
}

Test(broker, an_end_in_the_middle_leaves_nothing_behind)
{
    world_open(&world, 1, NULL);
    world_create_topic(&world, 1);
    real_process_free(world.process);
    int before = open_descriptors();
    struct diag diag = {0};
    const struct real_config config = {.role = ROLE_DRIVER, .name = "test"};
    cr_assert(eq(int, real_process_new(&config, &world.process, &diag), OK));
    world_run(&world, leaves_early);
    real_process_free(world.process);
    /* The mock closes its side of a connection when it hears of the end. */
    for (int tries = 0; open_descriptors() > before && tries < 100; tries++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    cr_expect(le(int, open_descriptors(), before + 3)); /* the producer's connections */
    cr_assert(eq(int, real_process_new(&config, &world.process, &diag), OK));
    world_close(&world);
}
