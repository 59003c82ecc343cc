/* aftershock run FILE...: each once; with --seed N noise is on, as in the swarm's line for N. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/heap.h"
#include "reports/report.h"
#include "reports/transcript.h"
#include "sim/cli/table_export.h"
#include "sim/search/vary.h"

/* What is done with each event while the run goes on. */
struct watcher {
    FILE *trace;
    FILE *progress;
    bool timeline;
    bool color;
    int64_t start_us;
    struct buf line;
};

static void print_timeline(struct watcher *watcher, const struct trace_record *record)
{
    buf_clear(&watcher->line);
    if (!transcript_line(record, watcher->start_us, &watcher->line)) {
        return;
    }
    bool fault = record->kind == WORLD_FAULT || record->kind == EVENT_EXECUTOR_LOST;
    bool commit = record->kind == EVENT_COMMIT_WRITTEN;
    const char *color = !watcher->color ? "" : fault ? "\033[1;31m" : commit ? "\033[32m" : "";
    (void)fputs(color, stdout);
    cli_put_line(&watcher->line);
    (void)puts(color[0] == '\0' ? "" : "\033[0m");
}

static void watch(void *context, const struct trace_record *record)
{
    struct watcher *watcher = context;
    if (watcher->timeline) {
        print_timeline(watcher, record);
    }
    if (watcher->trace != NULL) {
        buf_clear(&watcher->line);
        trace_json(record, &watcher->line);
        (void)fwrite(watcher->line.data, 1, watcher->line.size, watcher->trace);
    }
}

/* Called as the driver, on its stack: writes, and nothing else. */
static void watch_progress(void *context, struct bytes line)
{
    struct watcher *watcher = context;
    (void)fwrite(line.data, 1, line.size, watcher->progress);
    (void)fputc('\n', watcher->progress);
}

/* What each driver that ended with an error told its operator: the timeline names the class alone.
 */
static void print_errors(const struct run_result *result)
{
    for (size_t i = 0; i < result->run_count; i++) {
        const struct diag *error = &result->runs[i].error;
        if (error->set) {
            (void)printf("  run %zu ended with an error: ", i + 1);
            cli_put(stdout, error->text);
            (void)printf(" [%s]\n", error->error_class);
        }
    }
}

/* The story, and under which state store when the file has several: the timeline follows. */
static void tell_story(const struct scenario *scenario)
{
    cli_put(stdout, scenario->story);
    if (scenario->state_store != NULL) {
        (void)fputs(" State store: ", stdout);
        cli_put(stdout, scenario->state_store);
        (void)putchar('.');
    }
    (void)putchar('\n');
}

static int run_one(const struct cli *cli,
                   const struct scenario *scenario,
                   struct watcher *watcher,
                   struct report *report,
                   struct run_result *result)
{
    struct buf last = {0};
    struct table_export table = {.option = "--table", .folder = cli->table_dir};
    struct table_export checkpoint = {.option = "--checkpoint", .folder = cli->checkpoint_dir};
    struct run_options options = {.checks = true,
                                  .noise = cli->seed > 0,
                                  .observer = watch,
                                  .observer_context = watcher,
                                  .progress = watcher->progress == NULL ? NULL : watch_progress,
                                  .progress_context = watcher,
                                  .last_events = &last,
                                  .table_file = cli->table_dir == NULL ? NULL : table_export_file,
                                  .table_context = &table,
                                  .checkpoint_file =
                                      cli->checkpoint_dir == NULL ? NULL : table_export_file,
                                  .checkpoint_context = &checkpoint};
    watcher->start_us = scenario->start_us;
    if (watcher->timeline) {
        tell_story(scenario);
    }
    int64_t before_us = cli_wall_us();
    run_scenario(scenario, cli->seed, &options, result);
    result->wall_us = cli_wall_us() - before_us;
    buf_free(&watcher->line);
    if (cli->json) {
        struct buf line = {0};
        run_result_json(result, &line);
        (void)printf("%.*s\n", (int)line.size, (const char *)line.data);
        buf_free(&line);
    } else {
        cli_print_verdict(result);
        if (watcher->timeline) {
            print_errors(result);
        }
    }
    if (!result->pass) {
        cli_write_record(cli, scenario, result, buf_bytes(&last));
    }
    if (report != NULL) {
        report_add(report, result);
    }
    buf_free(&last);
    bool failed = table.failed || checkpoint.failed;
    return run_exit_code_worse(run_exit_code(result), failed ? EXIT_TOOL : EXIT_AS_EXPECTED);
}

