#include "engine/real/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/real/child.h"

/* An executor that lived for a while starts again soon; one that dies at once, ever later. */
#define PAUSE_MIN_US (500 * US_PER_MS)
#define PAUSE_MAX_US (30 * US_PER_SECOND)
#define HEALTHY_US   (30 * US_PER_SECOND)
#define GOODBYE_US   (5 * US_PER_SECOND)

struct slot {
    unsigned number; /* 1, 2, ... */
    uint32_t incarnation;
    pid_t process;      /* 0: none */
    int64_t started_us; /* monotonic, as due_us */
    int64_t pause_us;
    int64_t due_us; /* when it starts again; INT64_MAX: not */
};

struct real_supervisor {
    const struct supervisor_config *config;
    struct lifeline lifeline;
    struct fiber *fiber; /* parked until a start is due; NULL: it runs */
    struct fiber *stopper;
    struct slot *slots;
    bool stopping;
};

bool session_address(const char *session, unsigned number, char out[128])
{
    char name[32] = "driver";
    if (number > 0) {
        (void)snprintf(name, sizeof name, "executor-%u", number);
    }
    int size = snprintf(out, 128, "unix:%s/%s", session, name);
    return size > 0 &&
           (size_t)size < sizeof "unix:" - 1 + sizeof((struct sockaddr_un *)0)->sun_path;
}

static void tell(const struct real_supervisor *supervisor, const char *sentence)
{
    if (supervisor->config->told != NULL) {
        supervisor->config->told(supervisor->config->told_context, sentence);
    }
}

static void plan_start(struct slot *slot)
{
    int64_t now_us = real_monotonic_us();
    bool healthy = now_us - slot->started_us >= HEALTHY_US || slot->pause_us == 0;
    int64_t longer_us = 2 * slot->pause_us < PAUSE_MAX_US ? 2 * slot->pause_us : PAUSE_MAX_US;
    slot->pause_us = healthy ? PAUSE_MIN_US : longer_us;
    slot->due_us = now_us + slot->pause_us;
}

/* The arguments that engine/real/executor_main.c takes, in its order. */
static void start(struct real_supervisor *supervisor, struct slot *slot)
{
    const struct supervisor_config *config = supervisor->config;
    char number[16];
    char incarnation[16];
    const char *arguments[] = {"aftershock",
                               "executor",
                               config->session,
                               number,
                               incarnation,
                               config->root,
                               config->objects,
                               config->local,
                               config->trace_file,
                               NULL};
    (void)snprintf(number, sizeof number, "%u", slot->number);
    (void)snprintf(incarnation, sizeof incarnation, "%u", (unsigned)slot->incarnation);
    slot->started_us = real_monotonic_us();
    slot->due_us = INT64_MAX;
    pid_t process = child_spawn(&supervisor->lifeline, arguments);
    if (process < 0) {
        char sentence[256];
        (void)snprintf(sentence,
                       sizeof sentence,
                       "executor %u cannot be started: %s",
                       slot->number,
                       strerror(errno));
        tell(supervisor, sentence);
        plan_start(slot);
        return;
    }
    slot->process = process;
    slot->incarnation++;
}

static int64_t start_due(struct real_supervisor *supervisor)
{
    int64_t next_us = INT64_MAX;
    for (unsigned i = 0; i < supervisor->config->executors; i++) {
        struct slot *slot = &supervisor->slots[i];
        if (slot->due_us <= real_monotonic_us()) {
            start(supervisor, slot);
        }
        next_us = slot->due_us < next_us ? slot->due_us : next_us;
    }
    return next_us;
}

static void supervise(void *argument)
{
    struct real_supervisor *supervisor = argument;
    struct loop *loop = supervisor->config->loop;
    while (!supervisor->stopping) {
        int64_t next_us = start_due(supervisor);
        supervisor->fiber = fiber_current();
        int64_t left_us = next_us == INT64_MAX ? 0 : next_us - real_monotonic_us();
        bool woken = loop_park(loop, next_us == INT64_MAX ? INT64_MAX : real_wall_us() + left_us);
        maybe(woken);
        supervisor->fiber = NULL;
    }
}

static void tell_death(const struct real_supervisor *supervisor, const struct slot *slot, int ended)
{
    char sentence[160];
    char how[64];
    if (WIFSIGNALED(ended)) {
        (void)snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(ended));
    } else {
        (void)snprintf(how, sizeof how, "ended with code %d", WEXITSTATUS(ended));
    }
    (void)snprintf(sentence,
                   sizeof sentence,
                   "executor %u (process %ld) %s; it starts again in %lld ms",
                   slot->number,
                   (long)slot->process,
                   how,
                   (long long)(slot->pause_us / US_PER_MS));
    tell(supervisor, sentence);
}

void real_supervisor_child_died(struct real_supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->config->executors; i++) {
        struct slot *slot = &supervisor->slots[i];
        int ended = 0;
        if (slot->process == 0 || waitpid(slot->process, &ended, WNOHANG) != slot->process) {
            continue;
        }
        bool goodbye = WIFEXITED(ended) && WEXITSTATUS(ended) == 0; /* its driver said it */
        if (!supervisor->stopping && !goodbye) {
            plan_start(slot);
            tell_death(supervisor, slot, ended);
        }
        slot->process = 0;
    }
    struct fiber *waiting = supervisor->stopping ? supervisor->stopper : supervisor->fiber;
    if (waiting != NULL) {
        loop_wake(supervisor->config->loop, waiting);
    }
}

struct real_supervisor *real_supervisor_new(const struct supervisor_config *config)
{
    require(config->executors > 0);
    struct real_supervisor *supervisor = heap_alloc(sizeof *supervisor);
    supervisor->config = config;
    supervisor->slots = heap_alloc(config->executors * sizeof *supervisor->slots);
    lifeline_open(&supervisor->lifeline);
    for (unsigned i = 0; i < config->executors; i++) {
        supervisor->slots[i].number = i + 1; /* due at once */
    }
    (void)loop_spawn(config->loop, supervise, supervisor);
    return supervisor;
}

static bool all_ended(const struct real_supervisor *supervisor)
{
    bool ended = true;
    for (unsigned i = 0; i < supervisor->config->executors; i++) {
        ended = ended && supervisor->slots[i].process == 0;
    }
    return ended;
}

static void wait_for_all(struct real_supervisor *supervisor, int64_t until_us)
{
    while (!all_ended(supervisor) && real_wall_us() < until_us) {
        supervisor->stopper = fiber_current();
        bool woken = loop_park(supervisor->config->loop, until_us);
        maybe(woken);
        supervisor->stopper = NULL;
        real_supervisor_child_died(supervisor);
    }
}

void real_supervisor_stop(struct real_supervisor *supervisor)
{
    supervisor->stopping = true;
    if (supervisor->fiber != NULL) {
        loop_wake(supervisor->config->loop, supervisor->fiber);
    }
    wait_for_all(supervisor, real_wall_us() + GOODBYE_US);
    for (unsigned i = 0; i < supervisor->config->executors; i++) {
        if (supervisor->slots[i].process != 0) {
            (void)kill(supervisor->slots[i].process, SIGKILL);
        }
    }
    wait_for_all(supervisor, INT64_MAX);
}

void real_supervisor_free(struct real_supervisor *supervisor)
{
    lifeline_close(&supervisor->lifeline);
    heap_free(supervisor->slots);
    heap_free(supervisor);
}
