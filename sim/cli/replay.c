/* aftershock replay RECORD: a failed run again, from its record: it holds the scenario's text as it
 * was; pipeline and data are read from where the text says. Says whether the same thing happened.
 * Exit code: that of the run; 4 when the same commit gives another trace. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "reports/transcript.h"
#include "sim/cli/cli.h"
#include "sim/cli/swarm.h"

struct record {
    const char *commit;
    const char *scenario;
    const char *check;
    const char *trace;
    uint64_t seed;
    const json_t *resolved;
};

static bool read_whole(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t got = 0;
    do {
        uint8_t *room = buf_extend(out, 65536);
        got = fread(room, 1, 65536, file);
        out->size -= 65536 - got;
    } while (got > 0);
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

static enum status
read_record(const struct document *document, struct record *record, struct diag *diag)
{
    const json_t *root = document->root;
    const json_t *seed = json_object_get(root, "seed");
    *record = (struct record){
        .commit = json_string_value(json_object_get(root, "commit")),
        .scenario = json_string_value(json_object_get(root, "scenario")),
        .check = json_string_value(json_object_get(root, "failed_check")),
        .trace = json_string_value(json_object_get(root, "trace")),
        .seed = (uint64_t)json_integer_value(seed),
        .resolved = json_object_get(root, "resolved"),
    };
    if (record->commit == NULL || record->scenario == NULL || record->check == NULL ||
        record->trace == NULL || !json_is_integer(seed) || !json_is_object(record->resolved)) {
        return document_fail(
            document,
            diag,
            "INVALID_RECORD",
            "",
            false,
            "this is no failure record: expected the members commit, scenario, seed, "
            "trace, failed_check and resolved");
    }
    return OK;
}

static void tell(void *context, const struct trace_record *record)
{
    const struct scenario *scenario = context;
    struct buf line = {0};
    if (transcript_line(record, scenario->start_us, &line)) {
        cli_put_line(&line);
        (void)putchar('\n');
    }
    buf_free(&line);
}

static int
run_again(const struct cli *cli, const struct record *record, const struct scenario *scenario)
{
    bool timeline = cli->timeline || isatty(STDOUT_FILENO) == 1;
    struct run_options options = {.checks = true,
                                  .noise = record->seed > 0,
                                  .observer = timeline ? tell : NULL,
                                  .observer_context = (void *)(uintptr_t)scenario};
    struct run_result *result = heap_alloc(sizeof *result);
    int64_t before_us = cli_wall_us();
    run_scenario(scenario, record->seed, &options, result);
    result->wall_us = cli_wall_us() - before_us;
    cli_print_verdict(result);
    char trace[24];
    (void)snprintf(trace, sizeof trace, "%016" PRIx64, result->trace_hash);
    bool same_trace = strcmp(trace, record->trace) == 0;
    bool same_check = strcmp(result->failed_check, record->check) == 0;
    int code = run_exit_code(result);
    if (same_trace && same_check) {
        (void)printf("  the same failure, the same trace\n");
    } else if (strcmp(record->check, SWARM_WORKER_DIED) == 0) {
        (void)printf("  the record is of a worker that died; this run did not\n");
    } else if (strcmp(record->commit, cli_commit()) == 0) {
        (void)printf("  NONDETERMINISM: same commit, but the record has trace %s and check %s\n",
                     record->trace,
                     record->check);
        code = EXIT_NONDETERMINISM;
    } else {
        (void)printf("  another commit, another world: the record has trace %s and check %s\n",
                     record->trace,
                     record->check);
    }
    heap_free(result);
    return code;
}

int command_replay(const struct cli *cli)
{
    struct buf text = {0};
    struct arena arena = {0};
    struct diag diag = {0};
    struct document document = {0};
    struct record record;
    if (!read_whole(cli->files[0], &text)) {
        (void)fputs("aftershock: ", stderr);
        cli_put(stderr, cli->files[0]);
        (void)fprintf(stderr, " cannot be read: %s\n", strerror(errno));
        buf_free(&text);
        return EXIT_USAGE;
    }
    int code = EXIT_USAGE;
    if (document_parse(
            &arena, cli->files[0], buf_bytes(&text), "INVALID_RECORD", &document, &diag) == OK &&
        read_record(&document, &record, &diag) == OK) {
        if (strcmp(record.commit, cli_commit()) != 0) {
            (void)fprintf(stderr,
                          "aftershock: warning: this is commit %s, the record is of %s; the world "
                          "may differ\n",
                          cli_commit(),
                          record.commit);
        }
        struct scenario *scenario = NULL;
        char *resolved =
            json_dumps(record.resolved, JSON_COMPACT); /* from the heap, by document_setup */
        struct bytes again = bytes_of_text(resolved);
        if (scenario_load_text(&arena, record.scenario, again, cli->root, &scenario, &diag) == OK) {
            code = run_again(cli, &record, scenario);
        } else {
            (void)fputs("aftershock: pipeline and data are read from where the record's scenario "
                        "stands; replay in the folder where the run was started\n",
                        stderr);
        }
        heap_free(resolved);
    }
    if (diag.set) {
        cli_complain(&diag);
    }
    document_free(&document);
    buf_free(&text);
    arena_free(&arena);
    return code;
}
