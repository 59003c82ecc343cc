/* Arguments -> struct cli. One table of commands, one of options. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/cli/stream.h"

static const struct {
    const char *name;
    const char *arguments;
    const char *help;
    size_t files_min;
    size_t files_max;
} commands[] = {
    {"run", "FILE...", "run scenarios and judge them", 1, CLI_FILES_MAX},
    {"replay", "RECORD", "run a failure record again", 1, 1},
    {"swarm",
     "FILE... --seeds A..B",
     "run scenarios over many seeds, with noise",
     1,
     CLI_FILES_MAX},
    {"sweep", "FILE", "a crash at every single point of a run, and again in the recovery", 1, 1},
    {"list",
     "[FILE...]",
     "scenarios (proven or not), faults, failure points, checks, options",
     0,
     CLI_FILES_MAX},
    {"check", "FILE...", "validate scenario files without running them", 1, CLI_FILES_MAX},
    {"schema", "", "print the JSON schema of scenario files", 0, 0},
    {"init", "[DIR]", "write a first scenario and pipeline to start from", 0, 1},
    {"stream", "PIPELINE", "run a pipeline for real: Kafka to Delta, until stopped", 1, 1},
    {"verify", "PIPELINE", "judge what a query that ran for real has left behind", 1, 1},
    {"table", "PATH", "a Delta table: schema, history, rows; anybody's", 1, 1},
    {"checkpoint",
     "PATH",
     "a streaming checkpoint: batches, offsets, state, what a restart would do; anybody's",
     1,
     1},
    {"help", "", "this help", 0, CLI_FILES_MAX},
    {"version", "", "version and commit", 0, CLI_FILES_MAX},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* Which commands an option fits; one that does nothing there is refused rather than ignored. */
static const struct {
    const char *name;
    bool takes_value;
    const char *commands; /* each with a space before and behind; NULL: all */
} options[] = {
    {"--seed", true, " run "},
    {"--seeds", true, " swarm "},
    {"--jobs", true, " swarm sweep "},
    {"--for", true, " swarm sweep "},
    {"--until-failure", false, " swarm "},
    {"--budget", true, " sweep "},
    {"--at", true, " sweep "},
    {"--resume", true, " sweep "},
    {"--resolve", false, " run "},
    {"--json", false, " run swarm sweep table checkpoint "},
    {"--rows", false, " table checkpoint "},
    {"--trace", true, " run stream "},
    {"--progress", true, " run stream "},
    {"--report", true, " run swarm sweep "},
    {"--root", true, " run replay swarm sweep list check stream verify "},
    {"--table", true, " run verify "},
    {"--checkpoint", true, " run verify "},
    {"--timeline", false, " run replay "},
    {"--set", true, " stream verify "},
    {"--executors", true, " stream "},
    {"--once", false, " stream "},
    {"--objects", true, " stream "},
    {"--embedded-kafka", false, " stream "},
    {"--feed", true, " stream "},
    {"--records", true, " verify "},
    {"--partial", false, " verify "},
    {"--snappy-literals", false, NULL},
    {"--help", false, NULL},
    {"--version", true, " table "}, /* behind the command; anywhere else it is the next one */
    {"--version", false, NULL},
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

bool cli_command(size_t index, const char **name, const char **arguments, const char **help)
{
    if (index >= COMMAND_COUNT) {
        return false;
    }
    *name = commands[index].name;
    *arguments = commands[index].arguments;
    *help = commands[index].help;
    return true;
}

static const char *nearest_command(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {NULL};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
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

static enum status parse_jobs(struct cli *cli, const char *value, struct diag *diag)
{
    uint64_t jobs = 0;
    if (!parse_seed(value, value + strlen(value), &jobs) || jobs > 256) {
        return diag_fail(diag, "USAGE", "--jobs: found \"%s\", expected 1 to 256", value);
    }
    cli->jobs = (unsigned)jobs;
    return OK;
}

static enum status parse_for(struct cli *cli, const char *value, struct diag *diag)
{
    if (!duration_parse(value, &cli->for_us) || cli->for_us <= 0) {
        return diag_fail(
            diag, "USAGE", "--for: found \"%s\", expected a duration such as 10m", value);
    }
    return OK;
}

static enum status parse_budget(struct cli *cli, const char *value, struct diag *diag)
{
    if (!parse_seed(value, value + strlen(value), &cli->budget)) {
        return diag_fail(diag, "USAGE", "--budget: found \"%s\", expected a number of runs", value);
    }
    return OK;
}

static enum status parse_executors(struct cli *cli, const char *value, struct diag *diag)
{
    uint64_t executors = 0;
    if (!parse_seed(value, value + strlen(value), &executors) || executors > STREAM_EXECUTORS_MAX) {
        return diag_fail(diag,
                         "USAGE",
                         "--executors: found \"%s\", expected 1 to %d",
                         value,
                         STREAM_EXECUTORS_MAX);
    }
    cli->executors = (unsigned)executors;
    return OK;
}

static enum status parse_set(struct cli *cli, const char *value, struct diag *diag)
{
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value) {
        return diag_fail(
            diag, "USAGE", "--set: expected NAME=VALUE, such as --set maxOffsetsPerTrigger=10000");
    }
    if (cli->set_count == CLI_SETS_MAX) {
        return diag_fail(diag, "USAGE", "--set: more than %d of them", CLI_SETS_MAX);
    }
    cli->sets[cli->set_count++] = value;
    return OK;
}

static enum status parse_version(struct cli *cli, const char *value, struct diag *diag)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || value[digits] != '\0') {
        return diag_fail(
            diag, "USAGE", "--version: found \"%s\", expected a version of the table", value);
    }
    cli->version = strtoll(value, NULL, 10);
    return OK;
}

