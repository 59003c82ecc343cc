/* What a start does before the engine runs: compile the pipeline, make the directories that it
 * names, take the checkpoint for this driver alone, start executors. Then driver_run, and the same
 * backwards. */
#include "engine/cli/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/cli/stream_internal.h"
#include "engine/driver/driver.h"

#define CLASS     "INVALID_ARGUMENT"
#define LOCK_NAME ".aftershock-lock"

/* How long a driver without a batch may take to hear that it shall stop. */
#define PATIENCE_US (2 * US_PER_SECOND)

enum { OVERRIDES_OWN = 2 };

/* ---- the pipeline */

static enum status read_pipeline(struct stream *stream, struct diag *diag)
{
    const char *path = stream->options->pipeline_file;
    FILE *file = fopen(path, "re");
    struct buf text = {0};
    size_t got = 0;
    if (file == NULL) {
        return diag_fail(diag, CLASS, "%s cannot be read: %s", path, strerror(errno));
    }
    do {
        size_t size = text.size;
        uint8_t *room = buf_extend(&text, BUFSIZ);
        got = fread(room, 1, BUFSIZ, file);
        text.size = size + got;
    } while (got > 0);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    stream->pipeline = bytes_of(arena_copy(&stream->arena, text.data, text.size), text.size);
    buf_free(&text);
    return failed ? diag_fail(diag, CLASS, "%s cannot be read: is it a directory?", path) : OK;
}

/* --set in order, then what this command says itself: the last word wins. */
static void collect_overrides(struct stream *stream)
{
    const struct option_override *sets = stream->options->sets;
    size_t count = 0;
    while (sets[count].name != NULL) {
        count++;
    }
    stream->overrides =
        arena_alloc(&stream->arena, (count + OVERRIDES_OWN + 1) * sizeof *stream->overrides);
    for (size_t i = 0; i < count; i++) {
        bool trigger = strcasecmp(sets[i].name, "processingTime") == 0;
        if (!trigger || !stream->options->once) { /* --once takes the trigger's place */
            stream->overrides[stream->override_count++] = sets[i];
        }
    }
}

static void override(struct stream *stream, const char *name, const char *value)
{
    stream->overrides[stream->override_count++] = (struct option_override){name, value};
}

static enum status compile(struct stream *stream, struct diag *diag)
{
    TRY(read_pipeline(stream, diag));
    collect_overrides(stream);
    return plan_compile(&stream->arena,
                        stream->options->pipeline_file,
                        stream->pipeline,
                        stream->overrides,
                        &stream->plan,
                        diag);
}

/* ---- places */

static enum status
fail_place(const char *what, const char *path, enum status status, struct diag *diag)
{
    return diag_fail(diag, CLASS, "%s %s cannot be made: %s", what, path, status_text(status));
}

/* Every level of `path`. What is there already may be anybody's: only its owner may write to it. */
static enum status
make_directories(struct stream *stream, const char *what, const char *path, struct diag *diag)
{
    const struct disk_port *disk = &stream->process->ports.disk;
    char *level = arena_strdup(&stream->arena, path);
    char *slash = level;
    while (slash != NULL) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        struct disk_entry *ignored = NULL;
        size_t count = 0;
        enum status status = disk_mkdir(disk, level);
        if (status == ERR_READ_ONLY) { /* said of what is there, too */
            bool there = disk_list(disk, level, &stream->arena, &ignored, &count) == OK;
            status = there ? ERR_EXISTS : ERR_READ_ONLY;
        }
        if (status != OK && status != ERR_EXISTS) {
            return fail_place(what, level, status, diag);
        }
        if (slash != NULL) {
            *slash = '/';
        }
    }
    return OK;
}

static enum status lock_checkpoint(struct stream *stream, struct diag *diag)
{
    const char *checkpoint = stream->plan->options.checkpoint_location;
    const char *lock = arena_printf(&stream->arena, "%s/" LOCK_NAME, checkpoint);
    enum status status = disk_lock(&stream->process->ports.disk, lock);
    if (status == ERR_LOCKED) {
        return diag_fail(diag,
                         "CONCURRENT_QUERY",
                         "another driver runs on the checkpoint %s; only one query at a time may "
                         "use it. Stop that one, or give this one a checkpointLocation of its own",
                         checkpoint);
    }
    if (status != OK) {
        return diag_fail(diag,
                         CLASS,
                         "the checkpoint %s cannot be locked: %s (%s)",
                         checkpoint,
                         status_text(status),
                         LOCK_NAME);
    }
    return OK;
}

