/* aftershock swarm FILE... --seeds A..B: many seeds, noise on. A line for each failure, a summary
 * for each file; --json: a line for each seed. Progress on a terminal, nothing of it in a pipe. */
#include "sim/cli/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "reports/report.h"

enum {
    RECORDS_MAX = 20, /* records written for one file; later failures are counted */
    PROGRESS_EVERY_US = 100000
};

struct swarm {
    const struct cli *cli;
    struct report *report;
    struct run_result *result;
    int code;
    bool progress; /* stderr is a terminal */
    /* of the current file */
    uint64_t failures;
    uint64_t deaths;  /* of workers */
    int64_t shown_us; /* when progress was last shown, since before_us */
    uint64_t hash;    /* over all trace hashes: equal runs of a swarm are compared by one number */
    int64_t virtual_us;
    int64_t before_us;
    uint64_t evaluations[RUN_CHECKS_MAX];
    bool applies[RUN_CHECKS_MAX];
    size_t check_count;
};

/* Run the failing seed again, here, to get its last events; the world is the same. */
static void record_failure(struct swarm *swarm, const struct scenario *scenario)
{
    struct buf last = {0};
    struct run_options options = {.checks = true, .noise = true, .last_events = &last};
    uint64_t expected = swarm->result->trace_hash;
    run_scenario(scenario, swarm->result->seed, &options, swarm->result);
    if (swarm->result->trace_hash != expected) {
        (void)fprintf(stderr,
                      "aftershock: NONDETERMINISM: %s seed %" PRIu64 ": trace %016" PRIx64
                      ", then %016" PRIx64 "\n",
                      scenario->name,
                      swarm->result->seed,
                      expected,
                      swarm->result->trace_hash);
        swarm->code = run_exit_code_worse(swarm->code, EXIT_NONDETERMINISM);
    }
    if (swarm->report != NULL) {
        report_add_lag(swarm->report, swarm->result);
    }
    cli_write_record(swarm->cli, scenario, swarm->result, buf_bytes(&last));
    buf_free(&last);
}

/* A swarm without a failure shows the lag of its first seed. */
static void draw_first_lag(struct swarm *swarm, const struct scenario *scenario)
{
    if (swarm->report == NULL || !report_wants_lag(swarm->report)) {
        return;
    }
    struct run_options options = {.checks = true, .noise = true};
    run_scenario(scenario, swarm->cli->seed_first, &options, swarm->result);
    report_add_lag(swarm->report, swarm->result);
}

/* Progress shares the terminal with what is said about failures. */
static void clear_progress(const struct swarm *swarm)
{
    if (swarm->progress) {
        (void)fputs("\r\033[K", stderr);
    }
}

static void take_result(struct swarm *swarm, const struct scenario *scenario, bool died)
{
    struct run_result *result = swarm->result;
    swarm->hash = hash_chain(swarm->hash, result->trace_hash);
    swarm->virtual_us += result->virtual_us;
    swarm->check_count = result->check_count > 0 ? result->check_count : swarm->check_count;
    for (size_t i = 0; i < result->check_count; i++) {
        swarm->evaluations[i] += result->checks[i].evaluations;
        swarm->applies[i] = swarm->applies[i] || result->checks[i].applies;
    }
    if (swarm->cli->json) {
        struct buf line = {0};
        run_result_json(result, &line);
        (void)printf("%.*s\n", (int)line.size, (const char *)line.data);
        buf_free(&line);
    }
    if (swarm->report != NULL) {
        report_add(swarm->report, result);
    }
    if (result->pass) {
        return;
    }
    swarm->failures++;
    swarm->deaths += died;
    swarm->code = run_exit_code_worse(swarm->code, died ? EXIT_TOOL : run_exit_code(result));
    if (swarm->failures > RECORDS_MAX) {
        return;
    }
    clear_progress(swarm);
    if (!swarm->cli->json) {
        cli_print_verdict(result);
    }
    if (died) {
        cli_write_record(swarm->cli, scenario, result, (struct bytes){0});
    } else {
        record_failure(swarm, scenario);
    }
}

