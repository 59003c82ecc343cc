/* Assembly of one world and its main loop: when is a run over? It ends when
 *   - everything that Kafka can hand out is in the table, no fault is pending and a settling time
 * has passed (a late zombie or a second delivery would show in it), or
 *   - no driver lives and nothing will start one, or
 *   - a check or an assertion failed, or
 *   - nothing has progressed for the liveness budget: stuck. */
#include "sim/search/run_internal.h"

#include <assert.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

/* Virtual time without any progress after which a run is stuck: longer than every timeout of the
 * engine in a row (network timeout, poll timeout, retries), with room; and by the trigger interval.
 */
static int64_t liveness_budget_us(const struct scenario *scenario)
{
    const struct options *options = &scenario->plan->options;
    int64_t waits_us = options->network_timeout_us + options->poll_timeout_us +
                       options->request_timeout_us * (options->fetch_retries + 1) +
                       2 * options->trigger_interval_us;
    int64_t restart_us = scenario->cluster.supervisor.restart_us;
    return 5 * US_PER_MINUTE + waits_us + (restart_us > 0 ? restart_us : 0);
}

/* What must pass in silence before a caught-up run is over. */
static int64_t settle_us(const struct scenario *scenario)
{
    return 2 * scenario->plan->options.trigger_interval_us + 2 * US_PER_SECOND;
}

static bool anything_pending(const struct run *run)
{
    return supervisor_pending(run->supervisor) || injector_pending(run->injector);
}

/* After each event: cheap tests first. */
static bool run_over(void *context)
{
    struct run *run = context;
    if (kernel_violation(run->kernel)->set) {
        return true;
    }
    int64_t now_us = kernel_now_us(run->kernel);
    bool alive = supervisor_driver_alive(run->supervisor);
    if (!alive && !anything_pending(run)) {
        if (run->idle_us < 0) {
            run->idle_us = now_us;
        }
        /* Executors of a dead driver may still act: give zombies their time too. */
        return now_us - run->idle_us >= settle_us(run->scenario);
    }
    run->idle_us = -1;
    if (run->caught_up_us >= 0 && now_us - run->caught_up_us >= settle_us(run->scenario)) {
        return !anything_pending(run);
    }
    return false;
}

/* One look a virtual second: keeps the end conditions from depending on the engine's own events. */
static void look(void *context, uint64_t argument)
{
    struct run *run = context;
    maybe(argument == 0);
    bool done = supervisor_driver_alive(run->supervisor) && run_caught_up(run);
    if (!done) {
        run->caught_up_us = -1;
    } else if (run->caught_up_us < 0) {
        run->caught_up_us = kernel_now_us(run->kernel);
    }
    run_sample_lag(run, kernel_now_us(run->kernel));
    kernel_at(run->kernel, kernel_now_us(run->kernel) + US_PER_SECOND, look, run, 0);
}

static void run_ended(void *context, const struct supervised_run *ended)
{
    struct run *run = context;
    run->progress_us = kernel_now_us(run->kernel);
    if (run->checks != NULL) {
        checks_run_ended(run->checks, ended->process, ended->ends, &ended->error);
    }
}

static void assemble(struct run *run, uint64_t seed)
{
    const struct scenario *scenario = run->scenario;
    run->kernel = kernel_new(&(struct kernel_config){
        .seed = seed, .noise = run->options->noise, .start_us = scenario->start_us});
    kernel_enable_failpoints();
    run->storage = fake_storage_new(run->kernel);
    run->network = fake_network_new(run->kernel);
    run->broker =
        fake_broker_new(run->kernel, &scenario->cluster, scenario->topics, scenario->topic_count);
    run->supervisor = supervisor_new(
        &(struct supervisor_world){.kernel = run->kernel,
                                   .scenario = scenario,
                                   .storage = run->storage,
                                   .broker = run->broker,
                                   .network = run->network,
                                   .run_ended = run_ended,
                                   .context = run,
                                   .progress = run->options->progress,
                                   .progress_context = run->options->progress_context});
    struct injector_actions actions = supervisor_actions(run->supervisor);
    run->injector = injector_new(run->kernel, &scenario->script, &actions);
    supervisor_set_injector(run->supervisor, run->injector);
    if (run->options->checks) {
        run->checks =
            checks_new(run->kernel, scenario, run->storage, run->broker, run->options->oracle);
    }
    kernel_observe(run->kernel, run_observe, run);
    if (run->options->observer != NULL) {
        kernel_observe_outside(run->kernel, run->options->observer, run->options->observer_context);
    }
    kernel_sweep(run->kernel, &run->options->sweep);
    fake_broker_produce(run->broker, scenario->workloads, scenario->workload_count);
    supervisor_start(run->supervisor);
    look(run, 0);
}

/* Somebody still has something to send, and it is its time: who cannot get rid of it for longer
 * waits for a broker, and that is no progress. */
static bool workloads_run(const struct run *run)
{
    int64_t end_us = 0;
    for (size_t i = 0; i < run->scenario->workload_count; i++) {
        const struct workload_config *workload = &run->scenario->workloads[i];
        int64_t last_us = workload->until_us;
        if (last_us < 0 &&
            (__builtin_mul_overflow(workload->records, workload->interval_us, &last_us) ||
             __builtin_add_overflow(workload->start_us, last_us, &last_us))) {
            last_us = INT64_MAX;
        }
        end_us = last_us > end_us ? last_us : end_us;
    }
    return !fake_broker_workloads_done(run->broker) &&
           kernel_now_us(run->kernel) - run->start_us <= end_us;
}

