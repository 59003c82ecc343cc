/* For state_size_bench.c: one size of state, one way to keep it, in one of the two worlds. The
 * steps are the same in both; they differ in the ports of the processes that take them and in the
 * clock. */
#ifndef SIM_CLI_STATE_SIZE_WORLD_H
#define SIM_CLI_STATE_SIZE_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/real/real_process.h"
#include "engine/state/state_store.h"
#include "sim/fakes/storage.h"

#define CHECKPOINT "/shared/ck"

enum { KEY_SIZE = 56, VALUE_SIZE = 24, CHANGED_ONE_IN = 100, RESTORES_MAX = 3 };

/* ---- the four ways ----------------------------------------------------------------------------
 */

struct variant {
    const char *name;
    enum state_provider_kind provider;
    bool changelog;
    int64_t min_deltas; /* 0: every version gets a snapshot */
    uint64_t cycle;     /* batches from one snapshot to the next */
};

static const struct variant variants[] = {
    {.name = "memory, full snapshots", .min_deltas = 0, .cycle = 1},
    {.name = "memory, deltas", .min_deltas = 10, .cycle = 11},
    {.name = "RocksDB, changelog",
     .provider = STATE_PROVIDER_ROCKSDB,
     .changelog = true,
     .min_deltas = 10,
     .cycle = 10},
    {.name = "RocksDB, snapshots",
     .provider = STATE_PROVIDER_ROCKSDB,
     .min_deltas = 10,
     .cycle = 1},
};

enum { DELTAS = 1, VARIANTS = sizeof variants / sizeof variants[0] };

enum world { SIMULATED, REAL, WORLDS };
static const char *const world_names[] = {[SIMULATED] = "simulator", [REAL] = "real"};

struct measured {
    int64_t batches; /* measured ones */
    double commit_us;
    double maintain_us;
    double write_us; /* of a batch: both of them */
    double restore_us;
    double rows_us; /* gets and puts of a batch */
    int64_t peak_kib;
};

/* How quick it is. */
struct machine {
    int64_t fsync_us;
    int64_t row_ns;
};

/* One size and variant in one world: what a process is born with. */
struct job {
    const struct variant *variant;
    enum world world;
    uint64_t rows;
    struct machine machine; /* the simulator's */
    int64_t version;        /* that was committed last */
    struct plan plan;
    struct measured measured;
    double restored_us[RESTORES_MAX];
    size_t restores;
};

/* ---- the steps, the same in both worlds -------------------------------------------------------
 */

static inline int64_t now_us(const struct job *job, const struct ports *ports)
{
    if (job->world == REAL) {
        return real_monotonic_us();
    }
    clock_spend(&ports->clock, 0, 0); /* what a stretch on the thread's stack left to be charged */
    return clock_now_us(&ports->clock);
}

static inline void must(enum status status, const struct diag *diag)
{
    if (status != OK) {
        (void)fprintf(stderr, "%s\n", diag->text);
    }
    require(status == OK);
}

/* A window, a text and a number that is its own (spark-checkpoint 1.13). */
static inline struct bytes key_of(uint64_t row, uint8_t out[KEY_SIZE])
{
    uint64_t mixed = hash_mix64(row);
    memset(out, 0, KEY_SIZE);
    memcpy(out + 24, &mixed, sizeof mixed);
    memcpy(out + 48, &row, sizeof row);
    return bytes_of(out, KEY_SIZE);
}

static inline void put_row(struct state_store *state, uint64_t row, int64_t version)
{
    uint8_t key[KEY_SIZE];
    uint8_t value[VALUE_SIZE] = {0};
    struct bytes before;
    struct diag diag = {0};
    enum status status = state_store_get(state, key_of(row, key), &before, &diag);
    require(status == (version > 0 ? OK : ERR_NOT_FOUND));
    memcpy(value + 8, &row, sizeof row);
    memcpy(value + 16, &version, sizeof version);
    must(state_store_put(state, bytes_of(key, KEY_SIZE), bytes_of(value, VALUE_SIZE), &diag),
         &diag);
}

