#include "engine/driver/watermark.h"

#include "engine/base/check.h"

int64_t watermark_observed_ms(const struct task_set *readers)
{
    int64_t seen_ms = INT64_MIN;
    for (size_t i = 0; i < readers->count; i++) {
        require(readers->tasks[i].reported);
        int64_t max_ms = readers->tasks[i].done.event_time_max_ms;
        seen_ms = max_ms > seen_ms ? max_ms : seen_ms;
    }
    return seen_ms;
}

int64_t watermark_next_ms(const struct watermark *watermark, int64_t now_ms, int64_t seen_ms)
{
    require(now_ms >= 0);
    if (watermark == NULL || seen_ms <= 0) {
        return now_ms; /* also INT64_MIN: from before 1970 nothing moves a watermark */
    }
    require(watermark->delay_ms >= 0);
    int64_t candidate_ms = seen_ms - watermark->delay_ms;
    return candidate_ms > now_ms ? candidate_ms : now_ms;
}

bool watermark_closes_groups(const struct plan *plan, int64_t late_ms, int64_t watermark_ms)
{
    require(watermark_ms >= late_ms);
    return plan->options.no_data_batches && plan->aggregation != NULL &&
           plan->aggregation->event_time_key >= 0 && plan->output_mode == OUTPUT_APPEND &&
           watermark_ms > late_ms;
}