static bool take_flag(struct cli *cli, const char *option)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--json", &cli->json},
                 {"--timeline", &cli->timeline},
                 {"--until-failure", &cli->until_failure},
                 {"--resolve", &cli->resolve},
                 {"--once", &cli->once},
                 {"--embedded-kafka", &cli->embedded_kafka},
                 {"--partial", &cli->partial},
                 {"--rows", &cli->rows},
                 {"--snappy-literals", &cli->snappy_literals}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(option, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

/* Keep an option's value; a flag has none. */
static enum status
take_option(struct cli *cli, const char *option, const char *value, struct diag *diag)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"--trace", &cli->trace_file},
                 {"--progress", &cli->progress_file},
                 {"--report", &cli->report_dir},
                 {"--root", &cli->root},
                 {"--at", &cli->at},
                 {"--resume", &cli->resume},
                 {"--table", &cli->table_dir},
                 {"--objects", &cli->objects},
                 {"--feed", &cli->feed},
                 {"--records", &cli->records},
                 {"--checkpoint", &cli->checkpoint_dir}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(option, texts[i].name) == 0) {
            *texts[i].text = value;
            return OK;
        }
    }
    if (strcmp(option, "--seed") == 0) {
        if (!parse_seed(value, value + strlen(value), &cli->seed)) {
            return diag_fail(
                diag, "USAGE", "--seed: found \"%s\", expected a number from 1 to 2^53-1", value);
        }
    } else if (strcmp(option, "--seeds") == 0) {
        return parse_seeds(cli, value, diag);
    } else if (strcmp(option, "--jobs") == 0) {
        return parse_jobs(cli, value, diag);
    } else if (strcmp(option, "--for") == 0) {
        return parse_for(cli, value, diag);
    } else if (strcmp(option, "--budget") == 0) {
        return parse_budget(cli, value, diag);
    } else if (strcmp(option, "--set") == 0) {
        return parse_set(cli, value, diag);
    } else if (strcmp(option, "--executors") == 0) {
        return parse_executors(cli, value, diag);
    } else if (strcmp(option, "--version") == 0 && value != NULL) {
        return parse_version(cli, value, diag);
    } else if (!take_flag(cli, option)) {
        cli->command = strcmp(option, "--help") == 0 ? "help" : "version";
    }
    return OK;
}

/* Does the option belong to this command (NULL: none was given yet)? */
static bool fits(size_t option, const char *command)
{
    char word[32];
    (void)snprintf(word, sizeof word, " %s ", command == NULL ? "" : command);
    return options[option].commands == NULL || strstr(options[option].commands, word) != NULL;
}

/* Index in options of "--name" or "--name=value"; of two with one name the one that fits. */
static bool find_option(const char *command, const char *argument, size_t length, size_t *index)
{
    bool found = false;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        bool same =
            strlen(options[i].name) == length && memcmp(options[i].name, argument, length) == 0;
        if (same && (!found || !fits(*index, command))) {
            *index = i;
            found = true;
        }
    }
    return found;
}

static enum status fail_unknown_option(const char *argument, size_t length, struct diag *diag)
{
    const char *names[OPTION_COUNT + 1] = {NULL};
    char name[64];
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        names[i] = options[i].name;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)length, argument);
    const char *nearest = diag_nearest(name, names);
    return diag_fail(diag,
                     "USAGE",
                     "unknown option \"%s\"%s%s%s",
                     name,
                     nearest == NULL ? "; see aftershock --help" : "; did you mean ",
                     nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "?");
}

/* The option at *at, with its value behind '=' or as the next argument; *at moves behind it. */
static enum status
parse_option(struct cli *cli, char **arguments, int count, int *at, struct diag *diag)
{
    const char *argument = arguments[*at];
    const char *equals = strchr(argument, '=');
    size_t length = equals == NULL ? strlen(argument) : (size_t)(equals - argument);
    const char *value = equals == NULL ? NULL : equals + 1;
    size_t index = 0;
    if (!find_option(cli->command, argument, length, &index)) {
        return fail_unknown_option(argument, length, diag);
    }
    const char *option = options[index].name;
    if (!options[index].takes_value && value != NULL) {
        return diag_fail(diag, "USAGE", "%s takes no value", option);
    }
    if (options[index].takes_value && value == NULL) {
        *at += 1;
        value = *at < count ? arguments[*at] : NULL;
        if (value == NULL || value[0] == '\0' || strncmp(value, "--", 2) == 0) {
            return diag_fail(diag,
                             "USAGE",
                             "%s needs a value%s%s%s",
                             option,
                             value == NULL ? "" : ", found \"",
                             value == NULL ? "" : value,
                             value == NULL ? "" : "\"");
        }
    }
    cli->options_seen |= 1U << index;
    return take_option(cli, option, value, diag);
}

