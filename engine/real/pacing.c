#include "engine/real/pacing.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"

void pacing_init(struct pacing *pacing, int32_t partitions)
{
    require(partitions > 0);
    pacing->count = partitions;
    pacing->partitions = heap_alloc((size_t)partitions * sizeof *pacing->partitions);
    for (int32_t i = 0; i < partitions; i++) {
        pacing->partitions[i].costs = heap_alloc(PACING_RECORDS_MAX * sizeof(uint32_t));
    }
}

void pacing_free(struct pacing *pacing)
{
    for (int32_t i = 0; i < pacing->count; i++) {
        heap_free(pacing->partitions[i].costs);
    }
    heap_free(pacing->partitions);
    *pacing = (struct pacing){0};
}

static struct pacing_partition *partition_of(const struct pacing *pacing, int32_t partition)
{
    require(partition >= 0 && partition < pacing->count);
    return &pacing->partitions[partition];
}

bool pacing_admits(const struct pacing *pacing, int32_t partition, size_t size)
{
    const struct pacing_partition *of = partition_of(pacing, partition);
    return of->fed < of->consumed || of->unread + size + PACING_OVERHEAD <= PACING_UNREAD_MAX;
}

void pacing_fed(struct pacing *pacing, int32_t partition, size_t size)
{
    require(size <= PACING_VALUE_MAX);
    require(pacing_admits(pacing, partition, size));
    struct pacing_partition *of = partition_of(pacing, partition);
    if (of->fed >= of->consumed) {
        uint32_t cost = (uint32_t)size + PACING_OVERHEAD;
        of->costs[of->fed % PACING_RECORDS_MAX] = cost;
        of->unread += cost;
    }
    of->fed++;
}

void pacing_consumed(struct pacing *pacing, int32_t partition, int64_t end)
{
    struct pacing_partition *of = partition_of(pacing, partition);
    for (int64_t offset = of->consumed; offset < end && offset < of->fed; offset++) {
        of->unread -= of->costs[offset % PACING_RECORDS_MAX];
    }
    if (end > of->consumed) {
        of->consumed = end;
    }
    require(of->consumed < of->fed || of->unread == 0);
}