/* The first batch makes every key; a later one changes one in a hundred, drawn anew. */
static inline void change_rows(struct state_store *state, const struct job *job)
{
    uint64_t changes = job->version == 0 ? job->rows : job->rows / CHANGED_ONE_IN;
    for (uint64_t i = 0; i < changes; i++) {
        uint64_t drawn = hash_mix64((uint64_t)job->version << 32 | i) % job->rows;
        put_row(state, job->version == 0 ? i : drawn, job->version);
    }
}

static inline void
run_batch(struct job *job, const struct ports *ports, struct state_provider *provider)
{
    struct diag diag = {0};
    struct state_store *state = NULL;
    int64_t began_us = now_us(job, ports);
    must(state_store_open(provider, 0, job->version, &state, &diag), &diag);
    change_rows(state, job);
    int64_t changed_us = now_us(job, ports);
    must(state_store_commit(state, &diag), &diag);
    int64_t committed_us = now_us(job, ports);
    state_provider_maintain(provider);
    int64_t maintained_us = now_us(job, ports);
    job->version++;
    job->measured.batches++;
    job->measured.rows_us += (double)(changed_us - began_us);
    job->measured.commit_us += (double)(committed_us - changed_us);
    job->measured.maintain_us += (double)(maintained_us - committed_us);
}

static inline void
run_batches(struct job *job, const struct ports *ports, struct state_provider *provider, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        run_batch(job, ports, provider);
    }
}

/* Cycles that are measured: as many as a size can afford. */
static inline uint64_t cycles_of(const struct job *job)
{
    uint64_t batches = job->rows >= 1000000 ? 3 : job->rows >= 100000 ? 22 : 110;
    uint64_t cycles = batches / job->variant->cycle;
    return cycles > 0 ? cycles : 1;
}

static inline void write_checkpoints(struct job *job, const struct ports *ports)
{
    struct store *store = store_new(ports, STORE_DISK);
    struct state_provider *provider = state_provider_new(ports, store, &job->plan, "/local/writer");
    uint64_t cycle = job->variant->cycle;
    run_batches(job, ports, provider, cycle); /* all keys, and the first snapshot of them */
    job->measured = (struct measured){0};
    run_batches(job, ports, provider, cycles_of(job) * cycle);
    struct measured measured = job->measured;
    run_batches(job, ports, provider, cycle / 2);
    state_provider_free(provider);
    double n = (double)measured.batches;
    job->measured.batches = measured.batches;
    job->measured.rows_us = measured.rows_us / n;
    job->measured.commit_us = measured.commit_us / n;
    job->measured.maintain_us = measured.maintain_us / n;
    job->measured.write_us = (measured.commit_us + measured.maintain_us) / n;
}

static inline void restore(struct job *job, const struct ports *ports)
{
    struct arena arena = {0};
    struct diag diag = {0};
    struct state_store *state = NULL;
    struct store *store = store_new(ports, STORE_DISK);
    const char *local = arena_printf(&arena, "/local/reader-%zu", job->restores);
    struct state_provider *provider = state_provider_new(ports, store, &job->plan, local);
    int64_t began_us = now_us(job, ports);
    must(state_store_open(provider, 0, job->version, &state, &diag), &diag);
    job->restored_us[job->restores++] = (double)(now_us(job, ports) - began_us);
    require(state_store_count(state) == (int64_t)job->rows);
    state_store_abort(state);
    state_provider_free(provider);
    arena_free(&arena);
}

typedef void (*job_step)(struct job *job, const struct ports *ports);

/* ---- the simulated world ----------------------------------------------------------------------
 */

struct simulated {
    struct kernel *kernel;
    struct fake_storage *storage;
    struct job *job;
    job_step step;
};

