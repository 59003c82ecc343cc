/* What several commands share: complaints, loading, records, verdicts. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/units.h"
#include "reports/record.h"
#include "sim/cli/commit.h"

const char *cli_commit(void)
{
    return AFTERSHOCK_COMMIT;
}

void cli_complain(const struct diag *diag)
{
    char text[1400];
    diag_format(diag, text, sizeof text);
    (void)fprintf(stderr, "aftershock: %s\n", text);
}

const struct scenario *cli_load(const struct cli *cli, struct arena *arena, const char *file)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    if (scenario_load(arena, file, cli->root, &scenario, &diag) != OK) {
        cli_complain(&diag);
        return NULL;
    }
    return scenario;
}

int64_t cli_wall_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
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
    (void)snprintf(path,
                   sizeof path,
                   "%s%s%s-%" PRIu64 ".record.json",
                   cli->report_dir == NULL ? "" : cli->report_dir,
                   cli->report_dir == NULL ? "" : "/",
                   scenario->name,
                   result->seed);
    FILE *file = fopen(path, "w");
    bool bad = file == NULL || fwrite(text.data, 1, text.size, file) != text.size;
    if (file != NULL) {
        bad = fclose(file) != 0 || bad;
    }
    buf_free(&text);
    FILE *out = cli->json ? stderr : stdout;
    if (bad) {
        (void)fprintf(stderr, "aftershock: %s could not be written: %s\n", path, strerror(errno));
        (void)fprintf(
            out, "  replay: aftershock run %s --seed %" PRIu64 "\n", scenario->file, result->seed);
        return;
    }
    (void)fprintf(out, "  replay: aftershock replay %s\n", path);
}

void cli_print_verdict(const struct run_result *result)
{
    char virtual_time[48];
    duration_format(result->virtual_us / US_PER_MS * US_PER_MS, virtual_time);
    (void)printf("%s %s seed %" PRIu64 ": %s, %" PRId64 " batches, %" PRIu32
                 " driver start%s, %" PRId64 " records in, %" PRId64
                 " rows out, %s virtual in %.3f s, trace %016" PRIx64 "\n",
                 result->pass ? "PASS" : "FAIL",
                 result->scenario,
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
        (void)printf("  %s: %s\n", result->failed_check, result->evidence);
    }
}
