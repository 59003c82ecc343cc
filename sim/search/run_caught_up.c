/* Has the engine caught up? Read off its own logs as they stand: the end of a run must not depend
 * on whether the checks are on. */
#include "engine/base/hash.h"
#include "engine/checkpoint/metadata_log.h"
#include "engine/source/initial_offsets.h"
#include "sim/search/run_internal.h"

void run_saw_log(struct run *run, const struct trace_record *record)
{
    const struct sim_process *process = kernel_process(run->kernel, record->process);
    if (process == NULL) {
        return;
    }
    if (record->kind == (int)EVENT_QUERY_RESUMED) {
        /* Everything before the batch to run is committed. */
        run->log_machine = process->machine;
        run->log_batch = record->batch - 1;
        run->log_changes++;
    } else if (record->kind == (int)EVENT_COMMIT_WRITTEN) {
        run->log_machine = process->machine;
        run->log_batch = record->batch;
        run->log_changes++;
    }
}

/* The ends of the newest committed batch, or where the query began. False: not there, or not whole.
 */
static bool read_position(const struct run *run, struct arena *arena, struct offsets *position)
{
    const char *checkpoint = run->scenario->plan->options.checkpoint_location;
    struct bytes content;
    struct diag diag = {0};
    if (run->log_batch < 0) {
        const char *path = arena_printf(arena, "%s/sources/0/0", checkpoint);
        return fake_storage_look(run->storage, run->log_machine, path, &content) &&
               initial_offsets_decode(arena, path, content, position, &diag) == OK;
    }
    struct offset_log_entry entry;
    const char *path =
        arena_printf(arena, "%s/offsets/%lld", checkpoint, (long long)run->log_batch);
    return fake_storage_look(run->storage, run->log_machine, path, &content) &&
           offset_log_decode(arena, path, content, &entry, &diag) == OK &&
           offsets_parse(arena, bytes_of_text(entry.sources), position, &diag) == OK;
}

/* Append mode: when the watermark moved behind the newest batch, one without data follows it, which
 * evicts (spark-checkpoint 2.5). */
static bool no_data_batch_pending(const struct run *run, struct arena *arena)
{
    const struct plan *plan = run->scenario->plan;
    bool evicts = plan->aggregation != NULL && plan->aggregation->event_time_key >= 0 &&
                  plan->output_mode == OUTPUT_APPEND && plan->options.no_data_batches;
    if (!evicts || run->log_batch < 0) {
        return false;
    }
    const char *checkpoint = plan->options.checkpoint_location;
    long long batch = (long long)run->log_batch;
    const char *offsets = arena_printf(arena, "%s/offsets/%lld", checkpoint, batch);
    const char *commits = arena_printf(arena, "%s/commits/%lld", checkpoint, batch);
    struct bytes intent;
    struct bytes done;
    struct offset_log_entry entry;
    int64_t next_ms = 0;
    struct diag diag = {0};
    bool read = fake_storage_look(run->storage, run->log_machine, offsets, &intent) &&
                offset_log_decode(arena, offsets, intent, &entry, &diag) == OK &&
                fake_storage_look(run->storage, run->log_machine, commits, &done) &&
                commit_log_decode(arena, commits, done, &next_ms, &diag) == OK;
    return !read || next_ms > entry.batch_watermark_ms;
}

static bool compare_logs(const struct run *run)
{
    struct arena arena = {0};
    struct offsets position = {0};
    bool caught_up = read_position(run, &arena, &position) && !no_data_batch_pending(run, &arena);
    for (size_t t = 0; caught_up && t < run->scenario->topic_count; t++) {
        const struct topic_config *topic = &run->scenario->topics[t];
        bool subscribed = strcmp(topic->name, position.topic) == 0;
        for (int32_t p = 0; subscribed && p < topic->partitions; p++) {
            int64_t end = fake_broker_readable_end(run->broker, t, p);
            int64_t start = fake_broker_log_start(run->broker, t, p);
            int64_t at = offsets_get(&position, p);
            caught_up = caught_up && (at < 0 ? start : at) >= end;
        }
    }
    arena_free(&arena);
    return caught_up;
}

/* All that the broker would hand out and all that it has thrown away: changes when the answer may.
 */
static uint64_t digest_of_ends(const struct run *run)
{
    uint64_t digest = 0;
    for (size_t t = 0; t < run->scenario->topic_count; t++) {
        for (int32_t p = 0; p < run->scenario->topics[t].partitions; p++) {
            digest = hash_chain(digest, (uint64_t)fake_broker_readable_end(run->broker, t, p));
            digest = hash_chain(digest, (uint64_t)fake_broker_log_start(run->broker, t, p));
        }
    }
    return digest;
}

bool run_caught_up(struct run *run)
{
    if (!fake_broker_workloads_done(run->broker)) {
        return false;
    }
    uint64_t ends = digest_of_ends(run);
    if (!run->compared || ends != run->compared_ends || run->log_changes != run->compared_changes) {
        run->compared_value = compare_logs(run);
        run->compared_ends = ends;
        run->compared_changes = run->log_changes;
        run->compared = true;
    }
    return run->compared_value;
}
