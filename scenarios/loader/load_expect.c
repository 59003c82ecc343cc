/* "expect": what must come of it. */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

static void read_names(struct loader *loader, const json_t *value, struct expected_names *names)
{
    const char *topic = value_text(value, "topic", NULL);
    const json_t *partitions = json_object_get(value, "partitions");
    const char *file = value_text(value, "file", NULL);
    const char *remedy = value_text(value, "remedy", NULL);
    names->file = file == NULL ? NULL : state_file_pattern(loader, file);
    names->remedy = remedy == NULL ? NULL : arena_strdup(loader->arena, remedy);
    names->topic = topic == NULL ? NULL : arena_strdup(loader->arena, topic);
    names->partition_count = json_array_size(partitions);
    int32_t *copy = arena_alloc(loader->arena, (names->partition_count + 1) * sizeof *copy);
    for (size_t i = 0; i < names->partition_count; i++) {
        copy[i] = (int32_t)json_integer_value(json_array_get(partitions, i));
    }
    names->partitions = copy;
}

static enum status
read_run(struct loader *loader, const json_t *value, size_t i, struct expected_run *run)
{
    const json_t *resumes = json_object_get(value, "resumes");
    const char *error = value_text(value, "error", NULL);
    *run = (struct expected_run){
        .ends = (enum run_end)name_index(names_run_ends, value_text(value, "ends", "")),
        .has_resumes = resumes != NULL,
        .resumes_batch = value_int(resumes, "batch", 0),
        .resumes_as = (int)name_index(names_resumes, value_text(resumes, "as", "new")),
        .error = error == NULL ? NULL : arena_strdup(loader->arena, error),
        .commits = value_int(value, "commits", -1),
        .reports_skipped = json_object_get(value, "reports") != NULL,
    };
    read_names(loader, json_object_get(value, "names"), &run->names);
    TRY(state_file_check(
        loader, run->names.file, arena_printf(loader->arena, "expect.runs[%zu].names.file", i)));
    bool fails = run->ends == RUN_ERROR || run->ends == RUN_LOSER;
    bool about_error = error != NULL || json_object_get(value, "names") != NULL;
    if (about_error && !fails) {
        return loader_fail(
            loader,
            true,
            arena_printf(
                loader->arena, "expect.runs[%zu].%s", i, error != NULL ? "error" : "names"),
            "a run that ends \"%s\" has no error, expected \"ends\": \"error\" or "
            "\"refused\"",
            run_end_name(run->ends));
    }
    if (run->has_resumes && run->resumes_as == 0 && run->resumes_batch != 0) {
        return loader_fail(loader,
                           false,
                           arena_printf(loader->arena, "expect.runs[%zu].resumes.batch", i),
                           "a \"new\" query begins with batch 0, found %lld",
                           (long long)run->resumes_batch);
    }
    return OK;
}

static enum status load_runs(struct loader *loader, const json_t *list)
{
    struct expectation *expect = &loader->scenario->expect;
    expect->has_runs = list != NULL;
    expect->run_count = json_array_size(list);
    expect->runs = arena_alloc(loader->arena, (expect->run_count + 1) * sizeof *expect->runs);
    for (size_t i = 0; i < expect->run_count; i++) {
        TRY(read_run(loader, json_array_get(list, i), i, &expect->runs[i]));
    }
    return OK;
}

static enum status load_span(struct loader *loader, const json_t *lost)
{
    struct scenario *scenario = loader->scenario;
    const json_t *span = json_object_get(lost, "span");
    const char *topic = value_text(lost, "topic", scenario->plan->topic);
    struct expected_span *expected = &scenario->expect.lost_span;
    expected->topic = topic_index(scenario, topic);
    if (expected->topic == scenario->topic_count) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost.topic",
                           "no such topic: \"%.100s\", expected one of \"topics\"",
                           topic);
    }
    if (strcmp(topic, scenario->plan->topic) != 0) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost.topic",
                           "\"%.100s\" cannot be missing: the pipeline reads \"%.100s\" only",
                           topic,
                           scenario->plan->topic);
    }
    if (span == NULL) {
        return OK;
    }
    bool fits = duration_parse(json_string_value(json_array_get(span, 0)), &expected->from_us) &&
                duration_parse(json_string_value(json_array_get(span, 1)), &expected->to_us);
    require(fits);
    scenario->expect.has_lost_span = true;
    if (expected->from_us >= expected->to_us) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost.span",
                           "it ends before it begins, expected [from, to]");
    }
    return OK;
}

