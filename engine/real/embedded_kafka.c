/* The parent's side: start the helper, hear what it says, stop it. */
#include "engine/real/embedded_kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/heap.h"

extern char **environ;

enum { SILENCE_MS = 30000, STOP_MS = 5000 };

struct embedded_kafka {
    pid_t pid;
    int lifeline; /* held open; its end ends the helper */
    int reports;  /* does not block */
    struct buf heard;
    char *bootstrap; /* NULL: not ready */
    int64_t fed;     /* -1: not all yet */
};

/* ---- starting
 * ------------------------------------------------------------------------------- */

/* A pipe that no other child inherits: an executor that held the lifeline would keep the helper
 * alive. */
static bool open_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = -1;
        ends[1] = -1;
        return false;
    }
    return fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
}

static void close_end(int *end)
{
    if (*end >= 0) {
        (void)close(*end);
    }
    *end = -1;
}

static int spawn(const struct embedded_kafka_config *config, int input, int output, pid_t *pid)
{
    const char *executable = config->executable == NULL ? "/proc/self/exe" : config->executable;
    char brokers[16];
    (void)snprintf(brokers, sizeof brokers, "%d", config->brokers);
    const char *arguments[] = {executable,
                               EMBEDDED_KAFKA_COMMAND,
                               "--feed",
                               config->feed->text,
                               "--checkpoint",
                               config->checkpoint,
                               "--brokers",
                               brokers,
                               NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    }
    if (error == 0) {
        char *copy[sizeof arguments / sizeof *arguments];
        memcpy(copy, arguments, sizeof arguments); /* execve takes no const, and changes nothing */
        error = posix_spawn(pid, executable, &actions, NULL, copy, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static enum status
start(const struct embedded_kafka_config *config, struct embedded_kafka *kafka, struct diag *diag)
{
    int lifeline[2] = {-1, -1};
    int reports[2] = {-1, -1};
    int error =
        open_pipe(lifeline) && open_pipe(reports) && fcntl(reports[0], F_SETFL, O_NONBLOCK) == 0
            ? 0
            : errno;
    if (error == 0) {
        error = spawn(config, lifeline[0], reports[1], &kafka->pid);
    }
    close_end(&lifeline[0]);
    close_end(&reports[1]);
    kafka->lifeline = lifeline[1];
    kafka->reports = reports[0];
    if (error != 0) {
        kafka->pid = 0;
        return diag_fail(
            diag, "EMBEDDED_KAFKA", "the embedded Kafka cannot be started: %s", strerror(error));
    }
    return OK;
}

/* ---- hearing
 * -------------------------------------------------------------------------------- */

/* "CLASS\tFILE\tLINE\ttext" */
static enum status hear_error(char *line, struct diag *diag)
{
    char *parts[4] = {line};
    for (size_t i = 1; i < 4; i++) {
        char *tab = strchr(parts[i - 1], '\t');
        if (tab == NULL) {
            return diag_fail(diag, "EMBEDDED_KAFKA", "the embedded Kafka failed: %s", line);
        }
        *tab = '\0';
        parts[i] = tab + 1;
    }
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", parts[1]);
        diag->line = (int)strtol(parts[2], NULL, 10);
    }
    return diag_fail(diag, parts[0], "%s", parts[3]);
}

static enum status hear_line(struct embedded_kafka *kafka, char *line, struct diag *diag)
{
    char *space = strchr(line, ' ');
    char *argument = space == NULL ? line + strlen(line) : space + 1;
    if (space != NULL) {
        *space = '\0';
    }
    if (strcmp(line, "error") == 0) {
        return hear_error(argument, diag);
    }
    if (strcmp(line, "ready") == 0 && kafka->bootstrap == NULL) {
        kafka->bootstrap = heap_alloc(strlen(argument) + 1);
        memcpy(kafka->bootstrap, argument, strlen(argument));
    } else if (strcmp(line, "fed") == 0) {
        kafka->fed = strtoll(argument, NULL, 10);
    }
    return OK;
}

/* The whole lines among what was heard. */
static enum status hear_lines(struct embedded_kafka *kafka, struct diag *diag)
{
    struct buf *heard = &kafka->heard;
    enum status status = OK;
    size_t at = 0;
    uint8_t *newline = NULL;
    while (status == OK && at < heard->size &&
           (newline = memchr(heard->data + at, '\n', heard->size - at)) != NULL) {
        *newline = '\0';
        status = hear_line(kafka, (char *)heard->data + at, diag);
        at = (size_t)(newline - heard->data) + 1;
    }
    if (at > 0) {
        memmove(heard->data, heard->data + at, heard->size - at);
        heard->size -= at;
    }
    return status;
}

static enum status died(struct embedded_kafka *kafka, struct diag *diag)
{
    int how = 0;
    pid_t pid = kafka->pid > 0 ? waitpid(kafka->pid, &how, 0) : 0;
    kafka->pid = 0;
    char text[64] = "";
    if (pid > 0 && WIFSIGNALED(how)) {
        (void)snprintf(text, sizeof text, ", killed by signal %d", WTERMSIG(how));
    } else if (pid > 0 && WIFEXITED(how)) {
        (void)snprintf(text, sizeof text, ", exit code %d", WEXITSTATUS(how));
    }
    return diag_fail(diag,
                     "EMBEDDED_KAFKA",
                     "the embedded Kafka died%s, and its records with it; start the query again: "
                     "the same records are fed again at the same offsets",
                     text);
}

enum status embedded_kafka_poll(struct embedded_kafka *kafka, struct diag *diag)
{
    for (;;) {
        char piece[1024];
        ssize_t got = read(kafka->reports, piece, sizeof piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return OK;
        }
        if (got <= 0) {
            return died(kafka, diag);
        }
        buf_append(&kafka->heard, piece, (size_t)got);
        TRY(hear_lines(kafka, diag));
    }
}

static enum status wait_ready(struct embedded_kafka *kafka, struct diag *diag)
{
    while (kafka->bootstrap == NULL) {
        struct pollfd look = {.fd = kafka->reports, .events = POLLIN};
        int happened = poll(&look, 1, SILENCE_MS);
        if (happened == 0) {
            return diag_fail(diag,
                             "EMBEDDED_KAFKA",
                             "the embedded Kafka has said nothing for %d s",
                             SILENCE_MS / 1000);
        }
        if (happened > 0) {
            TRY(embedded_kafka_poll(kafka, diag));
        }
    }
    return OK;
}

enum status embedded_kafka_start(const struct embedded_kafka_config *config,
                                 struct embedded_kafka **kafka,
                                 struct diag *diag)
{
    require(config->brokers >= 1);
    struct embedded_kafka *made = heap_alloc(sizeof *made);
    made->fed = -1;
    enum status status = start(config, made, diag);
    if (status == OK) {
        status = wait_ready(made, diag);
    }
    if (status != OK) {
        embedded_kafka_stop(made);
        made = NULL;
    }
    *kafka = made;
    return status;
}

const char *embedded_kafka_bootstrap(const struct embedded_kafka *kafka)
{
    return kafka->bootstrap;
}

int embedded_kafka_fd(const struct embedded_kafka *kafka)
{
    return kafka->reports;
}

bool embedded_kafka_fed(const struct embedded_kafka *kafka, int64_t *records)
{
    *records = kafka->fed;
    return kafka->fed >= 0;
}

/* ---- stopping
 * ------------------------------------------------------------------------------- */

/* Wait for its end; false when it has not come within STOP_MS. */
static bool wait_end(pid_t pid)
{
    for (int waited_ms = 0; waited_ms < STOP_MS; waited_ms += 2) {
        pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended != 0 && !(ended < 0 && errno == EINTR)) {
            return true;
        }
        struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

void embedded_kafka_stop(struct embedded_kafka *kafka)
{
    if (kafka == NULL) {
        return;
    }
    close_end(&kafka->lifeline);
    close_end(&kafka->reports);
    if (kafka->pid > 0 && !wait_end(kafka->pid)) {
        (void)kill(kafka->pid, SIGKILL);
        (void)waitpid(kafka->pid, NULL, 0);
    }
    buf_free(&kafka->heard);
    heap_free(kafka->bootstrap);
    heap_free(kafka);
}