static void show_progress(struct swarm *swarm, const struct scenario *scenario, uint64_t done)
{
    uint64_t seeds = swarm->cli->seed_last - swarm->cli->seed_first + 1;
    int64_t wall_us = cli_wall_us() - swarm->before_us;
    if (!swarm->progress || wall_us < swarm->shown_us + PROGRESS_EVERY_US) {
        return;
    }
    swarm->shown_us = wall_us;
    clear_progress(swarm);
    cli_put(stderr, scenario->name);
    (void)fprintf(stderr,
                  ": %" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed, %" PRId64 " seeds/s",
                  done,
                  seeds,
                  swarm->failures,
                  (int64_t)done * 1000000 / wall_us);
}

/* In a suite, an applicable check that never ran is a failed check. */
static void name_idle_checks(const struct swarm *swarm)
{
    const char *separator = "  never evaluated here: ";
    for (size_t i = 0; i < swarm->check_count; i++) {
        if (swarm->evaluations[i] == 0 && swarm->applies[i]) {
            (void)printf("%s%s", separator, run_check_name(i));
            separator = ", ";
        }
    }
    if (separator[0] == ',') {
        (void)putchar('\n');
    }
}

static void summarise(const struct swarm *swarm, const struct scenario *scenario)
{
    uint64_t seeds = swarm->cli->seed_last - swarm->cli->seed_first + 1;
    int64_t wall_us = cli_wall_us() - swarm->before_us;
    if (swarm->cli->json) {
        return;
    }
    (void)fputs(swarm->failures == 0 ? "PASS " : "FAIL ", stdout);
    cli_put(stdout, scenario->name);
    (void)printf(": %" PRIu64 " seeds, %" PRIu64
                 " failed, %.1f h virtual in %.2f s (%.0f seeds/s), "
                 "traces %016" PRIx64 "\n",
                 seeds,
                 swarm->failures,
                 (double)swarm->virtual_us / 3.6e9,
                 (double)wall_us / 1e6,
                 (double)seeds / ((double)wall_us / 1e6),
                 swarm->hash);
    if (swarm->failures > RECORDS_MAX) {
        (void)printf("  records of the first %d failures were written\n", RECORDS_MAX);
    }
    name_idle_checks(swarm);
}

static void swarm_file(struct swarm *swarm, const char *file, unsigned jobs)
{
    struct arena arena = {0};
    const struct scenario *scenario = cli_load(swarm->cli, &arena, file, swarm->report);
    if (scenario == NULL) {
        swarm->code = run_exit_code_worse(swarm->code, EXIT_USAGE);
        arena_free(&arena);
        return;
    }
    swarm->failures = 0;
    swarm->hash = 0;
    swarm->virtual_us = 0;
    swarm->before_us = cli_wall_us();
    for (size_t i = 0; i < RUN_CHECKS_MAX; i++) {
        swarm->evaluations[i] = 0;
    }
    swarm->shown_us = 0;
    swarm->deaths = 0;
    struct swarm_pool *pool =
        swarm_pool_new(scenario, swarm->cli->seed_first, swarm->cli->seed_last, jobs);
    bool died = false;
    for (uint64_t done = 1; swarm_pool_next(pool, swarm->result, &died); done++) {
        take_result(swarm, scenario, died);
        show_progress(swarm, scenario, done);
    }
    clear_progress(swarm);
    swarm_pool_free(pool);
    if (swarm->deaths == 0) {
        draw_first_lag(swarm, scenario);
    }
    summarise(swarm, scenario);
    arena_free(&arena);
}

int command_swarm(const struct cli *cli)
{
    struct swarm swarm = {.cli = cli, .result = heap_alloc(sizeof *swarm.result)};
    struct diag diag = {0};
    if (cli->report_dir != NULL && report_open(cli->report_dir, &swarm.report, &diag) != OK) {
        cli_complain(&diag);
        heap_free(swarm.result);
        return EXIT_USAGE;
    }
    swarm.progress = isatty(STDERR_FILENO) == 1;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned jobs = cli->jobs > 0 ? cli->jobs : cores > 0 ? (unsigned)cores : 1;
    (void)fflush(stdout); /* workers must not inherit unwritten text */
    for (size_t i = 0; i < cli->file_count; i++) {
        swarm_file(&swarm, cli->files[i], jobs);
    }
    if (swarm.report != NULL && report_close(swarm.report, &diag) != OK) {
        cli_complain(&diag);
        swarm.code = run_exit_code_worse(swarm.code, EXIT_TOOL);
    }
    heap_free(swarm.result);
    return swarm.code;
}
