/* What several commands share: complaints, loading, records, verdicts. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/units.h"
#include "reports/record.h"
#include "reports/report.h"
#include "reports/text.h"
#include "sim/cli/commit.h"

const char *cli_commit(void)
{
    return AFTERSHOCK_COMMIT;
}

void cli_put(FILE *file, const char *text)
{
    struct buf out = {0};
    text_terminal(&out, bytes_of_text(text));
    (void)fwrite(out.data, 1, out.size, file);
    buf_free(&out);
}

void cli_put_line(const struct buf *line)
{
    struct buf out = {0};
    text_terminal(&out, bytes_of(line->data, line->size - (line->size > 0)));
    (void)fwrite(out.data, 1, out.size, stdout);
    buf_free(&out);
}

void cli_complain(const struct diag *diag)
{
    char text[1400];
    diag_format(diag, text, sizeof text);
    (void)fputs("aftershock: ", stderr);
    cli_put(stderr, text);
    (void)fputc('\n', stderr);
}

/* FILE.json@STORE: the file as it stands under one of its state stores. */
static enum status load_one_store(const struct cli *cli,
                                  struct arena *arena,
                                  const char *argument,
                                  const char *at,
                                  const struct scenario **scenario,
                                  struct diag *diag)
{
    const char *file = arena_copy(arena, argument, (size_t)(at - argument));
    struct scenario *base = NULL;
    TRY(scenario_load(arena, file, cli->root, &base, diag));
    size_t index = scenario_state_store(base, at + 1);
    if (index == base->state_store_count) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", file);
        return diag_fail(diag,
                         "USAGE",
                         "\"%.60s\" is none of its state_stores%s",
                         at + 1,
                         base->state_store_count == 0 ? ": it lists none" : "");
    }
    *scenario = scenario_under(arena, base, index);
    if (index == 0) {
        base->state_store_count = 0; /* the others were not asked for */
    }
    return OK;
}

static const char *store_of_argument(const char *argument)
{
    const char *at = strrchr(argument, '@');
    bool behind_a_file = at != NULL && at - argument > 5 && memcmp(at - 5, ".json", 5) == 0;
    return behind_a_file ? at : NULL;
}

const struct scenario *
cli_load(const struct cli *cli, struct arena *arena, const char *file, struct report *report)
{
    struct scenario *base = NULL;
    const struct scenario *scenario = NULL;
    struct diag diag = {0};
    struct stat status;
    const char *at = store_of_argument(file);
    if (stat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)snprintf(diag.file, sizeof diag.file, "%s", file);
        (void)diag_fail(&diag, "USAGE", "a folder, expected scenario files: %s/*.json", file);
    } else if (at != NULL && load_one_store(cli, arena, file, at, &scenario, &diag) == OK) {
        return scenario;
    } else if (at == NULL && scenario_load(arena, file, cli->root, &base, &diag) == OK) {
        return base;
    }
    cli_complain(&diag);
    if (report != NULL) {
        char text[1400];
        diag_format(&diag, text, sizeof text);
        report_add_error(report, file, text);
    }
    return NULL;
}

const struct option_override *cli_overrides(const struct cli *cli, struct arena *arena)
{
    struct option_override *sets = arena_alloc(arena, (cli->set_count + 1) * sizeof *sets);
    for (size_t i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        size_t size = (size_t)(equals - cli->sets[i]);
        sets[i].name = arena_copy(arena, cli->sets[i], size);
        sets[i].value = equals + 1;
    }
    return sets;
}

static volatile sig_atomic_t interrupted;

static void remember(int number)
{
    (void)number;
    interrupted = 1;
}

