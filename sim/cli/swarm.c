/* aftershock swarm FILE... --seeds A..B, or --for 10m: many seeds, noise on, and what "vary" draws.
 * A line for each failure, a summary for each file; --json: a line for each seed. Progress on a
 * terminal, nothing of it in a pipe. Interrupted, it ends as if its last seed had been that one. */
#include "sim/cli/swarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "reports/report.h"
#include "sim/cli/swarm_failures.h"
#include "sim/search/vary.h"

enum {
    RECORDS_MAX = 20, /* records written for one file */
    RECORDS_EACH = 3, /* ... and for one check and site; later failures are counted */
    PROGRESS_EVERY_US = 100000
};

struct swarm {
    const struct cli *cli;
    struct report *report;
    struct run_result *result;
    int code;
    bool progress; /* stderr is a terminal */
    int64_t began_us;
    bool stopped; /* by time, a failure or the user: no further file */
    /* of the current file */
    uint64_t first;
    uint64_t last;
    uint64_t done;
    uint64_t failures;
    uint64_t records;
    struct failures told_apart;
    int64_t file_until_us; /* real time when the file's share of --for is over */
    int64_t until_us;      /* ... and this state store's share of that; 0: never */
    uint64_t deaths;       /* of workers */
    int64_t shown_us;      /* when progress was last shown, since before_us */
    uint64_t hash; /* over all trace hashes: equal runs of a swarm are compared by one number */
    int64_t virtual_us;
    int64_t before_us;
    uint64_t evaluations[RUN_CHECKS_MAX];
    bool applies[RUN_CHECKS_MAX];
    size_t check_count;
};

/* In a worker: a seed of the swarm. One oracle serves all seeds of a file that varies nothing. */
struct seed_work {
    const struct scenario *scenario;
    struct oracle *oracle;
};

static void run_seed(void *context, uint64_t seed, struct run_result *result)
{
    struct seed_work *work = context;
    struct arena arena = {0};
    int64_t before_us = cli_wall_us();
    const struct scenario *drawn = vary_scenario(&arena, work->scenario, seed);
    if (work->oracle == NULL && drawn == work->scenario) {
        work->oracle = oracle_new(drawn);
    }
    struct run_options options = {.checks = true, .noise = true, .oracle = work->oracle};
    run_scenario(drawn, seed, &options, result);
    result->wall_us = cli_wall_us() - before_us;
    arena_free(&arena);
}

/* Run the failing seed again, here, to get its last events; the world is the same. */
static void record_failure(struct swarm *swarm, const struct scenario *scenario)
{
    struct buf last = {0};
    struct arena arena = {0};
    struct run_options options = {.checks = true, .noise = true, .last_events = &last};
    uint64_t expected = swarm->result->trace_hash;
    uint64_t seed = swarm->result->seed;
    const struct scenario *drawn = vary_scenario(&arena, scenario, seed);
    run_scenario(drawn, seed, &options, swarm->result);
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
    cli_write_record(swarm->cli, drawn, swarm->result, buf_bytes(&last));
    buf_free(&last);
    arena_free(&arena);
}

/* A swarm without a failure shows the lag of its first seed. */
static void draw_first_lag(struct swarm *swarm, const struct scenario *scenario)
{
    if (swarm->report == NULL || !report_wants_lag(swarm->report)) {
        return;
    }
    struct arena arena = {0};
    struct run_options options = {.checks = true, .noise = true};
    const struct scenario *drawn = vary_scenario(&arena, scenario, swarm->first);
    run_scenario(drawn, swarm->first, &options, swarm->result);
    report_add_lag(swarm->report, swarm->result);
    arena_free(&arena);
}

/* Progress shares the terminal with what is said about failures. */
static void clear_progress(const struct swarm *swarm)
{
    if (swarm->progress) {
        (void)fputs("\r\033[K", stderr);
    }
}

/* Drawing is no part of what may have killed it; running is. */
static void record_death(const struct swarm *swarm, const struct scenario *scenario)
{
    struct arena arena = {0};
    const struct scenario *drawn = vary_scenario(&arena, scenario, swarm->result->seed);
    cli_write_record(swarm->cli, drawn, swarm->result, (struct bytes){0});
    arena_free(&arena);
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
    uint64_t alike = failures_add(&swarm->told_apart, result);
    if (alike == 0 || alike > RECORDS_EACH || swarm->records == RECORDS_MAX) {
        return;
    }
    swarm->records++;
    clear_progress(swarm);
    if (!swarm->cli->json) {
        cli_print_verdict(result);
    }
    if (died) {
        record_death(swarm, scenario);
    } else {
        record_failure(swarm, scenario);
    }
}

static void show_progress(struct swarm *swarm, const struct scenario *scenario)
{
    int64_t wall_us = cli_wall_us() - swarm->before_us;
    if (!swarm->progress || wall_us < swarm->shown_us + PROGRESS_EVERY_US) {
        return;
    }
    swarm->shown_us = wall_us;
    clear_progress(swarm);
    cli_put(stderr, scenario->name);
    (void)fprintf(stderr, ": %" PRIu64, swarm->done);
    if (swarm->cli->seed_last > 0) {
        (void)fprintf(stderr, " of %" PRIu64, swarm->last - swarm->first + 1);
    }
    (void)fprintf(stderr,
                  " seeds, %" PRIu64 " failed, %" PRId64 " seeds/s",
                  swarm->failures,
                  (int64_t)swarm->done * 1000000 / wall_us);
    if (swarm->until_us > 0) {
        int64_t left_us = swarm->until_us - cli_wall_us();
        (void)fprintf(stderr, ", %" PRId64 " s left", left_us > 0 ? left_us / 1000000 : 0);
    }
}

