/* aftershock list: what there is to run and what it is made of. Scenarios are those of ./scenarios,
 * or the files named. A scenario is proven when a mutant of the engine was caught by it:
 * faults/mutants/proven.txt, which ci/mutants verifies. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/plan/options.h"
#include "sim/check/checks.h"
#include "sim/cli/cli.h"

enum { SCENARIOS_MAX = 512, PATH_SIZE = 512, PROVEN_SIZE_MAX = 65536 };

/* The whole of proven.txt: lines "<scenario> <mutant> <check>"; empty when it is not there. */
static char proven[PROVEN_SIZE_MAX];

static void read_proven(const char *scenario_file)
{
    const char *slash = strrchr(scenario_file, '/');
    char path[PATH_SIZE];
    (void)snprintf(path,
                   sizeof path,
                   "%.*s../faults/mutants/proven.txt",
                   slash == NULL ? 0 : (int)(slash - scenario_file + 1),
                   scenario_file);
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(proven, 1, sizeof proven - 1, file);
    proven[size] = '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
}

static bool next_line(const char **at, const char **line, size_t *length)
{
    if (**at == '\0') {
        return false;
    }
    const char *end = strchr(*at, '\n');
    *line = *at;
    *length = end == NULL ? strlen(*at) : (size_t)(end - *at);
    *at = end == NULL ? *at + *length : end + 1;
    return true;
}

/* The mutants that this scenario caught, comma-separated; false when there is none. */
static bool proven_by(const char *scenario, char *out, size_t size)
{
    const char *at = proven;
    const char *line = NULL;
    size_t length = 0;
    size_t name_length = strlen(scenario);
    out[0] = '\0';
    while (next_line(&at, &line, &length)) {
        if (length > name_length && strncmp(line, scenario, name_length) == 0 &&
            line[name_length] == ' ') {
            size_t used = strlen(out);
            size_t mutant = strcspn(line + name_length + 1, " \n");
            (void)snprintf(out + used,
                           size - used,
                           "%s%.*s",
                           used == 0 ? "" : ", ",
                           (int)mutant,
                           line + name_length + 1);
        }
    }
    return out[0] != '\0';
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t find_in(const char *name, char (*paths)[PATH_SIZE], size_t count)
{
    DIR *folder = opendir(name);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        size_t length = strlen(entry->d_name);
        bool json = length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
        bool other = strcmp(entry->d_name, "aftershock.json") == 0 ||
                     strcmp(entry->d_name, "schema.json") == 0;
        if (json && !other && count < SCENARIOS_MAX) {
            (void)snprintf(paths[count], PATH_SIZE, "%s/%.200s", name, entry->d_name);
            count++;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

static size_t find_scenarios(char (*paths)[PATH_SIZE])
{
    size_t count = find_in("scenarios", paths, 0);
    count = find_in("scenarios/regressions", paths, count);
    count = find_in("scenarios/guide", paths, count);
    qsort(paths, count, PATH_SIZE, by_name);
    return count;
}

/* Where else its story is told; the first state store is the file's own. */
static void list_stores(struct arena *arena, const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->state_store_count; i++) {
        const struct scenario *one = scenario_under(arena, scenario, i);
        char mutants[256];
        bool is_proven = i > 0 && proven_by(one->name, mutants, sizeof mutants);
        (void)printf("%s%s%s%s%s",
                     i == 0 ? "      state stores: " : ", ",
                     one->state_store,
                     is_proven ? " (proven: " : "",
                     is_proven ? mutants : "",
                     is_proven ? ")" : "");
    }
    if (scenario->state_store_count > 0) {
        (void)putchar('\n');
    }
}

static int list_one(const struct cli *cli, const char *file)
{
    struct arena arena = {0};
    const struct scenario *scenario = cli_load(cli, &arena, file, NULL);
    if (scenario == NULL) {
        arena_free(&arena);
        return EXIT_USAGE;
    }
    char mutants[256];
    bool is_proven = proven_by(scenario->name, mutants, sizeof mutants);
    (void)fputs("  ", stdout);
    cli_put(stdout, scenario->name);
    (void)printf("%*s %s%s%s\n      ",
                 strlen(scenario->name) < 46 ? 46 - (int)strlen(scenario->name) : 0,
                 "",
                 is_proven ? "proven (" : "unproven",
                 is_proven ? mutants : "",
                 is_proven ? ")" : "");
    cli_put(stdout, scenario->story);
    (void)putchar('\n');
    list_stores(&arena, scenario);
    arena_free(&arena);
    return EXIT_AS_EXPECTED;
}

static int list_scenarios(const struct cli *cli)
{
    static char paths[SCENARIOS_MAX][PATH_SIZE];
    size_t count = 0;
    if (cli->file_count == 0) {
        count = find_scenarios(paths);
    }
    for (size_t i = 0; i < cli->file_count && i < SCENARIOS_MAX; i++) {
        (void)snprintf(paths[i], PATH_SIZE, "%s", cli->files[i]);
        count++;
    }
    int code = EXIT_AS_EXPECTED;
    (void)printf("scenarios\n");
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            read_proven(paths[0]);
        }
        code = run_exit_code_worse(code, list_one(cli, paths[i]));
    }
    return code;
}

static void list_faults(void)
{
    (void)printf("\nfaults (\"do\")\n");
    for (int verb = 0; verb < (int)FAULT_COUNT; verb++) {
        const struct fault_info *info = fault_info((enum fault_verb)verb);
        (void)printf("  %-12s %s\n", info->name, info->help);
    }
    (void)printf("\nfailure points (\"point\")\n");
    for (int point = 0; point < (int)FAILPOINT_COUNT; point++) {
        const struct failpoint_info *info = failpoint_info((enum failpoint)point);
        (void)printf("  %-20s %-9s %s\n",
                     info->name,
                     info->role == ROLE_DRIVER ? "driver" : "executor",
                     info->where);
    }
}

static void list_checks(void)
{
    (void)printf("\nchecks\n");
    for (int check = 0; check < (int)CHECK_COUNT; check++) {
        (void)printf(
            "  %-18s %s\n", check_name((enum check_id)check), check_promise((enum check_id)check));
    }
}

static void list_options(void)
{
    (void)printf("\noptions\n");
    struct option_description option;
    for (size_t i = 0; options_describe(i, &option); i++) {
        (void)printf("  %-46s %-9s default %-10s %s%s%s\n",
                     option.name,
                     option.kind,
                     option.standard,
                     option.help,
                     option.real_only == NULL ? "" : "; for the real world only: ",
                     option.real_only == NULL ? "" : option.real_only);
    }
}

int command_list(const struct cli *cli)
{
    int code = list_scenarios(cli);
    list_faults();
    list_checks();
    list_options();
    return code;
}
