/* aftershock verify PIPELINE: what a query that ran for real has left, judged by the checks and the
 * oracle of a simulated run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/read_tree.h"
#include "sim/search/judge.h"

enum { PARTITIONS_STANDARD = 2, PARTITIONS_MAX = 256 }; /* of a feed, as `stream --feed` has them */

/* --records topic=FILE[,partitions=N]: line i is the record at offset i / N of partition i % N. */
struct records {
    const char *topic;
    const char *file;
    size_t partitions;
};

static enum status fail_records(const char *text, struct diag *diag)
{
    return diag_fail(diag,
                     "USAGE",
                     "--records: found \"%s\", expected topic=FILE[,partitions=N] with N from 1 to "
                     "%d (without: %d)",
                     text,
                     PARTITIONS_MAX,
                     PARTITIONS_STANDARD);
}

static enum status
parse_records(const char *text, struct arena *arena, struct records *records, struct diag *diag)
{
    char *topic = arena_strdup(arena, text);
    char *equals = strchr(topic, '=');
    if (equals == NULL || equals == topic) {
        return fail_records(text, diag);
    }
    *equals = '\0';
    *records = (struct records){topic, equals + 1, PARTITIONS_STANDARD};
    static const char word[] = ",partitions=";
    char *option = strstr(equals + 1, word);
    if (option != NULL) {
        char *end = NULL;
        unsigned long count = strtoul(option + sizeof word - 1, &end, 10);
        *option = '\0';
        if (*end != '\0' || count < 1 || count > PARTITIONS_MAX) {
            return fail_records(text, diag);
        }
        records->partitions = count;
    }
    return records->file[0] == '\0' ? fail_records(text, diag) : OK;
}

/* A newline at the very end begins no further line; an empty line is an empty value. */
static enum status read_records(const struct records *records,
                                struct arena *arena,
                                struct judge_partition *partitions,
                                struct diag *diag)
{
    struct bytes content;
    TRY(read_file(arena, records->file, &content, diag));
    size_t lines = 0;
    for (size_t at = 0; at < content.size; at++) {
        lines += content.data[at] == '\n' || at + 1 == content.size;
    }
    size_t room = lines / records->partitions + 1;
    struct bytes *values = arena_alloc(arena, records->partitions * room * sizeof *values);
    size_t at = 0;
    for (size_t line = 0; line < lines; line++) {
        const uint8_t *end = memchr(content.data + at, '\n', content.size - at);
        size_t size = end == NULL ? content.size - at : (size_t)(end - content.data) - at;
        size_t partition = line % records->partitions;
        values[partition * room + line / records->partitions] = bytes_of(content.data + at, size);
        at += size + 1;
    }
    for (size_t p = 0; p < records->partitions; p++) {
        size_t count = lines / records->partitions + (p < lines % records->partitions);
        partitions[p] = (struct judge_partition){&values[p * room], count};
    }
    return OK;
}

static enum status
right_topic(const struct records *records, const struct plan *plan, struct diag *diag)
{
    if (strcmp(records->topic, plan->topic) == 0) {
        return OK;
    }
    return diag_fail(diag,
                     "USAGE",
                     "--records: the topic is %s, but the pipeline reads %s",
                     records->topic,
                     plan->topic);
}

/* A folder as it was given, or where the pipeline has it. */
static const char *
place(const struct cli *cli, struct arena *arena, const char *given, const char *path)
{
    return given != NULL ? given
                         : arena_printf(arena, "%s%s", cli->root == NULL ? "" : cli->root, path);
}

static enum status judge_directories(const struct cli *cli,
                                     struct arena *arena,
                                     struct judge_verdict *verdict,
                                     struct diag *diag)
{
    struct records records = {"", "", PARTITIONS_STANDARD};
    struct plan *plan = NULL;
    struct judge_input input = {
        .pipeline_file = cli->files[0], .set = cli_overrides(cli, arena), .partial = cli->partial};
    if (cli->records == NULL) {
        return diag_fail(diag, "USAGE", "verify needs --records topic=FILE: what the topic held");
    }
    TRY(parse_records(cli->records, arena, &records, diag));
    TRY(read_file(arena, cli->files[0], &input.pipeline, diag));
    TRY(plan_compile(arena, cli->files[0], input.pipeline, input.set, &plan, diag));
    TRY(right_topic(&records, plan, diag));
    const char *checkpoint =
        place(cli, arena, cli->checkpoint_dir, plan->options.checkpoint_location);
    TRY(read_tree(arena, checkpoint, &input.checkpoint, diag));
    TRY(read_tree(arena, place(cli, arena, cli->table_dir, plan->table), &input.table, diag));
    struct judge_partition *partitions =
        arena_alloc(arena, records.partitions * sizeof *partitions);
    TRY(read_records(&records, arena, partitions, diag));
    input.partitions = partitions;
    input.partition_count = records.partitions;
    return judge(&input, verdict, diag);
}

static void print_check(const struct judge_verdict *verdict, enum check_id check)
{
    static const char *const words[] = {[JUDGE_PASSED] = "passed",
                                        [JUDGE_FAILED] = "FAILED",
                                        [JUDGE_CUT_SHORT] = "cut short",
                                        [JUDGE_NEVER_RAN] = "never ran",
                                        [JUDGE_NEEDS_WITNESS] = "not judged"};
    bool witness = verdict->checks[check].result == JUDGE_NEEDS_WITNESS;
    (void)printf("  %-10s %-20s ", words[verdict->checks[check].result], check_name(check));
    if (witness) {
        (void)printf("nobody saw %s\n", judge_needs(check));
    } else {
        (void)printf(
            "%6" PRIu64 "  %s\n", verdict->checks[check].evaluations, check_promise(check));
    }
}

static void print_verdict(const struct judge_verdict *verdict)
{
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        print_check(verdict, (enum check_id)i);
    }
    (void)printf("%s: %" PRId64 " batches, %" PRId64 " rows, %" PRId64 " records unread\n",
                 verdict->pass ? "PASS" : "FAIL",
                 verdict->batches,
                 verdict->rows,
                 verdict->unread);
    if (verdict->failed_check[0] != '\0') {
        (void)printf("  %s: ", verdict->failed_check);
        cli_put(stdout, verdict->evidence);
        (void)putchar('\n');
    } else if (!verdict->pass) {
        (void)puts("  no batch is in the table: nothing was judged");
    }
}

int command_verify(const struct cli *cli)
{
    struct arena arena = {0};
    struct diag diag = {0};
    struct judge_verdict verdict = {.pass = false};
    int code = EXIT_USAGE;
    if (judge_directories(cli, &arena, &verdict, &diag) == OK) {
        print_verdict(&verdict);
        code = verdict.pass ? EXIT_AS_EXPECTED : EXIT_FAILED;
    } else {
        cli_complain(&diag);
    }
    arena_free(&arena);
    return code;
}