/* In a suite, an applicable check that never ran is a failed check. */
static void name_idle_checks(const struct swarm *swarm)
{
    const char *separator = "  checks never evaluated here: ";
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

/* One line a check and site. */
static void print_failures(const struct swarm *swarm)
{
    struct buf text = {0};
    failures_print(&swarm->told_apart, &text);
    struct buf line = {0};
    for (size_t i = 0; i < text.size; i++) {
        buf_byte(&line, text.data[i]);
        if (text.data[i] == '\n') {
            cli_put_line(&line);
            (void)putchar('\n');
            buf_clear(&line);
        }
    }
    buf_free(&line);
    buf_free(&text);
}

static void summarise(const struct swarm *swarm, const struct scenario *scenario)
{
    uint64_t seeds = swarm->done;
    int64_t wall_us = cli_wall_us() - swarm->before_us + 1;
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
    if (swarm->cli->seed_last == 0) {
        (void)printf("  seeds %" PRIu64 "..%" PRIu64 "\n", swarm->first, swarm->first + seeds - 1);
    }
    if (swarm->failures > swarm->records) {
        (void)printf("  records of %" PRIu64 " failures were written\n", swarm->records);
    }
    print_failures(swarm);
    name_idle_checks(swarm);
}

/* Seeds of this file under one state store: those that --seeds names, else from 1 for as long as
 * its share of the file's time. */
static void begin_one(struct swarm *swarm, size_t stores_left)
{
    const struct cli *cli = swarm->cli;
    swarm->before_us = cli_wall_us();
    swarm->first = cli->seed_last > 0 ? cli->seed_first : 1;
    swarm->last = cli->seed_last > 0 ? cli->seed_last : (UINT64_C(1) << 53) - 1;
    swarm->done = 0;
    swarm->failures = 0;
    swarm->records = 0;
    swarm->told_apart = (struct failures){0};
    swarm->hash = 0;
    swarm->virtual_us = 0;
    swarm->shown_us = 0;
    swarm->deaths = 0;
    for (size_t i = 0; i < RUN_CHECKS_MAX; i++) {
        swarm->evaluations[i] = 0;
        swarm->applies[i] = false;
    }
    if (cli->for_us > 0) {
        int64_t left_us = swarm->file_until_us - swarm->before_us;
        swarm->until_us = swarm->before_us + left_us / (int64_t)stores_left;
    }
}

static void run_seeds(struct swarm *swarm, const struct scenario *scenario)
{
    struct seed_work seeds = {.scenario = scenario};
    struct pool_work work = {.run = run_seed, .context = &seeds, .scenario = scenario->name};
    struct swarm_pool *pool =
        swarm_pool_new(&work, swarm->first, swarm->last, cli_jobs(swarm->cli));
    bool died = false;
    bool over = false;
    while (!over && swarm_pool_next(pool, swarm->result, &died)) {
        swarm->done++;
        take_result(swarm, scenario, died);
        show_progress(swarm, scenario);
        swarm->stopped = cli_interrupted() || (swarm->cli->until_failure && swarm->failures > 0);
        over = swarm->stopped || (swarm->until_us > 0 && cli_wall_us() >= swarm->until_us);
    }
    clear_progress(swarm);
    swarm_pool_free(pool);
}

static void swarm_one(struct swarm *swarm, const struct scenario *scenario, size_t stores_left)
{
    begin_one(swarm, stores_left);
    run_seeds(swarm, scenario);
    if (swarm->deaths == 0) {
        draw_first_lag(swarm, scenario);
    }
    summarise(swarm, scenario);
}

static void swarm_file(struct swarm *swarm, const char *file, size_t files_left)
{
    struct arena arena = {0};
    const struct scenario *scenario = cli_load(swarm->cli, &arena, file, swarm->report);
    if (scenario == NULL) {
        swarm->code = run_exit_code_worse(swarm->code, EXIT_USAGE);
        arena_free(&arena);
        return;
    }
    /* Equal shares of the time that --for leaves. */
    int64_t now_us = cli_wall_us();
    int64_t left_us = swarm->began_us + swarm->cli->for_us - now_us;
    swarm->file_until_us = now_us + left_us / (int64_t)files_left;
    size_t stores = cli_state_stores(scenario);
    for (size_t i = 0; i < stores && !swarm->stopped; i++) {
        swarm_one(swarm, scenario_under(&arena, scenario, i), stores - i);
    }
    arena_free(&arena);
}

int command_swarm(const struct cli *cli)
{
    struct swarm *swarm = heap_alloc(sizeof *swarm); /* large */
    struct diag diag = {0};
    *swarm = (struct swarm){.cli = cli, .began_us = cli_wall_us()};
    if (cli->report_dir != NULL && report_open(cli->report_dir, &swarm->report, &diag) != OK) {
        cli_complain(&diag);
        heap_free(swarm);
        return EXIT_USAGE;
    }
    swarm->result = heap_alloc(sizeof *swarm->result);
    swarm->progress = isatty(STDERR_FILENO) == 1;
    cli_watch_interrupts();
    for (size_t i = 0; i < cli->file_count && !swarm->stopped; i++) {
        swarm_file(swarm, cli->files[i], cli->file_count - i);
    }
    if (cli_interrupted()) {
        (void)fputs("aftershock: interrupted; this is what was found until then\n", stderr);
    }
    if (swarm->report != NULL && report_close(swarm->report, &diag) != OK) {
        cli_complain(&diag);
        swarm->code = run_exit_code_worse(swarm->code, EXIT_TOOL);
    }
    int code = swarm->code;
    heap_free(swarm->result);
    heap_free(swarm);
    return code;
}
