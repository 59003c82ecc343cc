/* Command lines: what is understood, what is refused, and the order of exit codes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/cli.h"

enum { WORDS_MAX = 16 };

/* Parse "aftershock" and the words of `line`. */
static enum status parse(const char *line, struct cli *cli, struct diag *diag)
{
    static char copy[512];
    char *words[WORDS_MAX] = {"aftershock"};
    int count = 1;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count] = word;
        count++;
    }
    *diag = (struct diag){0};
    return cli_parse(count, words, cli, diag);
}

static void refuses(const char *line, const char *words)
{
    static struct cli cli;
    struct diag diag;
    cr_assert(parse(line, &cli, &diag) != OK, "understood: %s", line);
    cr_assert(eq(str, diag.error_class, "USAGE"));
    cr_expect(
        strstr(diag.text, words) != NULL, "%s: \"%s\" is not in \"%s\"", line, words, diag.text);
}

Test(parse, everything_of_a_run)
{
    static struct cli cli;
    struct diag diag;
    cr_assert(parse("run a.json --seed 7 --json --trace t --report=r --root /", &cli, &diag) == OK);
    cr_assert(eq(str, cli.command, "run"));
    cr_assert(eq(sz, cli.file_count, 1));
    cr_assert(eq(str, cli.files[0], "a.json"));
    cr_assert(eq(u64, cli.seed, 7));
    cr_assert(cli.json && !cli.timeline);
    cr_assert(eq(str, cli.trace_file, "t"));
    cr_assert(eq(str, cli.report_dir, "r"));
    cr_assert(eq(str, cli.root, "/"));
    cr_assert(eq(
        str, cli.arguments, "aftershock run a.json --seed 7 --json --trace t --report=r --root /"));
    cr_assert(parse("run a.json --json b.json", &cli, &diag) == OK);
    cr_assert(eq(sz, cli.file_count, 2));
    cr_assert(eq(str, cli.files[1], "b.json"));
    refuses("run a.json --trace t b.json", "of one scenario");
}

Test(parse, seeds)
{
    static struct cli cli;
    struct diag diag;
    cr_assert(parse("swarm a.json --seeds 1..9007199254740991 --jobs 256", &cli, &diag) == OK);
    cr_assert(eq(u64, cli.seed_first, 1));
    cr_assert(eq(u64, cli.seed_last, (UINT64_C(1) << 53) - 1));
    cr_assert(eq(uint, cli.jobs, 256));
    refuses("swarm a.json --seeds 1..9007199254740992", "A..B");
    refuses("swarm a.json --seeds 0..2", "A..B");
    refuses("swarm a.json --seeds 3..2", "A..B");
    refuses("swarm a.json --seeds 3", "A..B");
    refuses("swarm a.json --seeds 1..99999999999999999999999999", "A..B");
    refuses("swarm a.json --seeds 1..2 --jobs 257", "1 to 256");
    refuses("swarm a.json", "needs --seeds");
    refuses("run a.json --seed 0", "from 1 to 2^53-1");
    refuses("run a.json --seed -1", "from 1 to 2^53-1");
    refuses("run a.json --seed 1x", "from 1 to 2^53-1");
    refuses("run a.json --seed 1 --seeds 1..2", "contradict");
}

Test(parse, what_would_do_nothing_is_refused)
{
    refuses("run a.json --seeds 1..2", "run takes no --seeds; it belongs to: swarm");
    refuses("run a.json --jobs 2", "swarm");
    refuses("swarm a.json --seeds 1..2 --timeline", "swarm takes no --timeline");
    refuses("swarm a.json --seeds 1..2 --trace t", "swarm takes no --trace");
    refuses("replay a b", "\"b\" is too much");
    refuses("schema a", "\"a\" is too much");
    refuses("run a.json b.json --table t", "one scenario");
}

Test(parse, what_is_mistyped_names_the_nearest)
{
    refuses("", "no command");
    refuses("swram", "did you mean swarm?");
    refuses("frobnicate", "--help");
    refuses("run --jsn a.json", "did you mean --json?");
    refuses("run --frobnicate a.json", "--help");
    refuses("run -x a.json", "unknown option \"-x\"");
    refuses("run", "needs a file");
    refuses("run a.json --seed", "--seed needs a value");
    refuses("run --trace --json a.json", "--trace needs a value, found \"--json\"");
    refuses("run --json=yes a.json", "takes no value");
}

Test(parse, help_and_version_win_wherever_they_stand)
{
    static struct cli cli;
    struct diag diag;
    cr_assert(parse("swarm --help", &cli, &diag) == OK);
    cr_assert(eq(str, cli.command, "help"));
    cr_assert(parse("run a.json -h --jobs 3", &cli, &diag) == OK);
    cr_assert(eq(str, cli.command, "help"));
    cr_assert(parse("--version", &cli, &diag) == OK);
    cr_assert(eq(str, cli.command, "version"));
}

Test(parse, a_glob_holds_more_than_scenarios)
{
    static struct cli cli;
    struct diag diag;
    cr_assert(parse("check s/aftershock.json s/a.json s/schema.json", &cli, &diag) == OK);
    cr_assert(eq(sz, cli.file_count, 1));
    cr_assert(eq(str, cli.files[0], "s/a.json"));
    /* Named alone it is meant. */
    cr_assert(parse("check s/schema.json", &cli, &diag) == OK);
    cr_assert(eq(sz, cli.file_count, 1));
    cr_assert(parse("run -- --odd.json", &cli, &diag) == OK);
    cr_assert(eq(str, cli.files[0], "--odd.json"));
}

Test(parse, more_files_than_there_is_room_for)
{
    static char *words[CLI_FILES_MAX + 3];
    static struct cli cli;
    struct diag diag = {0};
    for (size_t i = 0; i < CLI_FILES_MAX + 3; i++) {
        words[i] = i == 1 ? "check" : "a.json";
    }
    cr_assert(cli_parse(CLI_FILES_MAX + 2, words, &cli, &diag) == OK);
    cr_assert(cli_parse(CLI_FILES_MAX + 3, words, &cli, &diag) != OK);
}

/* DESIGN 8: over many runs the most severe, in the order 5, 4, 1, 3, 2, 0. */
Test(exit_code, the_most_severe_wins)
{
    static const int severity[] = {5, 4, 1, 3, 2, 0};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = i; j < 6; j++) {
            cr_assert(eq(int, run_exit_code_worse(severity[i], severity[j]), severity[i]));
            cr_assert(eq(int, run_exit_code_worse(severity[j], severity[i]), severity[i]));
        }
    }
}

Test(exit_code, of_one_run)
{
    static struct run_result result;
    result = (struct run_result){.pass = true, .outcome = OUTCOME_STUCK};
    cr_assert(eq(int, run_exit_code(&result), 0)); /* stuck, as expected */
    result = (struct run_result){.pass = false, .outcome = OUTCOME_STUCK};
    cr_assert(eq(int, run_exit_code(&result), 3));
    result = (struct run_result){.pass = false, .outcome = OUTCOME_VIOLATION};
    cr_assert(eq(int, run_exit_code(&result), 1));
}