/* Where executors keep their shuffle blocks: a directory of this query alone, removed in the end.
 */
static enum status choose_local(struct stream *stream, struct diag *diag)
{
    const char *root = stream->options->root == NULL ? "" : stream->options->root;
    const char *given = stream->plan->options.local_dir;
    const char *session = strrchr(stream->session.path, '/') + 1;
    if (given == NULL && root[0] == '\0') {
        (void)snprintf(stream->local, sizeof stream->local, "%s/local", stream->session.path);
    } else {
        int size = snprintf(stream->local,
                            sizeof stream->local,
                            "%s/%s",
                            given == NULL ? "/local" : given,
                            session);
        if (size < 0 || (size_t)size >= sizeof stream->local) {
            return diag_fail(
                diag, CLASS, "spark.local.dir is too long for a path: %.60s...", given);
        }
    }
    (void)snprintf(stream->local_path, sizeof stream->local_path, "%s%s", root, stream->local);
    remove_tree(stream->local_path); /* of a driver that was killed */
    return make_directories(stream, "the directory for shuffle blocks", stream->local, diag);
}

/* Roots and object stores are named by people; paths below them must fit, too. */
static enum status check_lengths(const struct stream_options *options, struct diag *diag)
{
    const char *const places[] = {options->root, options->objects};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] != NULL && strlen(places[i]) > STREAM_PLACE_MAX) {
            return diag_fail(diag,
                             CLASS,
                             "%.60s... is longer than %d bytes: choose a shorter path",
                             places[i],
                             STREAM_PLACE_MAX);
        }
    }
    return OK;
}

const char *stream_base(const struct stream_options *options)
{
    if (options->objects != NULL) {
        return options->objects;
    }
    return options->root == NULL ? "" : options->root;
}

static enum status make_bases(const struct stream_options *options, struct diag *diag)
{
    enum status status = OK;
    if (options->objects != NULL) {
        status = make_path(options->objects, diag);
    }
    if (status == OK && options->root != NULL) {
        status = make_path(options->root, diag);
    }
    return status;
}

/* Of plain files; in an object store directories are nothing. */
static enum status take_files(struct stream *stream, struct diag *diag)
{
    const char *checkpoint = stream->plan->options.checkpoint_location;
    TRY(make_directories(stream, "the checkpoint", checkpoint, diag));
    TRY(make_directories(stream, "the table", stream->plan->table, diag));
    return lock_checkpoint(stream, diag);
}

static enum status take_places(struct stream *stream, struct diag *diag)
{
    const char *base = stream_base(stream->options);
    const char *checkpoint = stream->plan->options.checkpoint_location;
    TRY(make_bases(stream->options, diag));
    TRY(session_open(&stream->session, base, checkpoint, diag));
    stream->session_held = true;
    TRY(stream->options->objects == NULL
            ? take_files(stream, diag)
            : session_hold_store(&stream->session, base, checkpoint, diag));
    return choose_local(stream, diag);
}

/* When nothing of this process uses them any more. */
static void leave_places(struct stream *stream)
{
    if (stream->local_path[0] != '\0') {
        remove_tree(stream->local_path);
    }
    if (stream->session_held) {
        session_close(&stream->session);
    }
}

/* ---- signals */

/* A driver that waits for Kafka does not hear of a wish to stop. When it has no batch to finish,
 * there is nothing to wait for: it ends here, as a crash would end it, and nothing is lost. */
static void stop_without_batch(void *argument)
{
    struct stream *stream = argument;
    int64_t until_us = real_wall_us() + PATIENCE_US;
    while (real_wall_us() < until_us || stream->batch_runs) {
        bool woken = loop_park(stream->process->loop, real_wall_us() + PATIENCE_US);
        maybe(woken);
    }
    leave_places(stream);
    _exit(0);
}

static void heard(void *context, int number)
{
    struct stream *stream = context;
    if (number == SIGCHLD) {
        if (stream->supervisor != NULL) {
            real_supervisor_child_died(stream->supervisor);
        }
        return;
    }
    if (stream->asked_to_stop) {
        (void)kill(getpid(), SIGKILL); /* asked twice: at once, as a crash */
    }
    stream->asked_to_stop = true;
    stream->stop_requested = true;
    stream->options->say(stream->batch_runs ? "stopping: the running batch is finished first; once "
                                              "more to stop at once"
                                            : "stopping");
    (void)loop_spawn(stream->process->loop, stop_without_batch, stream);
}

static void told_by_supervisor(void *context, const char *sentence)
{
    const struct stream *stream = context;
    stream->options->say(sentence);
}

