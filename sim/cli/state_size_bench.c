/* What a checkpoint of the state costs to write and to restore, against the number of keys, for
 * each way to keep state: once in the simulator (virtual time, the cost table's) and once for real
 * (POSIX files, the monotonic clock). The same code drives the same providers in both.
 *
 *     sim.cli.state_size_bench [--csv FILE] KEYS...
 *
 * All keys are written in the first batch; each later batch changes one in a hundred. "write" is
 * what one such batch costs: its commit, and maintenance after it (snapshots, their upload, the
 * removal of what is old), on average over whole cycles from snapshot to snapshot. "restore" is a
 * new executor that has nothing and opens the newest version, half-way between two snapshots. For
 * real both are the quickest of a few rounds. Puts and gets of the batch itself are printed beside
 * it: they are no part of the checkpoint.
 *
 * The simulator's machine is as quick as this one, or the two would differ by what machines differ
 * by: a fsync takes what a small one is seen to take here, and a row so long that a restore into
 * memory from deltas takes what it takes here. All else is compared.
 *
 * Exit code 1: the two worlds tell different stories (see `same_story`). */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "sim/cli/state_size_world.h"
#include "sim/kernel/costs.h"

enum { STORY_ROWS_MIN = 10000, ROUNDS = 5 };

/* ---- a child for each -------------------------------------------------------------------------
 */

/* The most memory that this process ever had in use. */
static int64_t peak_kib(void)
{
    char line[128];
    long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    require(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtoll(line + 6, NULL, 10);
        }
    }
    (void)fclose(file);
    return kib;
}

static void make_root(char *root, size_t size)
{
    const char *base = getenv("TMPDIR");
    char path[256];
    (void)snprintf(
        root, size, "%s/aftershock-XXXXXX", base == NULL || *base == '\0' ? "/tmp" : base);
    require(mkdtemp(root) != NULL);
    (void)snprintf(path, sizeof path, "%s/shared", root);
    require(mkdir(path, 0777) == 0);
    (void)snprintf(path, sizeof path, "%s/local", root);
    require(mkdir(path, 0777) == 0);
}

static void remove_root(const char *root)
{
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", root, (char *)NULL);
        _exit(127);
    }
    require(waitpid(child, NULL, 0) == child);
}

static void work(struct job *job, const char *root, int result)
{
    document_setup();
    options_defaults(&job->plan.options);
    job->plan.options.checkpoint_location = CHECKPOINT;
    job->plan.options.state_min_deltas_for_snapshot = job->variant->min_deltas;
    job->plan.options.min_batches_to_retain = 2;
    job->plan.options.state_provider = job->variant->provider;
    job->plan.options.rocksdb_changelog = job->variant->changelog;
    if (job->world == REAL) {
        really(job, root);
    } else {
        simulate(job);
    }
    job->measured.peak_kib = peak_kib();
    require(process_host.heap.blocks == 0);
    require(write(result, &job->measured, sizeof job->measured) == (ssize_t)sizeof job->measured);
    _exit(0);
}

/* What syncing a small write takes here and now, in microseconds: the median of a few. */
static int64_t fsync_now_us(void)
{
    enum { TIMES = 31, SIZE = 4096 };
    static const char page[SIZE];
    double took_us[TIMES];
    char root[200];
    char path[256];
    make_root(root, sizeof root);
    (void)snprintf(path, sizeof path, "%s/page", root);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    require(fd >= 0);
    for (int i = 0; i < TIMES; i++) {
        require(write(fd, page, SIZE) == SIZE);
        int64_t began_us = real_monotonic_us();
        require(fsync(fd) == 0);
        took_us[i] = (double)(real_monotonic_us() - began_us);
    }
    (void)close(fd);
    remove_root(root);
    qsort(took_us, TIMES, sizeof took_us[0], by_value);
    return (int64_t)fmax(took_us[TIMES / 2], 1);
}

/* In a process of its own, so that its peak of memory is its own. */
static struct measured
measure(const struct variant *variant, enum world world, uint64_t rows, struct machine machine)
{
    struct job job = {.variant = variant, .world = world, .rows = rows, .machine = machine};
    struct measured measured = {0};
    char root[200];
    int ends[2];
    make_root(root, sizeof root);
    require(pipe(ends) == 0);
    (void)fflush(NULL);
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        work(&job, root, ends[1]);
    }
    (void)close(ends[1]);
    require(read(ends[0], &measured, sizeof measured) == (ssize_t)sizeof measured);
    (void)close(ends[0]);
    require(waitpid(child, NULL, 0) == child);
    remove_root(root);
    return measured;
}

/* ---- the two stories --------------------------------------------------------------------------
 */

static void
print_one(uint64_t rows, enum world world, size_t v, const struct measured *m, FILE *csv)
{
    (void)printf("%8llu keys, %-9s  %-22s  write %8.1f ms = commit %7.1f + maintenance %7.1f; "
                 "restore %8.1f ms; rows %.1f ms; peak %lld MiB\n",
                 (unsigned long long)rows,
                 world_names[world],
                 variants[v].name,
                 m->write_us / 1e3,
                 m->commit_us / 1e3,
                 m->maintain_us / 1e3,
                 m->restore_us / 1e3,
                 m->rows_us / 1e3,
                 (long long)m->peak_kib / 1024);
    if (csv != NULL) {
        (void)fprintf(csv,
                      "%llu,%s,%zu,%.3f,%.3f,%.3f,%.3f,%.3f,%lld\n",
                      (unsigned long long)rows,
                      world_names[world],
                      v,
                      m->write_us / 1e3,
                      m->restore_us / 1e3,
                      m->commit_us / 1e3,
                      m->maintain_us / 1e3,
                      m->rows_us / 1e3,
                      (long long)m->peak_kib / 1024);
    }
}