/* What a seed draws, for people and for whoever shrinks it. Its paths start where `file` stands. */
static void print_resolved(const struct scenario *scenario, uint64_t seed)
{
    struct buf text = {0};
    vary_text(scenario, seed, &text);
    (void)fwrite(text.data, 1, text.size, stdout); /* JSON: what steers a terminal is escaped */
    buf_free(&text);
}

/* What is written of one run cannot be written of several; false after a complaint. */
static bool fits_outputs(const struct cli *cli, const struct scenario *scenario)
{
    bool writes = cli->resolve || cli->trace_file != NULL || cli->progress_file != NULL ||
                  cli->table_dir != NULL || cli->checkpoint_dir != NULL;
    return !writes ||
           cli_is_one(scenario, "--resolve, --trace, --progress, --table and --checkpoint");
}

static int run_file(const struct cli *cli,
                    const char *file,
                    struct watcher *watcher,
                    struct report *report,
                    struct run_result *result)
{
    struct arena arena = {0};
    int code = EXIT_AS_EXPECTED;
    const struct scenario *scenario = cli_load(cli, &arena, file, report);
    if (scenario == NULL || !fits_outputs(cli, scenario)) {
        code = EXIT_USAGE;
    } else if (cli->resolve) {
        print_resolved(scenario, cli->seed);
    } else {
        for (size_t i = 0; i < cli_state_stores(scenario); i++) {
            const struct scenario *one = scenario_under(&arena, scenario, i);
            one = vary_scenario(&arena, one, cli->seed);
            code = run_exit_code_worse(code, run_one(cli, one, watcher, report, result));
        }
    }
    arena_free(&arena);
    return code;
}

/* The file of an option, or none when it was not given; false after a complaint. */
static bool open_output(const char *option, const char *path, FILE **file)
{
    if (path == NULL) {
        return true;
    }
    *file = fopen(path, "w");
    if (*file == NULL) {
        (void)fprintf(
            stderr, "aftershock: %s: %s cannot be written: %s\n", option, path, strerror(errno));
    }
    return *file != NULL;
}

static int open_outputs(const struct cli *cli, struct watcher *watcher, struct report **report)
{
    struct diag diag = {0};
    if (!open_output("--trace", cli->trace_file, &watcher->trace) ||
        !open_output("--progress", cli->progress_file, &watcher->progress)) {
        return EXIT_USAGE;
    }
    if (cli->report_dir != NULL && report_open(cli->report_dir, report, &diag) != OK) {
        cli_complain(&diag);
        return EXIT_USAGE;
    }
    return EXIT_AS_EXPECTED;
}

static bool close_output(const char *option, FILE *file)
{
    if (file == NULL) {
        return true;
    }
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (failed) {
        (void)fprintf(stderr, "aftershock: %s: the file could not be written whole\n", option);
    }
    return !failed;
}

static int close_outputs(struct watcher *watcher, struct report *report)
{
    struct diag diag = {0};
    bool whole = close_output("--trace", watcher->trace);
    whole = close_output("--progress", watcher->progress) && whole;
    int code = whole ? EXIT_AS_EXPECTED : EXIT_TOOL;
    if (report != NULL && report_close(report, &diag) != OK) {
        cli_complain(&diag);
        code = EXIT_TOOL;
    }
    return code;
}

int command_run(const struct cli *cli)
{
    bool terminal = isatty(STDOUT_FILENO) == 1;
    struct watcher watcher = {
        .timeline = cli->timeline || (terminal && !cli->json && cli->file_count == 1),
        .color = terminal && getenv("NO_COLOR") == NULL, /* no-color.org */
    };
    struct report *report = NULL;
    int code = open_outputs(cli, &watcher, &report);
    if (code != EXIT_AS_EXPECTED) {
        return code;
    }
    struct run_result *result = heap_alloc(sizeof *result);
    for (size_t i = 0; i < cli->file_count; i++) {
        code = run_exit_code_worse(code, run_file(cli, cli->files[i], &watcher, report, result));
    }
    heap_free(result);
    return run_exit_code_worse(code, close_outputs(&watcher, report));
}
