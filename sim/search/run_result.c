/* A result as the one-line JSON object of --json. Times in seconds with three decimals, made from
 * integers. */
#include "sim/search/run.h"

#include <inttypes.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_CAUGHT_UP] = "caught-up",
        [OUTCOME_STOPPED] = "stopped",
        [OUTCOME_ERROR] = "error",
        [OUTCOME_GAVE_UP] = "gave-up",
        [OUTCOME_STUCK] = "stuck",
        [OUTCOME_VIOLATION] = "violation",
    };
    require(outcome <= OUTCOME_VIOLATION);
    return names[outcome];
}

/* "12.345"; "null" for a time that never came. */
static void put_seconds(struct buf *out, int64_t time_us)
{
    if (time_us < 0) {
        buf_text(out, "null");
    } else {
        buf_printf(out, "%" PRId64 ".%03" PRId64, time_us / 1000000, time_us / 1000 % 1000);
    }
}

static void put_string(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    buf_json_string(out, bytes_of_text(text));
}

static void put_events(struct buf *out, const struct run_result *result)
{
    buf_text(out, ",\"events\":[");
    for (size_t i = 0; i < result->event_count; i++) {
        buf_printf(
            out, "%s{\"index\":%zu,\"fired_at_s\":", i == 0 ? "" : ",", result->events[i].index);
        put_seconds(out, result->events[i].at_us);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void put_recoveries(struct buf *out, const struct run_result *result)
{
    buf_text(out, ",\"recoveries\":[");
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        buf_text(out, i == 0 ? "{" : ",{");
        put_string(out, "fault", recovery->fault);
        buf_byte(out, ',');
        put_string(out, "target", recovery->target);
        buf_byte(out, ',');
        put_string(out, "point", recovery->point);
        buf_text(out, ",\"at_s\":");
        put_seconds(out, recovery->at_us);
        buf_text(out, ",\"first_commit_s\":");
        put_seconds(out, recovery->first_commit_us);
        buf_text(out, ",\"caught_up_s\":");
        put_seconds(out, recovery->caught_up_us);
        buf_printf(out, ",\"rows_replayed\":%" PRId64 "}", recovery->rows_replayed);
    }
    buf_byte(out, ']');
}

static void put_runs(struct buf *out, const struct run_result *result)
{
    buf_text(out, ",\"runs\":[");
    for (size_t i = 0; i < result->run_count; i++) {
        const struct driver_run *run = &result->runs[i];
        buf_text(out, i == 0 ? "{\"started_s\":" : ",{\"started_s\":");
        put_seconds(out, run->started_us);
        buf_text(out, ",\"ended_s\":");
        put_seconds(out, run->ended ? run->ended_us : -1);
        buf_byte(out, ',');
        put_string(out, "ends", run_end_name(run->ends));
        buf_printf(out,
                   ",\"resumes_batch\":%" PRId64 ",\"commits\":%" PRId64,
                   run->resumes_batch,
                   run->commits);
        if (run->error.set) {
            buf_byte(out, ',');
            put_string(out, "error", run->error.error_class);
            buf_byte(out, ',');
            put_string(out, "text", run->error.text);
        }
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

void run_result_json(const struct run_result *result, struct buf *out)
{
    buf_byte(out, '{');
    put_string(out, "scenario", result->scenario);
    buf_printf(out, ",\"seed\":%" PRIu64, result->seed);
    buf_printf(out, ",\"verdict\":\"%s\"", result->pass ? "pass" : "fail");
    buf_printf(out, ",\"outcome\":\"%s\"", outcome_name(result->outcome));
    if (!result->pass) {
        buf_byte(out, ',');
        put_string(out, "failed_check", result->failed_check);
        buf_byte(out, ',');
        put_string(out, "evidence", result->evidence);
    }
    buf_printf(out, ",\"trace\":\"%016" PRIx64 "\"", result->trace_hash);
    buf_text(out, ",\"virtual_s\":");
    put_seconds(out, result->virtual_us);
    buf_text(out, ",\"wall_s\":");
    buf_printf(out, "%" PRId64 ".%06" PRId64, result->wall_us / 1000000, result->wall_us % 1000000);
    buf_printf(out,
               ",\"batches\":%" PRId64 ",\"driver_starts\":%" PRIu32
               ",\"executor_losses\":%" PRIu32,
               result->batches,
               result->driver_starts,
               result->executor_losses);
    put_events(out, result);
    put_recoveries(out, result);
    put_runs(out, result);
    buf_text(out, ",\"checks\":{");
    for (size_t i = 0; i < result->check_count; i++) {
        buf_printf(out,
                   "%s\"%s\":%" PRIu64,
                   i == 0 ? "" : ",",
                   result->checks[i].name,
                   result->checks[i].evaluations);
    }
    buf_printf(out,
               "},\"rows\":{\"in\":%" PRId64 ",\"out\":%" PRId64 "}}",
               result->rows_in,
               result->rows_out);
}
