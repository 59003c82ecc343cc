/* Arguments -> struct cli. One table of commands, one of options. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

static const struct {
    const char *name;
    const char *arguments;
    const char *help;
    size_t files_min;
} commands[] = {
    {"run", "FILE...", "run scenarios and judge them", 1},
    {"replay", "RECORD", "run a failure record again", 1},
    {"swarm", "FILE... --seeds A..B", "run scenarios over many seeds, with noise", 1},
    {"list", "[FILE...]", "scenarios (proven or not), faults, failure points, checks, options", 0},
    {"check", "FILE...", "validate scenario files without running them", 1},
    {"schema", "", "print the JSON schema of scenario files", 0},
    {"init", "[DIR]", "write a first scenario and pipeline to start from", 0},
    {"help", "", "this help", 0},
    {"version", "", "version and commit", 0},
};

static const char *const options[] = {"--seed",
                                      "--seeds",
                                      "--jobs",
                                      "--json",
                                      "--trace",
                                      "--report",
                                      "--root",
                                      "--table",
                                      "--timeline",
                                      "--help",
                                      "--version",
                                      NULL};

bool cli_command(size_t index, const char **name, const char **arguments, const char **help)
{
    if (index >= sizeof commands / sizeof *commands) {
        return false;
    }
    *name = commands[index].name;
    *arguments = commands[index].arguments;
    *help = commands[index].help;
    return true;
}

static const char *nearest_command(const char *name)
{
    const char *names[sizeof commands / sizeof *commands + 1] = {NULL};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        names[i] = commands[i].name;
    }
    return diag_nearest(name, names);
}

/* Seeds are 1 to 2^53-1, so that every JSON reader keeps them whole. */
static bool parse_seed(const char *text, const char *end, uint64_t *seed)
{
    uint64_t value = 0;
    if (text == end) {
        return false;
    }
    for (; text < end; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
        if (value >= UINT64_C(1) << 53) {
            return false;
        }
    }
    *seed = value;
    return value > 0;
}

static enum status parse_seeds(struct cli *cli, const char *text, struct diag *diag)
{
    const char *dots = strstr(text, "..");
    if (dots == NULL || !parse_seed(text, dots, &cli->seed_first) ||
        !parse_seed(dots + 2, text + strlen(text), &cli->seed_last) ||
        cli->seed_first > cli->seed_last) {
        return diag_fail(diag,
                         "USAGE",
                         "--seeds: found \"%s\", expected A..B with 1 <= A <= B < 2^53, such as "
                         "--seeds 1..1000",
                         text);
    }
    return OK;
}

static enum status
parse_option(struct cli *cli, const char *option, const char *value, struct diag *diag)
{
    if (value == NULL) {
        return diag_fail(diag, "USAGE", "%s needs a value", option);
    }
    if (strcmp(option, "--seed") == 0) {
        if (!parse_seed(value, value + strlen(value), &cli->seed)) {
            return diag_fail(
                diag, "USAGE", "--seed: found \"%s\", expected a number from 1 to 2^53-1", value);
        }
    } else if (strcmp(option, "--seeds") == 0) {
        return parse_seeds(cli, value, diag);
    } else if (strcmp(option, "--jobs") == 0) {
        uint64_t jobs = 0;
        if (!parse_seed(value, value + strlen(value), &jobs) || jobs > 256) {
            return diag_fail(diag, "USAGE", "--jobs: found \"%s\", expected 1 to 256", value);
        }
        cli->jobs = (unsigned)jobs;
    } else if (strcmp(option, "--trace") == 0) {
        cli->trace_file = value;
    } else if (strcmp(option, "--report") == 0) {
        cli->report_dir = value;
    } else if (strcmp(option, "--root") == 0) {
        cli->root = value;
    } else if (strcmp(option, "--table") == 0) {
        cli->table_dir = value;
    } else {
        const char *nearest = diag_nearest(option, options);
        return diag_fail(diag,
                         "USAGE",
                         "unknown option \"%s\"%s%s%s",
                         option,
                         nearest == NULL ? "" : "; did you mean ",
                         nearest == NULL ? "" : nearest,
                         nearest == NULL ? "" : "?");
    }
    return OK;
}

static bool parse_flag(struct cli *cli, const char *argument)
{
    if (strcmp(argument, "--json") == 0) {
        cli->json = true;
    } else if (strcmp(argument, "--timeline") == 0) {
        cli->timeline = true;
    } else if (strcmp(argument, "--snappy-literals") == 0) {
        cli->snappy_literals = true;
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        cli->command = "help";
    } else if (strcmp(argument, "--version") == 0) {
        cli->command = "version";
    } else {
        return false;
    }
    return true;
}

static enum status check_command(const struct cli *cli, struct diag *diag)
{
    if (cli->command == NULL) {
        return diag_fail(diag, "USAGE", "no command; try aftershock --help");
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, cli->command) == 0) {
            if (cli->file_count < commands[i].files_min) {
                return diag_fail(diag,
                                 "USAGE",
                                 "%s needs a file: aftershock %s %s",
                                 cli->command,
                                 cli->command,
                                 commands[i].arguments);
            }
            if (cli->seed > 0 && cli->seed_last > 0) {
                return diag_fail(diag, "USAGE", "--seed and --seeds contradict each other");
            }
            if (strcmp(cli->command, "swarm") == 0 && cli->seed_last == 0) {
                return diag_fail(
                    diag, "USAGE", "swarm needs --seeds A..B, such as --seeds 1..1000");
            }
            return OK;
        }
    }
    const char *nearest = nearest_command(cli->command);
    return diag_fail(diag,
                     "USAGE",
                     "unknown command \"%s\"%s%s%s",
                     cli->command,
                     nearest == NULL ? "; see aftershock --help" : "; did you mean ",
                     nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "?");
}

enum status cli_parse(int count, char **arguments, struct cli *cli, struct diag *diag)
{
    *cli = (struct cli){0};
    for (int i = 0; i < count; i++) {
        size_t used = strlen(cli->arguments);
        (void)snprintf(cli->arguments + used,
                       sizeof cli->arguments - used,
                       "%s%s",
                       i == 0 ? "" : " ",
                       i == 0 ? "aftershock" : arguments[i]);
    }
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (parse_flag(cli, argument)) {
            continue;
        }
        if (argument[0] == '-' && argument[1] != '\0') {
            TRY(parse_option(cli, argument, i + 1 < count ? arguments[i + 1] : NULL, diag));
            i++;
        } else if (cli->command == NULL) {
            cli->command = argument;
        } else if (cli->file_count < CLI_FILES_MAX) {
            cli->files[cli->file_count] = argument;
            cli->file_count++;
        } else {
            return diag_fail(diag, "USAGE", "more than %d files", CLI_FILES_MAX);
        }
    }
    return check_command(cli, diag);
}
