/* aftershock --help, --version. */
#include <stdio.h>

#include "engine/base/check.h"
#include "sim/cli/cli.h"
#include "sim/cli/commit.h"

int command_help(const struct cli *cli)
{
    maybe(cli->json);
    (void)puts(
        "aftershock: shakes a streaming engine until its exactly-once promise breaks, then hands "
        "over the seed.\n\nusage: aftershock COMMAND [FILE...] [OPTION...]\n\ncommands:");
    const char *name = NULL;
    const char *arguments = NULL;
    const char *help = NULL;
    for (size_t i = 0; cli_command(i, &name, &arguments, &help); i++) {
        (void)printf("  %-10s %-20s %s\n", name, arguments, help);
    }
    (void)puts(
        "\noptions:\n"
        "  --seed N       run: the world of seed N, with noise (1 to 2^53-1); without it noise is "
        "off\n"
        "  --seeds A..B   swarm: which seeds\n"
        "  --for 10m      swarm, sweep: stop when so much real time has passed\n"
        "  --until-failure  swarm: stop at the first failure\n"
        "  --jobs N       swarm, sweep: worker processes (default: the cores)\n"
        "  --budget N     sweep: runs with a second crash (default: 2000)\n"
        "  --at POINT     sweep: this crash alone, as a failure printed it\n"
        "  --resume FILE  sweep: keep the state there, go on from it when it exists\n"
        "  --resolve      run: print what --seed N draws, as a scenario file, and run nothing\n"
        "  --json         one JSON object a run, a line each; table, checkpoint: one object\n"
        "  --rows         table: the rows; checkpoint: those of the state; a JSON line each\n"
        "  --version N    table: as of this version\n"
        "  --timeline     run: tell the story also when stdout is no terminal\n"
        "  --trace FILE   run, stream: every trace event as a JSON line\n"
        "  --progress FILE  run, stream: what each batch did, as Spark's lastProgress, a JSON line "
        "each\n"
        "  --table DIR    run: write the final Delta table there, as real files; verify: it is\n"
        "                 there (default: where the pipeline says)\n"
        "  --checkpoint DIR  run, verify: likewise, the checkpoint\n"
        "  --set NAME=VALUE  stream, verify: an option on top of the pipeline's, as often as you "
        "like\n"
        "  --executors N  stream: executor processes (default: the cores)\n"
        "  --once         stream: take what is there, in batches, and end (availableNow)\n"
        "  --objects DIR  stream: checkpoint and table in a directory used as an object store\n"
        "  --records T=FILE[,partitions=N]  verify: what topic T held; line i is in partition i % "
        "N\n"
        "  --partial      verify: the query has not read all of it\n"
        "  --embedded-kafka  stream: a Kafka for a demo, in a process of its own, fed by\n"
        "  --feed TOPIC=FILE[@RATE][,partitions=N]  one record a line, such as @2000/s\n"
        "  --report DIR   recovery.png, recovery.svg, recovery.csv, result.json, junit.xml\n"
        "  --root DIR     the folder that no scenario path may leave (default: the nearest one\n"
        "                 upwards that holds aftershock.json); stream, verify: before every path\n"
        "                 of the pipeline\n\n"
        "exit codes: 0 as expected; 1 a check or an expectation failed, an event never fired;\n"
        "            2 usage or bad input; 3 stuck; 4 nondeterminism; 5 an error of the tool");
    return EXIT_AS_EXPECTED;
}

int command_version(const struct cli *cli)
{
    maybe(cli->json);
    (void)printf("aftershock %s (%s)\n", AFTERSHOCK_VERSION, AFTERSHOCK_COMMIT);
    return EXIT_AS_EXPECTED;
}
