/* aftershock sweep FILE: a crash at every point of a run, then again in the recovery from each; see
 * sim/search/sweep.h for what a point is. Interrupted or out of time it says how far it came;
 * --resume goes on there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "reports/report.h"
#include "reports/text.h"
#include "sim/cli/swarm.h"
#include "sim/cli/swarm_failures.h"
#include "sim/cli/sweep_state.h"

enum {
    BUDGET_DEFAULT = 2000,
    SHOWN_EACH = 3,
    PROGRESS_EVERY_US = 100000,
    SAVED_EVERY_US = 1000000
};

struct sweep {
    const struct cli *cli;
    struct report *report;
    struct run_result *result;
    struct oracle *oracle;
    struct sweep_plan plan;
    struct sweep_pairs pairs;
    struct sweep_identity identity;
    struct sweep_state state;
    struct failures told_apart;
    int64_t began_us;
    int64_t shown_us;
    int64_t saved_us;
    uint64_t runs; /* of this call of the program */
    bool progress;
    bool second; /* the phase: pairs */
    int code;
};

/* ---- in a worker */

static struct sweep_point point_of(const struct sweep *sweep, uint64_t n)
{
    if (sweep->second) {
        return sweep_pair(
            &sweep->plan, sweep->state.calls, &sweep->pairs, sweep_spread(sweep->pairs.count, n));
    }
    return sweep_point(&sweep->plan, sweep_spread(sweep->plan.point_count, n));
}

static void run_item(void *context, uint64_t item, struct run_result *result)
{
    const struct sweep *sweep = context;
    struct sweep_point point = point_of(sweep, item - 1);
    int64_t before_us = cli_wall_us();
    sweep_run(&sweep->plan, &point, sweep->oracle, result);
    result->wall_us = cli_wall_us() - before_us;
}

/* ---- results */

static void clear_progress(const struct sweep *sweep)
{
    if (sweep->progress) {
        (void)fputs("\r\033[K", stderr);
    }
}

static void show_progress(struct sweep *sweep, uint64_t done, uint64_t total)
{
    int64_t wall_us = cli_wall_us() - sweep->began_us;
    if (!sweep->progress || wall_us < sweep->shown_us + PROGRESS_EVERY_US) {
        return;
    }
    sweep->shown_us = wall_us;
    clear_progress(sweep);
    cli_put(stderr, sweep->plan.scenario->name);
    (void)fprintf(stderr,
                  ": %" PRIu64 " of %" PRIu64 " %s, %" PRId64 " points/s",
                  done,
                  total,
                  sweep->second ? "second crashes" : "crash points",
                  (int64_t)sweep->runs * 1000000 / wall_us);
}

static void save(struct sweep *sweep)
{
    const char *file = sweep->cli->resume;
    if (file != NULL && !sweep_state_write(file, &sweep->identity, &sweep->state)) {
        (void)fprintf(
            stderr, "aftershock: --resume: %s could not be written: %s\n", file, strerror(errno));
        sweep->code = run_exit_code_worse(sweep->code, EXIT_TOOL);
    }
}

/* The line that runs a failed point alone. */
static void print_failure(struct sweep *sweep, const char *spec)
{
    FILE *out = sweep->cli->json ? stderr : stdout;
    struct buf line = {0};
    clear_progress(sweep);
    buf_text(&line, "aftershock sweep ");
    cli_argument(sweep->plan.scenario, &line);
    buf_text(&line, " --at ");
    text_shell(&line, spec);
    buf_byte(&line, '\0');
    (void)fprintf(out, "FAIL %s: %s: ", spec, sweep->result->failed_check);
    cli_put(out, sweep->result->evidence);
    (void)fputs("\n  replay: ", out);
    cli_put(out, (const char *)line.data);
    (void)fputc('\n', out);
    buf_free(&line);
}

static void take_failure(struct sweep *sweep, const struct sweep_point *point, bool died)
{
    char spec[SWEEP_SPEC_SIZE];
    sweep_format(&sweep->plan, point, spec);
    buf_text(&sweep->state.failed, spec);
    buf_byte(&sweep->state.failed, '\n');
    sweep->code = run_exit_code_worse(sweep->code, died ? EXIT_TOOL : run_exit_code(sweep->result));
    uint64_t alike = failures_add(&sweep->told_apart, sweep->result);
    if (alike > 0 && alike <= SHOWN_EACH) {
        print_failure(sweep, spec);
    }
    if (sweep->report != NULL) {
        report_add(sweep->report, sweep->result);
    }
}

