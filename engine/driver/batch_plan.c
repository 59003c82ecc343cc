#include "engine/driver/batch_plan.h"

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/units.h"
#include "engine/driver/offset_conf.h"
#include "engine/driver/watermark.h"

/* ---- pure ----------------------------------------------------------------------------------- */

void offsets_copy(struct arena *arena, const struct offsets *from, struct offsets *to)
{
    to->topic = arena_strdup(arena, from->topic);
    to->count = from->count;
    to->entries = arena_copy(arena, from->entries, from->count * sizeof *from->entries);
}

bool offsets_differ(const struct offsets *a, const struct offsets *b)
{
    if (a->count != b->count) {
        return true;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->entries[i].partition != b->entries[i].partition ||
            a->entries[i].offset != b->entries[i].offset) {
            return true;
        }
    }
    return false;
}

int64_t offsets_between(const struct offsets *begin, const struct offsets *end)
{
    int64_t sum = 0;
    for (size_t i = 0; i < end->count; i++) {
        int64_t from = offsets_get(begin, end->entries[i].partition);
        int64_t size = end->entries[i].offset - (from < 0 ? 0 : from);
        sum += size > 0 ? size : 0;
    }
    return sum;
}

/* ---- asking Kafka --------------------------------------------------------------------------- */

enum status batch_plan_failed(const struct plan *plan, enum status status, struct diag *diag)
{
    if (status == ERR_FAILED && diag->set) {
        return ERR_FAILED;
    }
    struct diag cause = *diag;
    *diag = (struct diag){0};
    return diag_fail(
        diag,
        "STREAM_FAILED",
        "the offsets of topic %.200s are not to be had: %.400s [%s]. The query resumes "
        "where it is when it is started again",
        plan->topic,
        cause.set ? cause.text : status_text(status),
        cause.set ? cause.error_class : "STREAM_READ");
}

/* How far this run or this moment lets a batch read: the newest offsets, or under availableNow
 * those of the run's first look, kept for the whole run (Spark prepareForTriggerAvailableNow). */
static enum status readable_end(struct query *query,
                                const struct offsets *known,
                                struct offsets *end,
                                struct diag *diag)
{
    if (query->bounded) {
        *end = query->bound;
        return OK;
    }
    enum status status =
        kafka_latest_offsets(query->ports, query->plan, known, &query->batch_arena, end, diag);
    if (status != OK) {
        return batch_plan_failed(query->plan, status, diag);
    }
    if (query->plan->options.trigger == TRIGGER_AVAILABLE_NOW) {
        offsets_copy(&query->arena, end, &query->bound);
        query->bounded = true;
    }
    return OK;
}

/* maxOffsetsPerTrigger. A new partition's backlog begins at its earliest offset. */
static enum status limit_end(struct query *query,
                             const struct offsets *start,
                             const struct offsets *latest,
                             struct offsets *end,
                             struct diag *diag)
{
    struct arena *arena = &query->batch_arena;
    struct offsets begin = {0};
    int64_t limit = query->plan->options.max_offsets_per_trigger;
    if (limit == 0) {
        *end = *latest;
        return OK;
    }
    enum status status =
        kafka_begin_offsets(query->ports, query->plan, start, latest, arena, &begin, diag);
    if (status != OK) {
        return batch_plan_failed(query->plan, status, diag);
    }
    kafka_rate_limit(&begin, latest, limit, arena, end);
    return OK;
}

static enum status
plan_new(struct query *query, struct batch *batch, bool *planned, struct diag *diag)
{
    if (query->position.topic == NULL) {
        require(batch->id == 0);
        enum status status = kafka_initial_offsets(query->ports,
                                                   query->store,
                                                   query->plan,
                                                   &query->position_arena,
                                                   &query->position,
                                                   diag);
        if (status != OK) {
            return batch_plan_failed(query->plan, status, diag);
        }
    }
    batch->begin = query->position;
    TRY(readable_end(query, &batch->begin, &batch->latest, diag));
    TRY(limit_end(query, &batch->begin, &batch->latest, &batch->end, diag));
    *planned = offsets_differ(&batch->begin, &batch->end) ||
               watermark_closes_groups(query->plan, batch->late_ms, batch->watermark_ms);
    batch->timestamp_ms = clock_now_us(&query->ports->clock) / US_PER_MS;
    return OK;
}

enum status batch_plan(struct query *query, struct batch *batch, bool *planned, struct diag *diag)
{
    batch->rerun = query->rerun;
    batch->watermark_ms = query->watermark_ms;
    batch->late_ms = query->late_ms;
    if (batch->rerun) {
        batch->begin = query->position;
        batch->end = query->planned;
        batch->timestamp_ms = query->timestamp_ms;
        *planned = true;
    } else {
        failpoint(FP_PLAN_BEFORE, batch->id);
        TRY(plan_new(query, batch, planned, diag));
    }
    if (!*planned) {
        return OK;
    }
    /* The query moves on at F; what is told of the batch behind it still needs where it began. */
    offsets_copy(&query->batch_arena, &query->position, &batch->begin);
    if (query->conf == NULL) {
        query->conf = offset_conf_new(&query->arena, &query->plan->options);
    }
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = EVENT_BATCH_PLANNED,
                                      .batch = batch->id,
                                      .a = offsets_between(&batch->begin, &batch->end),
                                      .b = batch->rerun});
    if (!batch->rerun) {
        failpoint(FP_PLAN_AFTER, batch->id);
    }
    return OK;
}
