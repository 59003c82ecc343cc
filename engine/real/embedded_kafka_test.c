/* The helper process for real: this program is started again with the hidden command, a plain
 * consumer reads, the test commits in the place of a query by writing a checkpoint. */
#include "engine/real/embedded_kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <librdkafka/rdkafka.h>

#include "engine/checkpoint/metadata_log.h"
#include "engine/real/loop.h"
#include "engine/real/pacing.h"
#include "engine/source/offsets.h"

enum { PARTITIONS = 2, WAIT_US = 20000000 };

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], EMBEDDED_KAFKA_COMMAND) == 0) {
        embedded_kafka_main(count - 1, arguments + 1);
    }
    struct criterion_test_set *tests = criterion_initialize();
    int result =
        criterion_handle_args(count, arguments, true) ? !criterion_run_all_tests(tests) : 0;
    criterion_finalize(tests);
    return result;
}

/* Criterion starts this program again for each test, and knows by this variable that it did: a
 * helper that inherited it would be taken for a test. */
static void forget_criterion(void)
{
    cr_assert(eq(int, unsetenv("BXFI_MAP"), 0));
}

TestSuite(embedded_kafka, .init = forget_criterion, .timeout = 60);

/* ---- a directory with a file to feed, and a checkpoint
 * ---------------------------------------- */

struct place {
    char directory[64];
    char file[96];
    char checkpoint[96];
    char text[256]; /* of --feed */
    struct arena arena;
    struct feed feed;
    int64_t records;
    int64_t bytes;
    int64_t batch; /* the next one */
};

static void write_file(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL), "%s", path);
    cr_assert(eq(sz, fwrite(content.data, 1, content.size, file), content.size));
    cr_assert(eq(int, fclose(file), 0));
}

static void place_begin(struct place *place)
{
    *place = (struct place){.directory = "/tmp/embedded-kafka-XXXXXX"};
    cr_assert(ne(ptr, mkdtemp(place->directory), NULL));
    snprintf(place->file, sizeof place->file, "%s/records.ndjson", place->directory);
    snprintf(place->checkpoint, sizeof place->checkpoint, "%s/checkpoint", place->directory);
}

/* `count` records of about `size` bytes; none equals another. */
static void place_generate(struct place *place, int64_t count, int size, const char *options)
{
    FILE *file = fopen(place->file, "w");
    for (int64_t i = 0; i < count; i++) {
        int wrote =
            fprintf(file, "{\"record\":%lld,\"fill\":\"%0*d\"}", (long long)i, size - 25, 7);
        place->bytes += wrote;
        fputc('\n', file);
    }
    cr_assert(eq(int, fclose(file), 0));
    place->records = count;
    snprintf(place->text, sizeof place->text, "flights=%s%s", place->file, options);
    struct diag diag = {0};
    cr_assert(eq(int, feed_parse(&place->arena, place->text, &place->feed, &diag), OK));
}

static void place_end(struct place *place)
{
    arena_free(&place->arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", place->directory);
    cr_assert(eq(int, system(command), 0));
}

/* What a query does: the intent, then the commit. */
static void write_batch(struct place *place, const int64_t *ends, bool commit)
{
    char path[160];
    struct partition_offset entries[PARTITIONS] = {{0, ends[0]}, {1, ends[1]}};
    struct offsets offsets = {.topic = "flights", .entries = entries, .count = PARTITIONS};
    struct buf json = {0};
    offsets_json(&offsets, &json);
    buf_byte(&json, '\0');
    struct offset_log_entry entry = {.conf = "{}", .sources = (const char *)json.data};
    struct buf content = {0};
    offset_log_encode(&entry, &content);
    (void)mkdir(place->checkpoint, 0755);
    snprintf(path, sizeof path, "%s/offsets", place->checkpoint);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/offsets/%lld", place->checkpoint, (long long)place->batch);
    write_file(path, buf_bytes(&content));
    if (commit) {
        buf_clear(&content);
        commit_log_encode(0, &content);
        snprintf(path, sizeof path, "%s/commits", place->checkpoint);
        (void)mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/commits/%lld", place->checkpoint, (long long)place->batch);
        write_file(path, buf_bytes(&content));
        place->batch++;
    }
    buf_free(&content);
    buf_free(&json);
}

static struct embedded_kafka *start(const struct place *place)
{
    struct embedded_kafka_config config = {
        .feed = &place->feed, .checkpoint = place->checkpoint, .brokers = 1};
    struct embedded_kafka *kafka = NULL;
    struct diag diag = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &diag), OK), "%s", diag.text);
    return kafka;
}

