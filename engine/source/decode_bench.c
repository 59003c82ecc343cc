/* What decoding a flight costs: the scanner against jansson on scenarios/data/flights.ndjson, both
 * reading all six columns. Prints nanoseconds a record and the ratio; the fastest of several rounds
 * counts, since everything else only adds.
 *   decode_bench [FILE]      (default: scenarios/data/flights.ndjson) */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/source/decode.h"

enum { ROUNDS = 15, RECORDS_MAX = 20000, BATCH = 4096 };

static struct bytes records[RECORDS_MAX];
static size_t record_count;

static const struct field fields[] = {{.name = "reported_at", .type = TYPE_TIMESTAMP},
                                      {.name = "event_time", .type = TYPE_TIMESTAMP},
                                      {.name = "origin", .type = TYPE_STRING},
                                      {.name = "destination", .type = TYPE_STRING},
                                      {.name = "distance", .type = TYPE_INT},
                                      {.name = "delay", .type = TYPE_INT}};
static const struct schema schema = {fields, sizeof fields / sizeof fields[0]};

static void load(const char *file)
{
    FILE *stream = fopen(file, "rb");
    if (stream == NULL) {
        (void)fprintf(stderr, "%s: cannot be read\n", file);
        exit(2);
    }
    char line[4096];
    while (record_count < RECORDS_MAX && fgets(line, sizeof line, stream) != NULL) {
        size_t size = strcspn(line, "\n");
        uint8_t *copy = malloc(size + 1);
        require(copy != NULL);
        memcpy(copy, line, size + 1);
        records[record_count++] = bytes_of(copy, size);
    }
    (void)fclose(stream);
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t scan_all(int64_t *sum)
{
    struct arena arena = {0};
    struct decoder *decoder = decoder_new(&arena, &schema, DECODE_PERMISSIVE);
    struct columns *columns = columns_new(&arena, &schema, BATCH);
    struct diag diag = {0};
    int64_t start = now_ns();
    for (size_t i = 0; i < record_count; i++) {
        if (columns->rows == BATCH) {
            columns->rows = 0;
        }
        enum status status = decoder_row(decoder, &arena, records[i], columns, &diag);
        require(status == OK);
        size_t row = columns->rows - 1;
        *sum += columns->columns[4].values.ints[row] + columns->columns[5].values.ints[row] +
                columns->columns[0].values.longs[row];
    }
    int64_t spent = now_ns() - start;
    arena_free(&arena);
    return spent;
}

static int64_t parse_all(int64_t *sum)
{
    int64_t start = now_ns();
    for (size_t i = 0; i < record_count; i++) {
        json_t *root = json_loadb((const char *)records[i].data, records[i].size, 0, NULL);
        require(root != NULL);
        int64_t times[2] = {0};
        for (size_t f = 0; f < 2; f++) {
            const char *text = json_string_value(json_object_get(root, fields[f].name));
            bool known = timestamp_parse(bytes_of_text(text), &times[f]);
            require(known);
        }
        require(json_string_value(json_object_get(root, "origin")) != NULL);
        require(json_string_value(json_object_get(root, "destination")) != NULL);
        *sum += json_integer_value(json_object_get(root, "distance")) +
                json_integer_value(json_object_get(root, "delay")) + times[0];
        json_decref(root);
    }
    return now_ns() - start;
}

int main(int argc, char **argv)
{
    load(argc > 1 ? argv[1] : "scenarios/data/flights.ndjson");
    require(record_count > 0);
    int64_t best[2] = {INT64_MAX, INT64_MAX};
    for (int round = 0; round < ROUNDS; round++) {
        int64_t sums[2] = {0};
        int64_t spent[2] = {scan_all(&sums[0]), parse_all(&sums[1])};
        require(sums[0] == sums[1]); /* both read the same values */
        for (size_t i = 0; i < 2; i++) {
            best[i] = spent[i] < best[i] ? spent[i] : best[i];
        }
    }
    double scan = (double)best[0] / (double)record_count;
    double jansson = (double)best[1] / (double)record_count;
    (void)printf("decode a flight: %.0f ns; jansson: %.0f ns; ratio %.1f (%zu records)\n",
                 scan,
                 jansson,
                 jansson / scan,
                 record_count);
    return 0;
}