static void take_result(struct sweep *sweep, uint64_t n, bool died)
{
    struct sweep_point point = point_of(sweep, n);
    struct sweep_state *state = &sweep->state;
    bool pass = sweep->result->pass;
    sweep->runs++;
    if (sweep->second) {
        state->pairs_done++;
        state->pairs_recovered += pass;
    } else {
        state->calls[sweep_spread(sweep->plan.point_count, n)] =
            (uint32_t)sweep->result->recovery_calls;
        state->points_done++;
        state->points_recovered += pass;
    }
    if (!pass) {
        take_failure(sweep, &point, died);
    }
}

/* True when all of them were tried. */
static bool run_phase(struct sweep *sweep, uint64_t done, uint64_t total)
{
    const struct cli *cli = sweep->cli;
    struct pool_work work = {
        .run = run_item, .context = sweep, .scenario = sweep->plan.scenario->name};
    if (done == total) {
        return true;
    }
    bool over = cli_interrupted();
    bool died = false;
    struct swarm_pool *pool = swarm_pool_new(&work, done + 1, total, cli_jobs(cli));
    while (!over && swarm_pool_next(pool, sweep->result, &died)) {
        take_result(sweep, done, died);
        done++;
        show_progress(sweep, done, total);
        int64_t now_us = cli_wall_us();
        if (now_us > sweep->saved_us + SAVED_EVERY_US) {
            sweep->saved_us = now_us;
            save(sweep);
        }
        over = cli_interrupted() || (cli->for_us > 0 && now_us >= sweep->began_us + cli->for_us);
    }
    clear_progress(sweep);
    swarm_pool_free(pool);
    save(sweep);
    return done == total;
}

/* ---- the end */

static void print_json(const struct sweep *sweep, int64_t wall_us)
{
    struct buf out = {0};
    const struct sweep_state *state = &sweep->state;
    buf_text(&out, "{\"scenario\":");
    buf_json_string(&out, bytes_of_text(sweep->plan.scenario->name));
    buf_printf(&out,
               ",\"verdict\":\"%s\",\"points\":%" PRIu64 ",\"tried\":%" PRIu64
               ",\"recovered\":%" PRIu64 ",\"second\":{\"points\":%" PRIu64
               ",\"sampled_1_in\":%" PRIu64 ",\"tried\":%" PRIu64 ",\"recovered\":%" PRIu64
               "},\"runs\":%" PRIu64 ",\"wall_s\":%" PRId64 ".%03" PRId64 ",\"failed\":[",
               state->failed.size == 0 ? "pass" : "fail",
               sweep->plan.point_count,
               state->points_done,
               state->points_recovered,
               sweep->pairs.total,
               sweep->pairs.stride,
               state->pairs_done,
               state->pairs_recovered,
               sweep->runs,
               wall_us / 1000000,
               wall_us / 1000 % 1000);
    size_t start = 0;
    for (size_t i = 0; i < state->failed.size; i++) {
        if (state->failed.data[i] == '\n') {
            buf_text(&out, start == 0 ? "" : ",");
            buf_json_string(&out, bytes_of(state->failed.data + start, i - start));
            start = i + 1;
        }
    }
    buf_text(&out, "]}");
    (void)printf("%.*s\n", (int)out.size, (const char *)out.data);
    buf_free(&out);
}

static void print_text(const struct sweep *sweep, int64_t wall_us)
{
    const struct sweep_plan *plan = &sweep->plan;
    const struct sweep_state *state = &sweep->state;
    (void)fputs(state->failed.size == 0 ? "PASS " : "FAIL ", stdout);
    cli_put(stdout, plan->scenario->name);
    (void)printf(": %" PRIu64 " of %" PRIu64 " crash points recovered (of %" PRIu64 ": ",
                 state->points_recovered,
                 state->points_done,
                 plan->point_count);
    for (size_t i = 0; i < plan->victim_count; i++) {
        (void)printf(
            "%s%s %" PRIu64, i == 0 ? "" : ", ", plan->victims[i].name, plan->victims[i].calls);
    }
    (void)printf(" port calls, each alone and with its machine: unsynced kept, dropped, cut, "
                 "garbled)\n");
    if (sweep->pairs.total > 0) {
        (void)printf("  %" PRIu64 " of %" PRIu64 " second crashes in the recovery recovered (of "
                     "%" PRIu64 "; sampled 1 in %" PRIu64 ")\n",
                     state->pairs_recovered,
                     state->pairs_done,
                     sweep->pairs.total,
                     sweep->pairs.stride);
    }
    (void)printf("  %" PRIu64 " runs in %.1f s (%.0f points/s)\n",
                 sweep->runs,
                 (double)wall_us / 1e6,
                 (double)sweep->runs / ((double)wall_us / 1e6));
}

