#include "engine/real/executor_main.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/executor/executor.h"
#include "engine/real/child.h"
#include "engine/real/operator_words.h"
#include "engine/real/real_process.h"
#include "engine/real/session.h"
#include "engine/real/supervisor.h"

enum {
    ARGUMENT_SESSION = 2,
    ARGUMENT_NUMBER,
    ARGUMENT_INCARNATION,
    ARGUMENT_ROOT,
    ARGUMENT_OBJECTS,
    ARGUMENT_LOCAL,
    ARGUMENT_TRACE,
    ARGUMENT_COUNT
};

static void entry(void *argument)
{
    executor_run(argument);
}

/* The driver does not see what is skipped or repaired here. Texts of others steer no terminal. */
static void told(void *context, const struct trace_entry *entry)
{
    struct buf line = {0};
    if (operator_words(entry, &line)) {
        for (size_t i = 0; i + 1 < line.size; i++) {
            bool control = line.data[i] < 0x20 || line.data[i] == 0x7f;
            line.data[i] = control ? '?' : line.data[i];
        }
        (void)fprintf(stderr, "aftershock: %s: %s\n", (const char *)context, (char *)line.data);
    }
    buf_free(&line);
}

/* A person who tries this by hand is told, and nothing runs. */
static bool of_a_supervisor(int count)
{
    return count == ARGUMENT_COUNT && fcntl(CHILD_LIFELINE, F_GETFD) >= 0;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

int executor_main(int count, char **arguments)
{
    static char name[32];
    static char address[128];
    static char driver_address[128];
    static char local[SESSION_LOCAL_SIZE + 32];
    struct diag diag = {0};
    static struct real_process *process;
    if (!of_a_supervisor(count)) {
        (void)fputs("aftershock: executors are started by aftershock stream\n", stderr);
        return 2;
    }
    unsigned number = (unsigned)strtoul(arguments[ARGUMENT_NUMBER], NULL, 10);
    (void)snprintf(name, sizeof name, "executor %u", number);
    (void)snprintf(local, sizeof local, "%s/executor-%u", arguments[ARGUMENT_LOCAL], number);
    bool fits = session_address(arguments[ARGUMENT_SESSION], number, address) &&
                session_address(arguments[ARGUMENT_SESSION], 0, driver_address);
    require(fits); /* the supervisor has tried both */
    const struct real_config config = {
        .role = ROLE_EXECUTOR,
        .name = name,
        .told = told,
        .told_context = name,
        .incarnation = (uint32_t)strtoul(arguments[ARGUMENT_INCARNATION], NULL, 10),
        .root = or_null(arguments[ARGUMENT_ROOT]),
        .objects = or_null(arguments[ARGUMENT_OBJECTS]),
        .trace_file = or_null(arguments[ARGUMENT_TRACE]),
    };
    if (real_process_new(&config, &process, &diag) != OK) {
        (void)fprintf(stderr, "aftershock: %s: %s\n", name, diag.text);
        return 1;
    }
    child_watch_lifeline(process->loop);
    struct executor_config executor = {
        .ports = &process->ports,
        .name = name,
        .address = address,
        .local = local,
        .driver_address = driver_address,
        .storage = config.objects != NULL ? STORE_OBJECTS : STORE_DISK,
    };
    real_process_run(process, entry, &executor);
    /* Attempts may still run, unheard, and threads of librdkafka: they end with this process, and
     * nothing of them is freed. */
    _exit(0);
}
