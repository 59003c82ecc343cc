#include "engine/executor/session.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

void executor_session_release(struct executor_session *session)
{
    require(session->users > 0);
    session->users--;
    if (session->users == 0) {
        require(session->over);
        if (session->provider != NULL) {
            state_provider_free(session->provider);
        }
        arena_free(&session->arena);
        heap_free(session);
    }
}

/* Spark's maintenance thread: a round every interval, counted from the end of the one before. */
static void maintenance_entry(void *argument)
{
    struct executor_session *session = argument;
    const struct ports *ports = session->ports;
    struct fiber *self = fiber_current();
    while (!session->over) {
        int64_t due_us = clock_now_us(&ports->clock) + session->plan->options.state_maintenance_us;
        session->maintenance = self;
        bool woken = fibers_park(&ports->fibers, due_us);
        session->maintenance = NULL;
        if (!woken && !session->over) {
            state_provider_maintain(session->provider);
        }
    }
    executor_session_release(session);
}

struct executor_session *executor_session_new(const struct ports *ports,
                                              struct store *store,
                                              const char *local,
                                              const struct message_registered *registered)
{
    struct executor_session *session = heap_alloc(sizeof *session);
    session->ports = ports;
    session->id = registered->session;
    session->users = 1;
    session->blocks_batch = -1;
    const char *file = arena_strdup(&session->arena, registered->pipeline_file);
    struct bytes pipeline = registered->pipeline;
    pipeline.data = arena_copy(&session->arena, pipeline.data, pipeline.size);
    struct diag *diag = arena_alloc(&session->arena, sizeof *diag);
    enum status status =
        plan_compile(&session->arena, file, pipeline, registered->overrides, &session->plan, diag);
    if (status == OK) {
        status = broker_configure(&ports->broker, session->plan->options.kafka, diag);
    }
    if (status != OK) {
        session->over = true;
        executor_session_release(session);
        return NULL;
    }
    if (session->plan->aggregation != NULL) {
        const char *folder =
            arena_printf(&session->arena, "%s/state/%016" PRIx64, local, session->id);
        session->provider = state_provider_new(ports, store, session->plan, folder);
        session->users++;
        (void)fibers_spawn(&ports->fibers, maintenance_entry, session);
    }
    return session;
}

void executor_session_end(struct executor_session *session)
{
    require(!session->over);
    session->over = true;
    if (session->maintenance != NULL) {
        fibers_wake(&session->ports->fibers, session->maintenance);
    }
    executor_session_release(session);
}
