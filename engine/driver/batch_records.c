#include "engine/driver/batch_records.h"

void batch_records_attach(const struct last_records *records,
                          const struct offsets *begin,
                          struct kafka_range *ranges,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fingerprint last = last_records_get(records, ranges[i].partition);
        bool goes_on = offsets_get(begin, ranges[i].partition) == ranges[i].from;
        if (goes_on && last.known && last.offset < ranges[i].from) {
            ranges[i].before = last;
        }
    }
}

/* The last of those that the partition's tasks report. False: no task has read it. */
static bool reported(const struct task_set *readers, int32_t partition, struct fingerprint *last)
{
    bool read = false;
    for (size_t i = 0; i < readers->count; i++) {
        const struct task *task = &readers->tasks[i];
        if (task->range.partition != partition) {
            continue;
        }
        read = true;
        if (task->done.last.known && (!last->known || task->done.last.offset > last->offset)) {
            *last = task->done.last;
        }
    }
    return read;
}

void batch_records_merge(struct arena *arena,
                         const struct last_records *before,
                         const struct offsets *end,
                         const struct task_set *readers,
                         struct last_records *after)
{
    after->entries = arena_alloc(arena, (end->count + 1) * sizeof *after->entries);
    after->count = 0;
    for (size_t i = 0; i < end->count; i++) {
        int32_t partition = end->entries[i].partition;
        struct fingerprint last = {.known = false};
        if (!reported(readers, partition, &last)) {
            last = last_records_get(before, partition);
        }
        if (last.known && last.offset < end->entries[i].offset) {
            after->entries[after->count++] = (struct last_record){partition, last};
        }
    }
}

const char *batch_records_text(struct arena *arena, const struct last_records *records)
{
    struct buf out = {0};
    if (records->count == 0) {
        return NULL;
    }
    last_records_text(records, &out);
    const char *text = arena_copy(arena, out.data, out.size);
    buf_free(&out);
    return text;
}

void batch_records_parse(struct arena *arena, const char *text, struct last_records *records)
{
    if (text == NULL || last_records_parse(arena, text, records) != OK) {
        *records = (struct last_records){.count = 0};
    }
}
