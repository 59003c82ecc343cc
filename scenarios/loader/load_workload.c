/* "workload": record values from files, one a line, and when they are sent. */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

/* More would be a run of hours, or a mistyped rate. */
enum { RECORDS_MAX = 10000000 };

/* Split into lines without their newline; at most `limit` of them. */
static void split_lines(struct arena *arena,
                        struct bytes content,
                        size_t limit,
                        struct workload_config *workload)
{
    size_t count = 0;
    for (size_t i = 0; i < content.size && count < limit; i++) {
        count += content.data[i] == '\n' || i + 1 == content.size;
    }
    struct bytes *lines = arena_alloc(arena, count * sizeof *lines);
    const uint8_t *at = content.data;
    const uint8_t *end = content.data + content.size;
    while (workload->line_count < count) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline == NULL ? end : newline;
        lines[workload->line_count++] = bytes_of(at, (size_t)(stop - at));
        at = stop + 1;
    }
    workload->file_lines = lines;
}

/* One line of `every` comes after the `by` lines behind it, or at the end; two sequences, each in
 * its order, are merged, so that no record is added or lost. */
static void
delay_lines(struct arena *arena, size_t every, size_t by, struct workload_config *workload)
{
    size_t count = workload->line_count;
    workload->lines = arena_alloc(arena, count * sizeof *workload->lines);
    if (by == 0) {
        memcpy(workload->lines, workload->file_lines, count * sizeof *workload->lines);
        return;
    }
    size_t late = 0; /* the next late line */
    size_t out = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % every != 0) {
            workload->lines[out++] = workload->file_lines[i];
        }
        if (late + by <= i) {
            workload->lines[out++] = workload->file_lines[late];
            late += every;
        }
    }
    for (; late < count; late += every) {
        workload->lines[out++] = workload->file_lines[late];
    }
    require(out == count);
}

static enum status read_lines(struct loader *loader,
                              const char *path,
                              const char *from,
                              struct workload_config *workload)
{
    if (loader->base != NULL) {
        const struct workload_config *same =
            &loader->base->workloads[loader->scenario->workload_count];
        workload->file_lines = same->file_lines;
        workload->line_count = same->line_count;
        return OK;
    }
    struct bytes content;
    const char *why = paths_read(&loader->paths, loader->arena, from, &content);
    if (why != NULL) {
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "%s.from", path),
                           "\"%.200s\": %s",
                           from,
                           why);
    }
    size_t limit = workload->records < 0 ? RECORDS_MAX : (size_t)workload->records;
    split_lines(loader->arena, content, limit, workload);
    if (workload->line_count == 0) {
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "%s.from", path),
                           "\"%.200s\" is empty, expected one record value a line",
                           from);
    }
    return OK;
}

static enum status load_partitions(struct loader *loader,
                                   const json_t *list,
                                   const char *path,
                                   struct workload_config *workload)
{
    size_t count = json_array_size(list);
    if (count == 0) {
        return OK;
    }
    int32_t *partitions = arena_alloc(loader->arena, count * sizeof *partitions);
    int32_t limit = loader->scenario->topics[workload->topic].partitions;
    for (size_t i = 0; i < count; i++) {
        partitions[i] = (int32_t)json_integer_value(json_array_get(list, i));
        if (partitions[i] >= limit) {
            return loader_fail(loader,
                               false,
                               arena_printf(loader->arena, "%s.partitions[%zu]", path, i),
                               "partition %d, but the topic has %d, counted from 0",
                               partitions[i],
                               limit);
        }
    }
    workload->partitions = partitions;
    workload->partition_count = count;
    return OK;
}

static enum status
load_one(struct loader *loader, const json_t *value, size_t i, struct workload_config *workload)
{
    const char *path = arena_printf(loader->arena, "workload[%zu]", i);
    const char *to = value_text(value, "to", "");
    *workload = (struct workload_config){
        .topic = topic_index(loader->scenario, to),
        .start_us = value_duration_us(value, "start", 0),
        .until_us = value_duration_us(value, "until", -1),
        .records = value_int(value, "records", -1),
        .burst = value_int(value, "burst", 1),
    };
    bool fits = rate_parse(value_text(value, "rate", ""), &workload->interval_us);
    require(fits);
    if (workload->topic == loader->scenario->topic_count) {
        const char *nearest = diag_nearest(to, topic_names(loader));
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "%s.to", path),
                           "no such topic: \"%.100s\", expected one of \"topics\"%s%s%s",
                           to,
                           nearest == NULL ? "" : "; did you mean \"",
                           nearest == NULL ? "" : nearest,
                           nearest == NULL ? "" : "\"?");
    }
    if (workload->records < 0 && workload->until_us < 0) {
        return loader_fail(
            loader, false, path, "no end, expected \"records\" or \"until\" (or both)");
    }
    if (workload->until_us >= 0 && workload->until_us <= workload->start_us) {
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "%s.until", path),
                           "it ends before it starts: nothing would ever be sent");
    }
    int64_t span_us = workload->until_us - workload->start_us;
    if (workload->records < 0 && span_us / workload->interval_us > RECORDS_MAX) {
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "%s.until", path),
                           "%lld records at this rate, expected at most %d",
                           (long long)(span_us / workload->interval_us),
                           RECORDS_MAX);
    }
    TRY(load_partitions(loader, json_object_get(value, "partitions"), path, workload));
    TRY(read_lines(loader, path, value_text(value, "from", ""), workload));
    const json_t *late = json_object_get(value, "late");
    delay_lines(loader->arena,
                (size_t)value_int(late, "every", 2),
                (size_t)value_int(late, "by", 0),
                workload);
    return OK;
}

enum status load_workload(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    const json_t *workload = json_object_get(loader->document.root, "workload");
    size_t count = json_array_size(workload);
    scenario->workloads = arena_alloc(loader->arena, count * sizeof *scenario->workloads);
    for (size_t i = 0; i < count; i++) {
        TRY(load_one(loader, json_array_get(workload, i), i, &scenario->workloads[i]));
        scenario->workload_count++;
    }
    return OK;
}
