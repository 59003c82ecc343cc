#include "engine/driver/reader_homes.h"

#include "engine/base/heap.h"

void reader_homes_free(struct reader_homes *homes)
{
    heap_free(homes->entries);
    *homes = (struct reader_homes){0};
}

static struct reader_home *find(const struct reader_homes *homes, int32_t partition)
{
    for (size_t i = 0; i < homes->count; i++) {
        if (homes->entries[i].partition == partition) {
            return &homes->entries[i];
        }
    }
    return NULL;
}

void reader_homes_note(struct reader_homes *homes,
                       const struct kafka_range *range,
                       int64_t executor)
{
    struct reader_home *home = find(homes, range->partition);
    if (home == NULL) {
        if (homes->count == homes->capacity) {
            homes->capacity = homes->capacity == 0 ? 8 : 2 * homes->capacity;
            homes->entries = heap_realloc(homes->entries, homes->capacity * sizeof *homes->entries);
        }
        home = &homes->entries[homes->count++];
        *home = (struct reader_home){.partition = range->partition};
    }
    if (range->until >= home->until) {
        home->until = range->until;
        home->executor = executor;
    }
}

int64_t reader_homes_find(const struct reader_homes *homes, const struct kafka_range *range)
{
    const struct reader_home *home = find(homes, range->partition);
    return home != NULL && home->until == range->from ? home->executor : 0;
}
