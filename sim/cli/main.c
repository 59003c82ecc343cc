/* aftershock: dispatches to the commands. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/base/process.h"
#include "engine/real/embedded_kafka.h"
#include "engine/real/executor_main.h"
#include "engine/sink/parquet.h"
#include "sim/cli/cli.h"

static const struct {
    const char *name;
    int (*run)(const struct cli *cli);
} commands[] = {
    {"run", command_run},
    {"replay", command_replay},
    {"swarm", command_swarm},
    {"sweep", command_sweep},
    {"list", command_list},
    {"check", command_check},
    {"schema", command_schema},
    {"init", command_init},
    {"stream", command_stream},
    {"verify", command_verify},
    {"table", command_table},
    {"checkpoint", command_checkpoint},
    {"help", command_help},
    {"version", command_version},
};

/* An assertion outside any simulated process: of the tool itself. */
static void
tool_panic(struct process *self, const char *file, int line, const char *function, const char *text)
{
    (void)fprintf(stderr,
                  "aftershock: %s:%d: %s: require(%s) failed in %s; this is a bug of the tool\n",
                  file,
                  line,
                  function,
                  text,
                  self->name);
    _Exit(EXIT_TOOL);
}

/* Descriptors 0 to 2 that nobody gave must not become files of ours. */
static void hold_standard_descriptors(void)
{
    int fd = -1;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
}

int main(int count, char **arguments)
{
    static struct cli cli; /* large */
    struct diag diag = {0};
    hold_standard_descriptors();
    process_host.panic = tool_panic;
    document_setup();
    if (count > 1 && strcmp(arguments[1], "executor") == 0) {
        return executor_main(count, arguments); /* what `stream` starts; no command of a person */
    }
    if (count > 1 && strcmp(arguments[1], EMBEDDED_KAFKA_COMMAND) == 0) {
        embedded_kafka_main(count - 1, arguments + 1); /* hidden: stream starts it */
    }
    if (cli_parse(count, arguments, &cli, &diag) != OK) {
        cli_complain(&diag);
        return EXIT_USAGE;
    }
    parquet_set_snappy_literals(cli.snappy_literals);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, cli.command) == 0) {
            int code = commands[i].run(&cli);
            if (fflush(stdout) != 0) {
                (void)fputs("aftershock: standard output could not be written\n", stderr);
                return EXIT_TOOL;
            }
            return code;
        }
    }
    return EXIT_TOOL;
}
