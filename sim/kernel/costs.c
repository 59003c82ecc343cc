#include "sim/kernel/costs.h"

#include "engine/base/check.h"
#include "sim/kernel/kernel_private.h"

static const struct {
    const char *name;
    int64_t base_us;
    int64_t unit_ns;
} costs[COST_COUNT] = {
#define X(id, cost_name, cost_base_us, cost_unit_ns)                                               \
    [id] = {.name = (cost_name), .base_us = (cost_base_us), .unit_ns = (cost_unit_ns)},
    COST_TABLE(X)
#undef X
};

const char *cost_name(enum cost_kind kind)
{
    require(kind < COST_COUNT);
    return costs[kind].name;
}

int64_t cost_base_us(enum cost_kind kind, int64_t units)
{
    require(kind < COST_COUNT);
    require(units >= 0);
    int64_t units_ns = 0;
    if (__builtin_mul_overflow(units, costs[kind].unit_ns, &units_ns)) {
        units_ns = INT64_MAX;
    }
    return costs[kind].base_us + units_ns / 1000;
}

static int64_t
with_noise(struct kernel *kernel, struct sim_process *process, enum cost_kind kind, int64_t base_us)
{
    if (!kernel->config.noise) {
        return base_us;
    }
    uint64_t *counts = process == NULL ? kernel->world_cost_counts : process->private->cost_counts;
    uint64_t drawn =
        kernel_draw(kernel, "cost", kernel_actor(process), (uint64_t)kind, counts[kind]++);
    int64_t pick = (int64_t)(drawn >> 32);
    int64_t limit = INT64_MAX / 256;
    int64_t base = base_us < limit ? base_us : limit;
    if (drawn % 128 == 0) {
        return base * (8 + pick % 16);
    }
    return base * (64 + pick % 129) / 128;
}

/* `cost` on a machine that takes `wanted` (0: what the table says) for what the table has at
 * `table`. */
static int64_t scaled(int64_t cost, int64_t wanted, int64_t table)
{
    int64_t product = 0;
    if (wanted == 0) {
        return cost;
    }
    return __builtin_mul_overflow(cost, wanted, &product) ? INT64_MAX / table : product / table;
}

int64_t kernel_cost_us(struct kernel *kernel,
                       struct sim_process *process,
                       enum cost_kind kind,
                       int64_t units)
{
    int64_t base_us = cost_base_us(kind, units);
    if (kind == COST_DISK_FSYNC || kind == COST_DISK_FSYNC_DIR) {
        base_us = scaled(base_us, kernel->config.fsync_us, costs[COST_DISK_FSYNC].base_us);
    }
    return with_noise(kernel, process, kind, base_us);
}

int64_t kernel_spend_us(struct sim_process *process, int64_t rows, int64_t bytes)
{
    require(rows >= 0);
    require(bytes >= 0);
    int64_t limit = INT64_MAX / 4096;
    require(rows < limit);
    require(bytes < limit);
    int64_t ns = rows * costs[COST_SPEND_ROWS].unit_ns + bytes * costs[COST_SPEND_BYTES].unit_ns;
    ns = scaled(ns, process->kernel->config.row_ns, costs[COST_SPEND_ROWS].unit_ns) +
         process->private->spend_carry_ns;
    process->private->spend_carry_ns = ns % 1000;
    return with_noise(process->kernel, process, COST_SPEND_ROWS, ns / 1000);
}