void cli_watch_interrupts(void)
{
    struct sigaction action = {.sa_handler = remember};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

int64_t cli_wall_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

void cli_argument(const struct scenario *scenario, struct buf *out)
{
    struct buf argument = {0};
    buf_text(&argument, scenario->file);
    if (scenario->state_store != NULL) {
        buf_printf(&argument, "@%s", scenario->state_store);
    }
    buf_byte(&argument, '\0');
    text_shell(out, (const char *)argument.data);
    buf_free(&argument);
}

size_t cli_state_stores(const struct scenario *scenario)
{
    return scenario->state_store_count > 1 ? scenario->state_store_count : 1;
}

bool cli_is_one(const struct scenario *scenario, const char *what)
{
    size_t count = cli_state_stores(scenario);
    if (count == 1) {
        return true;
    }
    struct arena arena = {0};
    struct buf line = {0};
    buf_printf(&line, "%s: one run, but this file has several state_stores; name one of:", what);
    for (size_t i = 0; i < count; i++) {
        buf_text(&line, i == 0 ? " " : ", ");
        cli_argument(scenario_under(&arena, scenario, i), &line);
    }
    buf_byte(&line, '\0');
    (void)fputs("aftershock: ", stderr);
    cli_put(stderr, (const char *)line.data);
    (void)fputc('\n', stderr);
    buf_free(&line);
    arena_free(&arena);
    return false;
}

void cli_write_record(const struct cli *cli,
                      const struct scenario *scenario,
                      const struct run_result *result,
                      struct bytes last_events)
{
    struct buf text = {0};
    record_json(&(struct failure_record){.commit = AFTERSHOCK_COMMIT,
                                         .arguments = cli->arguments,
                                         .scenario = scenario,
                                         .result = result,
                                         .last_events = last_events},
                &text);
    char path[512];
    struct buf name = {0};
    text_plot(&name, scenario->name); /* a plain file name, whatever the scenario's is */
    (void)snprintf(path,
                   sizeof path,
                   "%s%s%.*s-%" PRIu64 ".record.json",
                   cli->report_dir == NULL ? "" : cli->report_dir,
                   cli->report_dir == NULL ? "" : "/",
                   (int)name.size,
                   (const char *)name.data,
                   result->seed);
    buf_free(&name);
    FILE *file = fopen(path, "w");
    bool bad = file == NULL || fwrite(text.data, 1, text.size, file) != text.size;
    if (file != NULL) {
        bad = fclose(file) != 0 || bad;
    }
    int error = errno;
    buf_free(&text);
    FILE *out = cli->json ? stderr : stdout;
    struct buf line = {0};
    if (bad) {
        (void)fputs("aftershock: ", stderr);
        cli_put(stderr, path);
        (void)fprintf(stderr, " could not be written: %s\n", strerror(error));
        buf_text(&line, "aftershock run ");
        cli_argument(scenario, &line);
        if (result->seed > 0) {
            buf_printf(&line, " --seed %" PRIu64, result->seed);
        }
    } else {
        buf_text(&line, "aftershock replay ");
        text_shell(&line, path);
    }
    (void)fputs("  replay: ", out);
    buf_byte(&line, '\0');
    cli_put(out, (const char *)line.data);
    (void)fputc('\n', out);
    buf_free(&line);
}

/* What was proven, in words; a loss that the scenario expects is named. */
static void print_proof(const struct run_result *result)
{
    uint64_t evaluations = 0;
    size_t ran = 0;
    for (size_t i = 0; i < result->check_count; i++) {
        evaluations += result->checks[i].evaluations;
        ran += result->checks[i].evaluations > 0;
    }
    if (strcmp(result->lost, "nothing") == 0) {
        (void)printf("  the table equals the oracle's rows: nothing lost, nothing repeated");
    } else {
        (void)printf("  the table equals the oracle's rows after the loss that it expects (%s)",
                     result->lost);
    }
    (void)printf("; %zu checks, %" PRIu64 " evaluations\n", ran, evaluations);
}

void cli_print_verdict(const struct run_result *result)
{
    char virtual_time[48];
    duration_format(result->virtual_us / US_PER_MS * US_PER_MS, virtual_time);
    (void)fputs(result->pass ? "PASS " : "FAIL ", stdout);
    cli_put(stdout, result->scenario);
    (void)printf(" seed %" PRIu64 ": %s, %" PRId64 " batches, %" PRIu32 " driver start%s, %" PRId64
                 " records in, %" PRId64 " rows out, %s virtual in %.3f s, trace %016" PRIx64 "\n",
                 result->seed,
                 outcome_name(result->outcome),
                 result->batches,
                 result->driver_starts,
                 result->driver_starts == 1 ? "" : "s",
                 result->rows_in,
                 result->rows_out,
                 virtual_time,
                 (double)result->wall_us / 1e6,
                 result->trace_hash);
    if (!result->pass) {
        (void)printf("  %s: ", result->failed_check);
        cli_put(stdout, result->evidence);
        (void)putchar('\n');
    } else if (result->lost != NULL) {
        print_proof(result);
    }
}