/* ---- a plain consumer
 * ------------------------------------------------------------------------- */

struct reader {
    rd_kafka_t *consumer;
    int64_t next[PARTITIONS];
    int64_t records;
    int64_t bytes;
};

static void reader_open(struct reader *reader, const char *bootstrap, const int64_t *from)
{
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "test", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_conf_set(conf, "auto.offset.reset", "error", why, sizeof why);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", why, sizeof why);
    *reader = (struct reader){.consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why)};
    cr_assert(ne(ptr, reader->consumer, NULL), "%s", why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        rd_kafka_topic_partition_list_add(list, "flights", p)->offset = from[p];
        reader->next[p] = from[p];
    }
    cr_assert(eq(int, rd_kafka_assign(reader->consumer, list), 0));
    rd_kafka_topic_partition_list_destroy(list);
}

static void reader_close(struct reader *reader)
{
    rd_kafka_consumer_close(reader->consumer);
    rd_kafka_destroy(reader->consumer);
}

/* Take one record; false when none came for a while. Its number stands in its value: the layout is
 * checked record by record, nothing is skipped. */
static bool reader_take(struct reader *reader, int wait_ms)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->consumer, wait_ms);
    if (message == NULL) {
        return false;
    }
    cr_assert(eq(int, message->err, 0), "%s", rd_kafka_message_errstr(message));
    int32_t p = message->partition;
    cr_assert(eq(i64, message->offset, reader->next[p]));
    long long record = -1;
    cr_assert(eq(int, sscanf(message->payload, "{\"record\":%lld,", &record), 1));
    cr_assert(eq(i64, record, message->offset * PARTITIONS + p));
    reader->next[p]++;
    reader->records++;
    reader->bytes += (int64_t)message->len;
    rd_kafka_message_destroy(message);
    return true;
}

static int64_t log_end(const struct reader *reader, int32_t partition, int64_t which)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "flights", partition)->offset = which;
    cr_assert(eq(int, rd_kafka_offsets_for_times(reader->consumer, list, 5000), 0));
    cr_assert(eq(int, list->elems[0].err, 0));
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* ---- the tests
 * -------------------------------------------------------------------------------- */

/* 13 MB through two partitions that hold 5 MiB each: nothing was dropped unread. */
Test(embedded_kafka, more_than_the_mock_holds_goes_through_it)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 30000, 450, "");
    cr_assert(gt(i64, place.bytes, 12 << 20));
    struct embedded_kafka *kafka = start(&place);
    struct reader reader;
    reader_open(&reader, embedded_kafka_bootstrap(kafka), (int64_t[]){0, 0});
    int64_t until_us = real_monotonic_us() + WAIT_US;
    int64_t committed = 0;
    while (reader.records < place.records && real_monotonic_us() < until_us) {
        bool took = reader_take(&reader, 100);
        if (reader.records - committed >= 2000 || (!took && reader.records > committed)) {
            write_batch(&place, reader.next, true);
            committed = reader.records;
        }
    }
    cr_assert(eq(i64, reader.records, place.records));
    cr_assert(eq(i64, reader.bytes, place.bytes));
    int64_t fed = -1;
    struct diag diag = {0};
    while (!embedded_kafka_fed(kafka, &fed) && real_monotonic_us() < until_us) {
        cr_assert(eq(int, embedded_kafka_poll(kafka, &diag), OK), "%s", diag.text);
    }
    cr_assert(eq(i64, fed, place.records));
    for (int32_t p = 0; p < PARTITIONS; p++) {
        cr_assert(eq(i64, feed_end(&place.feed, fed, p), reader.next[p]));
        cr_assert(eq(i64, log_end(&reader, p, RD_KAFKA_OFFSET_END), reader.next[p]));
        /* The mock did drop what was read: the test is of a size that matters. */
        cr_assert(gt(i64, log_end(&reader, p, RD_KAFKA_OFFSET_BEGINNING), 0));
    }
    reader_close(&reader);
    embedded_kafka_stop(kafka);
    place_end(&place);
}

