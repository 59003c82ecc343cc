/* The command line: one command a file, each `int command_X(const struct cli *cli)` returning the
 * exit code. main.c only dispatches. Exit codes: 0 as expected; 1 a check or an expectation failed,
 * an event never fired; 2 usage or bad input; 3 stuck; 4 nondeterminism; 5 an error of the tool. */
#ifndef SIM_CLI_CLI_H
#define SIM_CLI_CLI_H

#include <stdio.h>

#include "scenarios/loader/scenario.h"
#include "sim/search/run.h"

enum { CLI_FILES_MAX = 512, CLI_SETS_MAX = 64 };

enum exit_code {
    EXIT_AS_EXPECTED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_STUCK = 3,
    EXIT_NONDETERMINISM = 4,
    EXIT_TOOL = 5
};

struct report;

struct cli {
    const char *command;
    const char *files[CLI_FILES_MAX];
    size_t file_count;
    uint64_t seed; /* 0: none given: noise off */
    uint64_t seed_first;
    uint64_t seed_last;             /* 0: no --seeds */
    unsigned jobs;                  /* 0: as many as there are cores */
    int64_t for_us;                 /* --for: real time; 0: no limit */
    uint64_t budget;                /* sweep --budget: runs of the second crash; 0: not given */
    bool until_failure;             /* swarm: stop at the first one */
    bool resolve;                   /* run: print what the seed draws, as a file */
    const char *at;                 /* sweep --at: one crash point */
    const char *resume;             /* sweep --resume FILE: go on where it stopped */
    const char *sets[CLI_SETS_MAX]; /* stream, verify --set NAME=VALUE, in order */
    size_t set_count;
    unsigned executors;  /* stream --executors; 0: as many as there are cores */
    bool once;           /* stream --once: what is there, and end */
    const char *objects; /* stream --objects DIR: the object store */
    const char *feed;    /* stream --feed TOPIC=FILE... */
    bool embedded_kafka; /* stream --embedded-kafka */
    const char *records; /* verify --records topic=FILE[,partitions=N] */
    bool partial;        /* verify: the query has not read everything */
    bool json;
    bool rows;             /* table, checkpoint: the rows, and nothing else */
    int64_t version;       /* table --version N; -1: the newest */
    bool snappy_literals;  /* store Parquet pages as snappy literals: no trace may change */
    bool timeline;         /* the story, also into a pipe */
    unsigned options_seen; /* bit i: the i-th of parse.c's table was given */
    const char *trace_file;
    const char *progress_file; /* run --progress FILE: each lastProgress object, a line each */
    const char *report_dir;
    const char *root;
    const char *table_dir;      /* run --table DIR: write the final table there, as real
                                   files; verify: it is there */
    const char *checkpoint_dir; /* run --checkpoint DIR: the final checkpoint, likewise */
    char arguments[1024];       /* the command line as one string, for records */
};

/* Parse; ERR_FAILED with `diag` (USAGE) naming the argument, what was expected, the nearest option.
 */
MUST_CHECK enum status cli_parse(int count, char **arguments, struct cli *cli, struct diag *diag);
/* The commands and their one-line help, in order; false behind the last. */
bool cli_command(size_t index, const char **name, const char **arguments, const char **help);

int command_run(const struct cli *cli);
int command_replay(const struct cli *cli);
int command_swarm(const struct cli *cli);
int command_sweep(const struct cli *cli);
int command_list(const struct cli *cli);
int command_check(const struct cli *cli);
int command_schema(const struct cli *cli);
int command_init(const struct cli *cli);
int command_stream(const struct cli *cli);
int command_verify(const struct cli *cli);
int command_table(const struct cli *cli);
int command_checkpoint(const struct cli *cli);
int command_help(const struct cli *cli);
int command_version(const struct cli *cli);

/* ---- shared by the commands (common.c)
 * --------------------------------------------------------------- */

/* A text that others wrote, without what would steer a terminal. */
void cli_put(FILE *file, const char *text);
/* A line of a transcript on stdout, likewise, without its newline. */
void cli_put_line(const struct buf *line);
/* Say an error on stderr, as "aftershock: file:line:column: path: text [CLASS]". */
void cli_complain(const struct diag *diag);
/* Load a scenario or complain; NULL on error, which then stands in `report` (NULL: none) too.
 * `file` may be FILE.json@STORE: that one of its state_stores alone. */
const struct scenario *
cli_load(const struct cli *cli, struct arena *arena, const char *file, struct report *report);
/* Under how many state stores it runs, one after another, each with scenario_under. */
size_t cli_state_stores(const struct scenario *scenario);
/* What names it on a command line, quoted for a shell. */
void cli_argument(const struct scenario *scenario, struct buf *out);
/* Is it one run? If not, say so on stderr, and how each of its runs is named.
 * * what  wants only one: an option, a command */
bool cli_is_one(const struct scenario *scenario, const char *what);
/* --set, as options of a pipeline; a NULL name ends it. */
const struct option_override *cli_overrides(const struct cli *cli, struct arena *arena);
/* From here on SIGINT and SIGTERM are remembered; cli_interrupted says so. What was found until
 * then is written as if it were the end. */
void cli_watch_interrupts(void);
bool cli_interrupted(void);
/* Real time, for wall_s and progress only. */
int64_t cli_wall_us(void);
/* Write the record of a failed run beside the caller and print the one line that replays it. */
void cli_write_record(const struct cli *cli,
                      const struct scenario *scenario,
                      const struct run_result *result,
                      struct bytes last_events);
/* The verdict in words, one or two lines, on stdout. */
void cli_print_verdict(const struct run_result *result);
const char *cli_commit(void);

#endif