static void run_phases(struct sweep *sweep)
{
    bool whole = run_phase(sweep, sweep->state.points_done, sweep->plan.point_count);
    if (whole) {
        sweep->pairs =
            sweep_pairs(sweep->state.calls, sweep->plan.point_count, sweep->identity.budget);
        sweep->second = true;
        whole = run_phase(sweep, sweep->state.pairs_done, sweep->pairs.count);
    }
    int64_t wall_us = cli_wall_us() - sweep->began_us + 1;
    if (sweep->cli->json) {
        print_json(sweep, wall_us);
    } else {
        print_text(sweep, wall_us);
    }
    if (!whole) {
        (void)fprintf(stderr,
                      "aftershock: %s before the end%s%s\n",
                      cli_interrupted() ? "interrupted" : "out of time",
                      sweep->cli->resume == NULL ? "; --resume FILE would go on from here"
                                                 : "; go on with --resume ",
                      sweep->cli->resume == NULL ? "" : sweep->cli->resume);
    }
    if (sweep->state.failed.size > 0) { /* of an earlier call too */
        sweep->code = run_exit_code_worse(sweep->code, EXIT_FAILED);
    }
}

/* --at: one point, with its verdict. */
static void run_one(struct sweep *sweep)
{
    struct sweep_point point;
    if (!sweep_parse(&sweep->plan, sweep->cli->at, &point)) {
        (void)fputs("aftershock: --at: \"", stderr);
        cli_put(stderr, sweep->cli->at);
        (void)fprintf(stderr,
                      "\" is no point of this run, expected one such as \"driver@%" PRIu64
                      "\", \"driver machine dropped@12\" or \"executor 1@3+5\"\n",
                      sweep->plan.victims[0].calls);
        sweep->code = EXIT_USAGE;
        return;
    }
    int64_t before_us = cli_wall_us();
    sweep_run(&sweep->plan, &point, sweep->oracle, sweep->result);
    sweep->result->wall_us = cli_wall_us() - before_us;
    cli_print_verdict(sweep->result);
    sweep->code = run_exit_code(sweep->result);
}

static enum status begin(struct sweep *sweep, const struct scenario *scenario, struct diag *diag)
{
    const struct cli *cli = sweep->cli;
    sweep->oracle = oracle_new(scenario);
    if (!sweep_record(&sweep->plan, scenario, sweep->oracle, sweep->result)) {
        cli_print_verdict(sweep->result);
        sweep->code = run_exit_code(sweep->result);
        return OK;
    }
    if (sweep->report != NULL) {
        report_add(sweep->report, sweep->result);
    }
    if (cli->at != NULL) {
        run_one(sweep);
        return OK;
    }
    sweep->identity =
        (struct sweep_identity){.commit = cli_commit(),
                                .trace_hash = sweep->plan.trace_hash,
                                .point_count = sweep->plan.point_count,
                                .budget = cli->budget > 0 ? cli->budget : BUDGET_DEFAULT};
    if (cli->resume == NULL) {
        sweep->state.calls = heap_alloc((sweep->plan.point_count + 1) * sizeof(uint32_t));
    } else {
        TRY(sweep_state_read(cli->resume, &sweep->identity, &sweep->state, diag));
    }
    run_phases(sweep);
    return OK;
}

int command_sweep(const struct cli *cli)
{
    struct sweep *sweep = heap_alloc(sizeof *sweep); /* large */
    struct arena arena = {0};
    struct diag diag = {0};
    *sweep = (struct sweep){.cli = cli, .began_us = cli_wall_us()};
    sweep->result = heap_alloc(sizeof *sweep->result);
    sweep->progress = isatty(STDERR_FILENO) == 1;
    cli_watch_interrupts();
    const struct scenario *scenario = cli_load(cli, &arena, cli->files[0], NULL);
    if (scenario == NULL || !cli_is_one(scenario, "sweep") ||
        (cli->report_dir != NULL && report_open(cli->report_dir, &sweep->report, &diag) != OK) ||
        begin(sweep, scenario, &diag) != OK) {
        sweep->code = EXIT_USAGE;
    }
    if (diag.set) {
        cli_complain(&diag);
    }
    if (sweep->report != NULL && report_close(sweep->report, &diag) != OK) {
        cli_complain(&diag);
        sweep->code = run_exit_code_worse(sweep->code, EXIT_TOOL);
    }
    int code = sweep->code;
    if (sweep->oracle != NULL) {
        oracle_free(sweep->oracle);
    }
    heap_free(sweep->state.calls);
    buf_free(&sweep->state.failed);
    heap_free(sweep->result);
    heap_free(sweep);
    arena_free(&arena);
    return code;
}