struct story {
    double took_us[WORLDS][VARIANTS];
};

/* Two that are closer than this in either world have no order. */
static const double tie = 1.5;
static const double ratio_max = 3;

/* The same story: of each two ways, the one that is faster in the simulator is faster for real, and
 * how many times faster differs by no more than a factor of 3. */
static bool same_story(const char *what, uint64_t rows, const struct story *story)
{
    bool same = true;
    double worst = 1;
    for (size_t a = 0; a < VARIANTS; a++) {
        for (size_t b = 0; b < VARIANTS; b++) {
            double simulated = story->took_us[SIMULATED][a] / story->took_us[SIMULATED][b];
            double real = story->took_us[REAL][a] / story->took_us[REAL][b];
            double apart = simulated / real;
            worst = apart > worst ? apart : worst;
            if ((simulated > tie && real < 1 / tie) || apart > ratio_max) {
                same = false;
                (void)printf("  ANOTHER STORY: %s of \"%s\" beside \"%s\": %.2f times in the "
                             "simulator, %.2f times for real\n",
                             what,
                             variants[a].name,
                             variants[b].name,
                             simulated,
                             real);
            }
        }
    }
    (void)printf("%8llu keys, %s: ratios differ by a factor of %.2f at most (%.0f allowed)\n",
                 (unsigned long long)rows,
                 what,
                 worst,
                 ratio_max);
    return same;
}

/* What was disturbed less: noise only ever adds. */
static void keep_quicker(struct measured *best, const struct measured *measured)
{
    double restore_us = fmin(best->restore_us, measured->restore_us);
    if (measured->write_us < best->write_us) {
        *best = *measured;
    }
    best->restore_us = restore_us;
}

/* All ways in turn, and again: a real disk and a shared machine are disturbed for a while each
 * time, and that meets all of them. Also what a fsync takes while nobody disturbs. */
static int64_t measure_real(uint64_t rows, struct measured best[VARIANTS])
{
    int64_t fsync_us = INT64_MAX;
    for (int round = 0; round < (rows >= 1000000 ? 2 : ROUNDS); round++) {
        for (size_t v = 0; v < VARIANTS; v++) {
            int64_t now_us = fsync_now_us();
            fsync_us = now_us < fsync_us ? now_us : fsync_us;
            struct measured measured = measure(&variants[v], REAL, rows, (struct machine){0});
            if (round == 0) {
                best[v] = measured;
            } else {
                keep_quicker(&best[v], &measured);
            }
        }
    }
    return fsync_us;
}

/* How quick this machine is, by the restore of one way; a row costs more where many do not fit into
 * the caches of the processor. */
static struct machine this_machine(uint64_t rows, int64_t fsync_us, double restore_us)
{
    double table_ns = (double)cost_base_us(COST_SPEND_ROWS, 1000000) / 1e3;
    double simulated_us =
        measure(&variants[DELTAS], SIMULATED, rows, (struct machine){0}).restore_us;
    double row_ns = fmax(table_ns * restore_us / simulated_us, 1);
    (void)printf("%8llu keys: a row takes %.0f ns here, %.0f ns by the simulator's table; a fsync "
                 "%.2f ms, %.2f ms\n",
                 (unsigned long long)rows,
                 row_ns,
                 table_ns,
                 (double)fsync_us / 1e3,
                 (double)cost_base_us(COST_DISK_FSYNC, 0) / 1e3);
    return (struct machine){.fsync_us = fsync_us, .row_ns = (int64_t)row_ns};
}

/* One size, all ways, both worlds. False: the worlds disagree. */
static bool measure_size(uint64_t rows, FILE *csv)
{
    struct story writes;
    struct story restores;
    struct measured best[WORLDS][VARIANTS];
    int64_t fsync_us = measure_real(rows, best[REAL]);
    struct machine machine = this_machine(rows, fsync_us, best[REAL][DELTAS].restore_us);
    for (size_t v = 0; v < VARIANTS; v++) {
        best[SIMULATED][v] = measure(&variants[v], SIMULATED, rows, machine);
        for (int w = 0; w < WORLDS; w++) {
            print_one(rows, (enum world)w, v, &best[w][v], csv);
            writes.took_us[w][v] = best[w][v].write_us;
            restores.took_us[w][v] = best[w][v].restore_us;
        }
    }
    if (rows < STORY_ROWS_MIN) {
        return true; /* so few that single calls decide */
    }
    bool same = same_story("write", rows, &writes);
    return same_story("restore", rows, &restores) && same;
}

int main(int argc, char **argv)
{
    FILE *csv = NULL;
    int first = 1;
    bool same = true;
    if (argc > 2 && strcmp(argv[1], "--csv") == 0) {
        csv = fopen(argv[2], "we");
        require(csv != NULL);
        (void)fprintf(csv,
                      "keys,world,way,write_ms,restore_ms,commit_ms,maintenance_ms,rows_ms,"
                      "peak_mib\n");
        first = 3;
    }
    if (first >= argc) {
        (void)fprintf(stderr, "usage: sim.cli.state_size_bench [--csv FILE] KEYS...\n");
        return 2;
    }
    for (int i = first; i < argc; i++) {
        uint64_t rows = strtoull(argv[i], NULL, 10);
        require(rows >= CHANGED_ONE_IN);
        same = measure_size(rows, csv) && same;
    }
    if (csv != NULL) {
        (void)fclose(csv);
    }
    return same ? 0 : 1;
}