static enum outcome loop(struct run *run)
{
    int64_t budget_us = liveness_budget_us(run->scenario);
    run->progress_us = kernel_now_us(run->kernel);
    for (;;) {
        int64_t until_us = kernel_now_us(run->kernel) + budget_us / 4;
        enum kernel_stop stop = kernel_run(run->kernel, run_over, run, until_us);
        if (kernel_violation(run->kernel)->set) {
            return OUTCOME_VIOLATION;
        }
        require(stop != KERNEL_VIOLATION);
        require(stop != KERNEL_IDLE); /* `look` is always due */
        if (stop == KERNEL_STOPPED) {
            break;
        }
        if (anything_pending(run) || workloads_run(run)) {
            run->progress_us = kernel_now_us(run->kernel);
        }
        if (kernel_now_us(run->kernel) - run->progress_us > budget_us) {
            return OUTCOME_STUCK;
        }
    }
    if (run->caught_up_us >= 0) {
        return OUTCOME_CAUGHT_UP;
    }
    if (supervisor_gave_up(run->supervisor)) {
        return OUTCOME_GAVE_UP;
    }
    size_t count = 0;
    const struct supervised_run *runs = supervisor_runs(run->supervisor, &count);
    switch (runs[count - 1].ends) {
    case RUN_CAUGHT_UP:
        return OUTCOME_CAUGHT_UP;
    case RUN_ERROR:
    case RUN_LOSER:
        return OUTCOME_ERROR;
    case RUN_CRASHED:
    case RUN_STOPPED:
    case RUN_STUCK:
    case RUN_END_COUNT:
        break;
    }
    return OUTCOME_STOPPED;
}

static void collect_trace(struct run *run)
{
    struct run_result *result = run->result;
    const struct trace *trace = kernel_trace_log(run->kernel);
    result->trace_hash = trace_hash(trace);
    result->trace_events = trace_count(trace);
    result->port_calls = kernel_sweep_count(run->kernel);
    result->virtual_us = kernel_now_us(run->kernel) - run->start_us;
    if (run->options->last_events != NULL) {
        for (size_t i = 0; i < trace_kept(trace); i++) {
            trace_json(trace_last(trace, i), run->options->last_events);
        }
    }
}

const char *run_check_name(size_t i)
{
    require(i < CHECK_COUNT);
    return check_name((enum check_id)i);
}

static void collect_checks(struct run *run)
{
    struct run_result *result = run->result;
    if (run->checks == NULL) {
        return;
    }
    static_assert((int)CHECK_COUNT <= (int)RUN_CHECKS_MAX, "every check has its counter");
    result->check_count = CHECK_COUNT;
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        enum check_id check = (enum check_id)i;
        result->checks[i] =
            (struct check_count){.name = check_name(check),
                                 .applies = checks_apply(run->checks, check),
                                 .evaluations = checks_evaluations(run->checks, check)};
    }
    result->rows_out = checks_rows_out(run->checks);
}

/* Hand out a folder's files with paths relative to it. */
struct tree_walk {
    fake_storage_file_fn file;
    void *context;
    size_t prefix;
};

static void export_file(void *context, const char *path, struct bytes content)
{
    const struct tree_walk *walk = context;
    walk->file(walk->context, path + walk->prefix, content);
}

static void export_tree(struct run *run, const char *path, fake_storage_file_fn file, void *context)
{
    if (file == NULL) {
        return;
    }
    struct tree_walk walk = {.file = file, .context = context, .prefix = strlen(path) + 1};
    fake_storage_each(run->storage, run->log_machine, path, export_file, &walk);
}

void run_scenario(const struct scenario *scenario,
                  uint64_t seed,
                  const struct run_options *options,
                  struct run_result *result)
{
    *result = (struct run_result){.scenario = scenario->name, .seed = seed};
    struct run *run = heap_alloc(sizeof *run);
    *run = (struct run){.scenario = scenario,
                        .options = options,
                        .result = result,
                        .start_us = scenario->start_us,
                        .caught_up_us = -1,
                        .idle_us = -1,
                        .planned_batch = -1,
                        .log_batch = -1};
    assemble(run, seed);
    result->outcome = loop(run);
    if (run->checks != NULL && result->outcome != OUTCOME_VIOLATION) {
        if (run->caught_up_us >= 0 && result->outcome == OUTCOME_CAUGHT_UP) {
            checks_end_caught_up(run->checks);
        }
        checks_end(run->checks);
        if (kernel_violation(run->kernel)->set) {
            result->outcome = OUTCOME_VIOLATION;
        }
    }
    run_progress_end(run);
    collect_checks(run);
    collect_trace(run);
    run_judge(run);
    const struct plan *plan = scenario->plan;
    export_tree(run, plan->table, options->table_file, options->table_context);
    export_tree(run,
                plan->options.checkpoint_location,
                options->checkpoint_file,
                options->checkpoint_context);
    kernel_free(run->kernel);
    heap_free(run);
}