/* Nobody commits: it stands still at the bound, and all of it is there. One commit: it goes on. */
Test(embedded_kafka, without_commits_it_stops_at_the_bound)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 20000, 400, "");
    struct embedded_kafka *kafka = start(&place);
    struct reader reader;
    reader_open(&reader, embedded_kafka_bootstrap(kafka), (int64_t[]){0, 0});
    pause_ms(300); /* fifteen turns of its loop */
    struct diag diag = {0};
    int64_t fed = -1;
    cr_assert(eq(int, embedded_kafka_poll(kafka, &diag), OK));
    cr_assert(not(embedded_kafka_fed(kafka, &fed)));
    int64_t ends[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++) {
        ends[p] = log_end(&reader, p, RD_KAFKA_OFFSET_END);
        cr_assert(eq(i64, log_end(&reader, p, RD_KAFKA_OFFSET_BEGINNING), 0));
        int64_t size = place.bytes / place.records + PACING_OVERHEAD;
        cr_assert(le(i64, ends[p] * size, PACING_UNREAD_MAX + size));
        cr_assert(ge(i64, ends[p] * size, PACING_UNREAD_MAX / 100 * 98));
    }
    while (reader.records < ends[0] + ends[1]) {
        cr_assert(reader_take(&reader, 5000));
    }
    write_batch(&place, reader.next, true);
    while (reader.records < ends[0] + ends[1] + 1000) {
        cr_assert(reader_take(&reader, 5000));
    }
    reader_close(&reader);
    embedded_kafka_stop(kafka);
    place_end(&place);
}

/* A restart with a checkpoint: what was committed and what was planned is there again, at the same
 * offsets, when it says that it is ready, although the rate alone would take an hour for it. */
Test(embedded_kafka, a_restart_feeds_the_same_records_at_the_same_offsets)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 50000, 140, "@20/s");
    write_batch(&place, (int64_t[]){20000, 19990}, true);
    write_batch(&place, (int64_t[]){22000, 22010}, false);
    struct embedded_kafka *kafka = start(&place);
    struct reader reader;
    reader_open(&reader, embedded_kafka_bootstrap(kafka), (int64_t[]){20000, 19990});
    cr_assert(ge(i64, log_end(&reader, 0, RD_KAFKA_OFFSET_END), 22000));
    cr_assert(ge(i64, log_end(&reader, 1, RD_KAFKA_OFFSET_END), 22010));
    cr_assert(lt(i64, log_end(&reader, 0, RD_KAFKA_OFFSET_END), 22100), "from here on paced");
    while (reader.next[0] < 22000 || reader.next[1] < 22010) {
        cr_assert(reader_take(&reader, 5000));
    }
    int64_t before = reader.records;
    cr_assert(reader_take(&reader, 5000), "it goes on at its rate");
    cr_assert(gt(i64, reader.records, before));
    reader_close(&reader);
    embedded_kafka_stop(kafka);
    place_end(&place);
}