/* ---- the run */

static enum status run_driver(struct stream *stream, struct diag *diag)
{
    char address[128];
    const char *empty = "";
    const struct stream_options *options = stream->options;
    bool fits = session_address(stream->session.path, STREAM_EXECUTORS_MAX, address) &&
                session_address(stream->session.path, 0, address);
    require(fits); /* session_open made room */
    const struct supervisor_config supervisor = {
        .loop = stream->process->loop,
        .executors = options->executors,
        .session = stream->session.path,
        .local = stream->local,
        .root = options->root == NULL ? empty : options->root,
        .objects = options->objects == NULL ? empty : options->objects,
        .trace_file = options->trace_file == NULL ? empty : options->trace_file,
        .told = told_by_supervisor,
        .told_context = stream,
    };
    const struct driver_config config = {
        .ports = &stream->process->ports,
        .pipeline_file = options->pipeline_file,
        .pipeline = stream->pipeline,
        .overrides = stream->overrides,
        .storage = options->objects == NULL ? STORE_DISK : STORE_OBJECTS,
        .address = address,
        .progress = stream_progress,
        .progress_context = stream,
        .resumed = stream_resumed,
        .resumed_context = stream,
        .stop_requested = &stream->stop_requested,
    };
    stream->supervisor = real_supervisor_new(&supervisor);
    enum driver_end end = driver_run(&config, diag);
    real_supervisor_stop(stream->supervisor);
    real_supervisor_free(stream->supervisor);
    stream->supervisor = NULL;
    return end == DRIVER_ERROR ? ERR_FAILED : OK;
}

/* An embedded Kafka has a say in what the query is told. */
static enum status find_kafka(struct stream *stream, struct diag *diag)
{
    TRY(stream_feed_start(stream, diag));
    if (stream->kafka != NULL) {
        override(stream, "kafka.bootstrap.servers", embedded_kafka_bootstrap(stream->kafka));
    }
    stream->stop_when_fed = stream->options->once && stream_feed_waits(stream);
    if (stream->stop_when_fed) {
        override(stream, "processingTime", "0s"); /* as availableNow: without a pause */
    } else if (stream->options->once) {
        override(stream, "availableNow", "true");
    }
    return OK;
}

static void entry(void *argument)
{
    struct stream *stream = argument;
    struct diag *diag = stream->diag;
    struct signals signals;
    stream->end = STREAM_REFUSED;
    if (take_places(stream, diag) == OK && find_kafka(stream, diag) == OK) {
        signals_hear(&signals, stream->process->loop, heard, stream);
        bool fine = run_driver(stream, diag) == OK && !diag->set;
        stream->end = fine ? STREAM_DONE : STREAM_FAILED;
        signals_forget(&signals);
    }
    stream_feed_stop(stream);
}

static enum status open_all(struct stream *stream, struct diag *diag)
{
    const struct stream_options *options = stream->options;
    const struct real_config config = {
        .role = ROLE_DRIVER,
        .name = "driver",
        .root = options->root,
        .objects = options->objects,
        .trace_file = options->trace_file,
        .told = stream_told,
        .told_context = stream,
    };
    TRY(check_lengths(options, diag));
    TRY(compile(stream, diag));
    if (options->progress_file != NULL) {
        stream->progress = fopen(options->progress_file, "ae");
        if (stream->progress == NULL) {
            return diag_fail(diag,
                             CLASS,
                             "the progress file %s cannot be written: %s",
                             options->progress_file,
                             strerror(errno));
        }
    }
    return real_process_new(&config, &stream->process, diag);
}

enum stream_end stream_run(const struct stream_options *options, struct diag *diag)
{
    require(options->executors > 0);
    require(options->executors <= STREAM_EXECUTORS_MAX);
    struct stream *stream = heap_alloc(sizeof *stream);
    stream->options = options;
    stream->diag = diag;
    stream->last_batch = -1;
    stream->end = STREAM_REFUSED;
    if (open_all(stream, diag) == OK) {
        struct arena compiled = stream->arena; /* the host's: the process has memory of its own */
        stream->arena = (struct arena){0};
        real_process_run(stream->process, entry, stream);
        arena_free(&stream->arena);
        real_process_free(stream->process);
        stream->arena = compiled;
        leave_places(stream);
    }
    if (stream->progress != NULL) {
        (void)fclose(stream->progress);
    }
    enum stream_end end = stream->end;
    arena_free(&stream->arena);
    heap_free(stream);
    return end;
}
