/* aftershock stream PIPELINE: the engine for real. What is said goes to stderr, batches to stdout
 * when that is a terminal. */
#include "engine/cli/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/arena.h"
#include "sim/cli/cli.h"

static void say(const char *sentence)
{
    (void)fputs("aftershock: ", stderr);
    cli_put(stderr, sentence);
    (void)fputc('\n', stderr);
}

static void say_batch(const char *line)
{
    cli_put(stdout, line);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static unsigned cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > STREAM_EXECUTORS_MAX ? STREAM_EXECUTORS_MAX : (unsigned)count;
}

int command_stream(const struct cli *cli)
{
    static const int codes[] = {[STREAM_DONE] = EXIT_AS_EXPECTED,
                                [STREAM_REFUSED] = EXIT_USAGE,
                                [STREAM_FAILED] = EXIT_FAILED};
    struct arena arena = {0};
    struct diag diag = {0};
    const struct stream_options options = {
        .pipeline_file = cli->files[0],
        .sets = cli_overrides(cli, &arena),
        .executors = cli->executors == 0 ? cores() : cli->executors,
        .once = cli->once,
        .root = cli->root,
        .objects = cli->objects,
        .feed = cli->feed,
        .progress_file = cli->progress_file,
        .trace_file = cli->trace_file,
        .say = say,
        .batch = isatty(STDOUT_FILENO) != 0 ? say_batch : NULL,
    };
    enum stream_end end = stream_run(&options, &diag);
    if (end != STREAM_DONE) {
        cli_complain(&diag);
    }
    arena_free(&arena);
    return codes[end];
}