Test(embedded_kafka, what_does_not_fit_is_told)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 100, 40, "");
    struct embedded_kafka_config config = {
        .feed = &place.feed, .checkpoint = place.checkpoint, .brokers = 1};
    struct embedded_kafka *kafka = NULL;
    write_batch(&place, (int64_t[]){60, 60}, true);
    struct diag longer = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &longer), ERR_FAILED));
    cr_assert(eq(str, longer.error_class, "FEED_FILE"));
    cr_assert(eq(str, longer.file, place.file));
    cr_assert(ne(ptr, strstr(longer.text, "needs the first 120 records"), NULL), "%s", longer.text);
    cr_assert(eq(ptr, kafka, NULL));

    place.feed.text = arena_printf(&place.arena, "%s,partitions=1", place.text);
    struct diag fewer = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &fewer), ERR_FAILED));
    cr_assert(ne(ptr, strstr(fewer.text, "partitions=2 or more"), NULL), "%s", fewer.text);

    place.feed.text = "flights=/nowhere/at.ndjson";
    struct diag missing = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &missing), ERR_FAILED));
    cr_assert(eq(str, missing.file, "/nowhere/at.ndjson"));
    cr_assert(ne(ptr, strstr(missing.text, "No such file"), NULL), "%s", missing.text);

    place.feed.text = arena_printf(&place.arena, "other=%s,timestamp=when", place.file);
    struct diag no_time = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &no_time), ERR_FAILED));
    cr_assert(eq(int, no_time.line, 1));
    cr_assert(ne(ptr, strstr(no_time.text, "\"when\""), NULL), "%s", no_time.text);

    config.executable = "/bin/true";
    struct diag silent = {0};
    cr_assert(eq(int, embedded_kafka_start(&config, &kafka, &silent), ERR_FAILED));
    cr_assert(eq(str, silent.error_class, "EMBEDDED_KAFKA"));
    cr_assert(ne(ptr, strstr(silent.text, "died, exit code 0"), NULL), "%s", silent.text);
    place_end(&place);
}

/* A parent that is killed with kill -9 leaves nothing behind: the helper's end closes the pipe that
 * this test holds one end of. */
Test(embedded_kafka, no_orphan)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 100, 40, "");
    int alive[2]; /* inherited by parent and helper, held open by both */
    int ready[2];
    cr_assert(eq(int, pipe(alive), 0));
    cr_assert(eq(int, pipe(ready), 0));
    pid_t parent = fork();
    if (parent == 0) {
        close(alive[0]);
        start(&place);
        (void)!write(ready[1], "r", 1);
        for (;;) {
            pause();
        }
    }
    close(alive[1]);
    char byte = 0;
    cr_assert(eq(sz, read(ready[0], &byte, 1), 1));
    cr_assert(eq(int, kill(parent, SIGKILL), 0));
    cr_assert(eq(int, waitpid(parent, NULL, 0), parent));
    cr_assert(eq(sz, read(alive[0], &byte, 1), 0), "the end of file: nobody holds it any more");
    close(alive[0]);
    close(ready[0]);
    close(ready[1]);
    place_end(&place);
}

/* By hand: it says the same on its standard output and outlives whoever started it. */
Test(embedded_kafka, one_that_stays)
{
    struct place place;
    place_begin(&place);
    place_generate(&place, 100, 40, "");
    int output[2];
    cr_assert(eq(int, pipe(output), 0));
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        (void)dup2(nothing, STDIN_FILENO);
        (void)dup2(output[1], STDOUT_FILENO);
        execl("/proc/self/exe",
              "aftershock",
              EMBEDDED_KAFKA_COMMAND,
              "--stay",
              "--feed",
              place.text,
              "--checkpoint",
              place.checkpoint,
              (char *)NULL);
        _exit(9);
    }
    close(output[1]);
    FILE *lines = fdopen(output[0], "r");
    char line[256];
    cr_assert(ne(ptr, fgets(line, sizeof line, lines), NULL));
    char bootstrap[200];
    cr_assert(eq(int, sscanf(line, "ready %199s", bootstrap), 1), "%s", line);
    cr_assert(ne(ptr, fgets(line, sizeof line, lines), NULL));
    cr_assert(eq(str, line, "fed 100\n"));
    struct reader reader;
    reader_open(&reader, bootstrap, (int64_t[]){0, 0});
    while (reader.records < 100) {
        cr_assert(reader_take(&reader, 5000));
    }
    reader_close(&reader);
    cr_assert(eq(int, waitpid(pid, NULL, WNOHANG), 0), "it runs although its input has ended");
    cr_assert(eq(int, kill(pid, SIGTERM), 0));
    cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
    (void)fclose(lines);
    place_end(&place);
}
