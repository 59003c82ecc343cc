#include "engine/source/kafka_source.h"

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/source/initial_offsets.h"
#include "engine/source/kafka_query.h"

/* ---- resolving startingOffsets -------------------------------------------------------------- */

struct initial {
    const struct ports *ports;
    struct store *store;
    const struct plan *plan;
    const char *path;
    struct arena *arena;
    struct offsets *offsets; /* the result */
    struct diag *diag;
};

/* Give each partition what startingOffsets says: a number, OFFSETS_EARLIEST or OFFSETS_LATEST.
 * False when JSON text does not name exactly the topic's partitions. */
static bool apply_option(const struct initial *initial, const struct offsets *given)
{
    struct offsets *offsets = initial->offsets;
    if (given == NULL) {
        bool earliest = strcmp(initial->plan->options.starting_offsets, "earliest") == 0;
        for (size_t i = 0; i < offsets->count; i++) {
            offsets->entries[i].offset = earliest ? OFFSETS_EARLIEST : OFFSETS_LATEST;
        }
        return true;
    }
    if (given->count != offsets->count || strcmp(given->topic, initial->plan->topic) != 0) {
        return false;
    }
    for (size_t i = 0; i < offsets->count; i++) {
        if (given->entries[i].partition != offsets->entries[i].partition) {
            return false;
        }
        offsets->entries[i].offset = given->entries[i].offset;
    }
    return true;
}

/* Replace OFFSETS_EARLIEST and OFFSETS_LATEST by numbers. A symbolic `latest` is never stored:
 * records written between two runs would be lost (FLINK-28303). */
static enum status ask_offsets(const struct initial *initial, struct kafka_query *query)
{
    struct offsets *offsets = initial->offsets;
    struct broker_offset *asked = arena_alloc(initial->arena, offsets->count * sizeof *asked);
    size_t count = 0;
    for (size_t i = 0; i < offsets->count; i++) {
        if (offsets->entries[i].offset < 0) {
            asked[count++] = (struct broker_offset){
                .partition = offsets->entries[i].partition,
                .timestamp = offsets->entries[i].offset == OFFSETS_EARLIEST ? BROKER_EARLIEST
                                                                            : BROKER_LATEST,
            };
        }
    }
    if (count > 0) {
        TRY(kafka_query_offsets(query, asked, count, false, initial->diag));
    }
    for (size_t i = 0, next = 0; i < offsets->count; i++) {
        if (offsets->entries[i].offset < 0) {
            require(asked[next].partition == offsets->entries[i].partition);
            offsets->entries[i].offset = asked[next++].offset;
        }
    }
    return OK;
}

static enum status resolve(const struct initial *initial)
{
    const struct plan *plan = initial->plan;
    const char *option = plan->options.starting_offsets;
    struct offsets given = {0};
    bool json = strcmp(option, "earliest") != 0 && strcmp(option, "latest") != 0;
    if (json) {
        TRY(offsets_parse_starting(initial->arena, bytes_of_text(option), &given, initial->diag));
    }
    struct kafka_query query = kafka_query_begin(initial->ports, plan);
    TRY(kafka_query_partitions(&query, NULL, initial->arena, initial->offsets, initial->diag));
    if (!apply_option(initial, json ? &given : NULL)) {
        return diag_fail(initial->diag,
                         "INVALID_OPTION",
                         "startingOffsets must name every partition of topic %s, which has %zu "
                         "(-2 is earliest, -1 latest): %s",
                         plan->topic,
                         initial->offsets->count,
                         option);
    }
    return ask_offsets(initial, &query);
}

/* ---- the file ------------------------------------------------------------------------------ */

static enum status
storage_failed(const struct initial *initial, const char *error_class, enum status status)
{
    return diag_fail(initial->diag,
                     error_class,
                     "the query's initial Kafka offsets, %s: %s",
                     initial->path,
                     status_text(status));
}

/* ERR_NOT_FOUND when there is no such file yet. What is read is made durable before batch 0 depends
 * on it: its writer may have died between the file's name and the fsync of its directory. */
static enum status read_file(const struct initial *initial)
{
    struct bytes content = {0};
    enum status status = store_get(initial->store, initial->path, initial->arena, &content);
    if (status == ERR_NOT_FOUND) {
        return status;
    }
    if (status != OK) {
        return storage_failed(initial, "CHECKPOINT_READ_FAILED", status);
    }
    TRY(initial_offsets_decode(
        initial->arena, initial->path, content, initial->offsets, initial->diag));
    const char *checkpoint = initial->plan->options.checkpoint_location;
    const char *directory = store_path(initial->arena, checkpoint, "sources/0");
    status = store_sync_directory(initial->store, directory);
    return status == OK ? OK : storage_failed(initial, "CHECKPOINT_READ_FAILED", status);
}

/* Put the file. An unknown outcome is put again: then it exists, and what is there decides. */
static enum status put_file(const struct initial *initial)
{
    const struct clock_port *clock = &initial->ports->clock;
    const struct options *options = &initial->plan->options;
    struct buf content = {0};
    initial_offsets_encode(initial->offsets, &content);
    enum status status = store_put_new(initial->store, initial->path, buf_bytes(&content));
    for (int64_t i = 0; status == ERR_UNKNOWN && i < options->fetch_retries; i++) {
        clock_sleep_until(clock, clock_now_us(clock) + options->fetch_retry_interval_us);
        status = store_put_new(initial->store, initial->path, buf_bytes(&content));
    }
    buf_free(&content);
    if (status == ERR_EXISTS) {
        status = read_file(initial);
        return status == ERR_NOT_FOUND ? storage_failed(initial, "CHECKPOINT_READ_FAILED", status)
                                       : status;
    }
    return status == OK ? OK : storage_failed(initial, "CHECKPOINT_WRITE_FAILED", status);
}

enum status kafka_initial_offsets(const struct ports *ports,
                                  struct store *store,
                                  const struct plan *plan,
                                  struct arena *arena,
                                  struct offsets *offsets,
                                  struct diag *diag)
{
    struct initial initial = {
        .ports = ports,
        .store = store,
        .plan = plan,
        .path = store_path(arena, plan->options.checkpoint_location, "sources/0/0"),
        .arena = arena,
        .offsets = offsets,
        .diag = diag,
    };
    enum status status = read_file(&initial);
    if (status == ERR_NOT_FOUND) {
        TRY(resolve(&initial));
        status = put_file(&initial);
    }
    TRY(status);
    if (strcmp(offsets->topic, plan->topic) != 0) {
        return diag_fail(diag,
                         "CORRUPT_OFFSETS",
                         "%s belongs to topic %s, but the query reads %s: this is another query's "
                         "checkpoint",
                         initial.path,
                         offsets->topic,
                         plan->topic);
    }
    return OK;
}