static enum status load_table(struct loader *loader, const json_t *table)
{
    struct scenario *scenario = loader->scenario;
    const json_t *lost = json_object_get(table, "lost");
    scenario->expect.lost = LOST_NOTHING;
    if (!json_is_object(lost)) {
        return OK;
    }
    size_t cause = name_index(names_causes, value_text(lost, "cause", ""));
    static const enum lost_cause causes[] = {LOST_LOCAL_DISK, LOST_EXPIRED, LOST_LOG_CHANGED};
    scenario->expect.lost = causes[cause];
    if (scenario->expect.lost == LOST_EXPIRED) {
        return load_span(loader, lost);
    }
    if (json_object_get(lost, "span") != NULL || json_object_get(lost, "topic") != NULL) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost",
                           "\"topic\" and \"span\" go with the cause \"expired\" only");
    }
    if (scenario->expect.lost == LOST_LOCAL_DISK &&
        strncmp(scenario->plan->options.checkpoint_location, "/local/", 7) != 0) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost.cause",
                           "\"local-disk\" cannot be: nothing that recovery needs is on /local "
                           "(the checkpointLocation is \"%.100s\")",
                           scenario->plan->options.checkpoint_location);
    }
    return OK;
}

static void load_recoveries(struct loader *loader, const json_t *list)
{
    struct expectation *expect = &loader->scenario->expect;
    expect->recovery_count = json_array_size(list);
    expect->recoveries =
        arena_alloc(loader->arena, (expect->recovery_count + 1) * sizeof *expect->recoveries);
    for (size_t i = 0; i < expect->recovery_count; i++) {
        const json_t *value = json_array_get(list, i);
        expect->recoveries[i] = (struct expected_recovery){
            .from = arena_strdup(loader->arena, value_text(value, "from", "")),
            .to_caught_up = strcmp(value_text(value, "to", ""), "caught-up") == 0,
            .within_us = value_duration_us(value, "within", 0),
        };
    }
}

static enum status load_counts(struct loader *loader, json_t *counts)
{
    struct expectation *expect = &loader->scenario->expect;
    expect->counts =
        arena_alloc(loader->arena, (json_object_size(counts) + 1) * sizeof *expect->counts);
    const char *name;
    json_t *value;
    json_object_foreach(counts, name, value)
    {
        if (json_is_string(value)) {
            continue; /* a note */
        }
        bool exact = json_is_integer(value);
        struct expected_count count = {
            .event = names_events[name_index(names_events, name)],
            .min = exact ? json_integer_value(value) : value_int(value, "min", 0),
            .max = exact ? json_integer_value(value) : value_int(value, "max", INT64_MAX),
        };
        if (count.min > count.max) {
            char path[DOCUMENT_PATH_SIZE] = "expect.counts";
            document_path_member(path, name);
            return loader_fail(loader,
                               false,
                               path,
                               "at least %lld and at most %lld contradict each other",
                               (long long)count.min,
                               (long long)count.max);
        }
        expect->counts[expect->count_count++] = count;
    }
    return OK;
}

static enum status load_supervisor(struct loader *loader, const json_t *expect)
{
    const struct supervisor_config *supervisor = &loader->scenario->cluster.supervisor;
    loader->scenario->expect.gave_up = json_object_get(expect, "supervisor") != NULL;
    bool can = supervisor->restart_us >= 0 && supervisor->give_up > 0;
    if (loader->scenario->expect.gave_up && !can) {
        return loader_fail(loader,
                           false,
                           "expect.supervisor",
                           "\"gave-up\" cannot be: cluster.supervisor %s",
                           supervisor->restart_us < 0 ? "never restarts a driver"
                                                      : "never gives up");
    }
    return OK;
}

enum status load_expect(struct loader *loader)
{
    const json_t *expect = json_object_get(loader->document.root, "expect");
    TRY(load_runs(loader, json_object_get(expect, "runs")));
    TRY(load_table(loader, json_object_get(expect, "table")));
    load_recoveries(loader, json_object_get(expect, "recovery"));
    TRY(load_counts(loader, json_object_get(expect, "counts")));
    return load_supervisor(loader, expect);
}