/* A glob over scenarios/ finds the folder's marker and schema too: no scenarios, no mistake. */
static void drop_non_scenarios(struct cli *cli)
{
    size_t kept = 0;
    for (size_t i = 0; i < cli->file_count; i++) {
        const char *slash = strrchr(cli->files[i], '/');
        const char *base = slash == NULL ? cli->files[i] : slash + 1;
        if (cli->file_count == 1 ||
            (strcmp(base, "aftershock.json") != 0 && strcmp(base, "schema.json") != 0)) {
            cli->files[kept] = cli->files[i];
            kept++;
        }
    }
    cli->file_count = kept;
}

static enum status check_options(const struct cli *cli, struct diag *diag)
{
    if (strcmp(cli->command, "help") == 0 || strcmp(cli->command, "version") == 0) {
        return OK; /* asked for in the middle of another command line */
    }
    if (cli->seed > 0 && cli->seed_last > 0) {
        return diag_fail(diag, "USAGE", "--seed and --seeds contradict each other");
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((cli->options_seen >> i & 1U) != 0 && !fits(i, cli->command)) {
            return diag_fail(diag,
                             "USAGE",
                             "%s takes no %s; it belongs to:%.*s",
                             cli->command,
                             options[i].name,
                             (int)strlen(options[i].commands) - 1,
                             options[i].commands);
        }
    }
    bool of_one = cli->trace_file != NULL || cli->progress_file != NULL || cli->table_dir != NULL ||
                  cli->checkpoint_dir != NULL;
    if (of_one && cli->file_count > 1) {
        return diag_fail(diag,
                         "USAGE",
                         "--trace, --progress, --table and --checkpoint take what comes of one "
                         "scenario, not of several");
    }
    if (strcmp(cli->command, "swarm") == 0 && cli->seed_last == 0 && cli->for_us == 0) {
        return diag_fail(
            diag, "USAGE", "swarm needs --seeds A..B, such as --seeds 1..1000, or --for 10m");
    }
    if (cli->embedded_kafka != (cli->feed != NULL)) {
        return diag_fail(diag,
                         "USAGE",
                         "--embedded-kafka and --feed TOPIC=FILE go together: %s is missing",
                         cli->embedded_kafka ? "--feed" : "--embedded-kafka");
    }
    if (cli->resolve && (cli->file_count > 1 || cli->seed == 0)) {
        return diag_fail(diag, "USAGE", "--resolve prints what one seed draws: one file, --seed N");
    }
    return OK;
}

static enum status check_command(const struct cli *cli, struct diag *diag)
{
    if (cli->command == NULL) {
        return diag_fail(diag, "USAGE", "no command; try aftershock --help");
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, cli->command) != 0) {
            continue;
        }
        if (cli->file_count < commands[i].files_min) {
            return diag_fail(diag,
                             "USAGE",
                             "%s needs a file: aftershock %s %s",
                             cli->command,
                             cli->command,
                             commands[i].arguments);
        }
        if (cli->file_count > commands[i].files_max) {
            return diag_fail(diag,
                             "USAGE",
                             "\"%s\" is too much: aftershock %s %s",
                             cli->files[commands[i].files_max],
                             cli->command,
                             commands[i].arguments);
        }
        return check_options(cli, diag);
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
    *cli = (struct cli){.version = -1};
    for (int i = 0; i < count; i++) {
        size_t used = strlen(cli->arguments);
        (void)snprintf(cli->arguments + used,
                       sizeof cli->arguments - used,
                       "%s%s",
                       i == 0 ? "" : " ",
                       i == 0 ? "aftershock" : arguments[i]);
    }
    bool files_only = false;
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (!files_only && strcmp(argument, "--") == 0) {
            files_only = true;
        } else if (!files_only && strcmp(argument, "-h") == 0) {
            cli->command = "help";
        } else if (!files_only && argument[0] == '-' && argument[1] != '\0') {
            TRY(parse_option(cli, arguments, count, &i, diag));
        } else if (cli->command == NULL) {
            cli->command = argument;
        } else if (cli->file_count < CLI_FILES_MAX) {
            cli->files[cli->file_count] = argument;
            cli->file_count++;
        } else if (strcmp(cli->command, "help") != 0) {
            return diag_fail(diag, "USAGE", "more than %d files", CLI_FILES_MAX);
        }
    }
    drop_non_scenarios(cli);
    return check_command(cli, diag);
}