static inline struct operation_fault no_fault(void *self,
                                              struct sim_process *process,
                                              const char *port,
                                              const char *operation,
                                              const char *path,
                                              bool after)
{
    (void)self;
    (void)process;
    (void)port;
    (void)operation;
    (void)path;
    (void)after;
    return (struct operation_fault){.effect = OPERATION_OK};
}

static inline bool
never_due(void *self, const struct sim_process *process, enum failpoint point, int64_t batch)
{
    (void)self;
    (void)process;
    (void)point;
    (void)batch;
    return false;
}

static inline void
never_fired(void *self, struct sim_process *process, enum failpoint point, int64_t batch)
{
    (void)self;
    (void)process;
    (void)batch;
    require(point == FAILPOINT_COUNT);
}

static inline void simulated_entry(void *argument)
{
    const struct simulated *world = argument;
    world->step(world->job, &kernel_current(world->kernel)->ports);
}

static inline void simulated_connect(void *owner, struct sim_process *process)
{
    const struct simulated *world = owner;
    fake_storage_connect(world->storage, process);
}

/* One process on a machine of its own, until it has ended. */
static inline void simulated_process(struct simulated *world, const char *machine, job_step step)
{
    world->step = step;
    (void)kernel_spawn(
        world->kernel,
        &(struct sim_process_config){.role = ROLE_EXECUTOR,
                                     .name = machine,
                                     .machine = kernel_machine_add(world->kernel, machine),
                                     .entry = simulated_entry,
                                     .argument = world,
                                     .owner = world,
                                     .connect = simulated_connect});
    enum kernel_stop stop = kernel_run(world->kernel, NULL, NULL, INT64_MAX);
    if (stop != KERNEL_IDLE) {
        (void)fprintf(stderr, "%s\n", kernel_violation(world->kernel)->evidence);
    }
    require(stop == KERNEL_IDLE);
}

static inline void simulate(struct job *job)
{
    struct simulated world = {
        .kernel = kernel_new(&(struct kernel_config){.seed = 1,
                                                     .start_us = 978307200000000,
                                                     .fsync_us = job->machine.fsync_us,
                                                     .row_ns = job->machine.row_ns}),
        .job = job};
    world.storage = fake_storage_new(world.kernel);
    kernel_set_injector(world.kernel,
                        &(struct kernel_injector){.self = &world,
                                                  .point_due = never_due,
                                                  .point_fired = never_fired,
                                                  .operation = no_fault});
    simulated_process(&world, "writer", write_checkpoints);
    simulated_process(&world, "reader", restore);
    job->measured.restore_us = job->restored_us[0]; /* another one takes exactly as long */
    kernel_free(world.kernel);
    fiber_pool_free();
}

/* ---- the real world ---------------------------------------------------------------------------
 */

struct real_step {
    struct job *job;
    job_step step;
    const struct ports *ports;
};

static inline void real_entry(void *argument)
{
    const struct real_step *step = argument;
    step->step(step->job, step->ports);
}

static inline void real_life(struct job *job, const char *root, job_step step)
{
    struct real_process *process = NULL;
    struct diag diag = {0};
    struct real_config config = {.role = ROLE_EXECUTOR, .name = "executor", .root = root};
    must(real_process_new(&config, &process, &diag), &diag);
    struct real_step argument = {.job = job, .step = step, .ports = &process->ports};
    real_process_run(process, real_entry, &argument);
    real_process_free(process);
}

static inline int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The median of a few restores: other programs use the disk, too. */
static inline void really(struct job *job, const char *root)
{
    real_life(job, root, write_checkpoints);
    for (int i = 0; i < RESTORES_MAX; i++) {
        real_life(job, root, restore);
    }
    qsort(job->restored_us, job->restores, sizeof job->restored_us[0], by_value);
    job->measured.restore_us = job->restored_us[job->restores / 2];
}

#endif
