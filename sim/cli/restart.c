/* realpath is XSI. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _XOPEN_SOURCE 700
#include "sim/cli/restart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/cli/inspect.h"

/* ---- ports that change nothing --------------------------------------------------------------- */

static enum status file_open(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    (void)self;
    if (mode != DISK_READ) {
        return ERR_READ_ONLY;
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? OK : errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
}

static enum status
file_read(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    (void)self;
    ssize_t count = pread(fd, data, size, (off_t)at);
    *got = count < 0 ? 0 : (size_t)count;
    return count < 0 ? ERR_IO : OK;
}

static enum status file_size(void *self, disk_fd fd, uint64_t *size)
{
    (void)self;
    struct stat status;
    if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        return ERR_IO;
    }
    *size = (uint64_t)status.st_size;
    return OK;
}

static enum status file_close(void *self, disk_fd fd)
{
    (void)self;
    return close(fd) == 0 ? OK : ERR_IO;
}

static enum status file_list(void *self,
                             const char *directory,
                             struct arena *arena,
                             struct disk_entry **entries,
                             size_t *count)
{
    (void)self;
    struct inspect_entry *found = NULL;
    struct diag diag = {0};
    if (!inspect_is_directory(directory)) {
        return ERR_NOT_FOUND;
    }
    if (inspect_list(arena, directory, &found, count, &diag) != OK) {
        return ERR_IO;
    }
    *entries = arena_alloc(arena, (*count + 1) * sizeof **entries);
    for (size_t i = 0; i < *count; i++) {
        (*entries)[i] = (struct disk_entry){.name = found[i].name,
                                            .directory = found[i].directory,
                                            .size = (uint64_t)found[i].size,
                                            .modified_us = found[i].modified_ms * 1000};
    }
    return OK;
}

/* Nothing depends on what is only looked at. */
static enum status sync_nothing(void *self, disk_fd fd)
{
    (void)self;
    (void)fd;
    return OK;
}

static enum status sync_no_directory(void *self, const char *directory)
{
    (void)self;
    (void)directory;
    return OK;
}

static enum status refuse_write(void *self, disk_fd fd, const void *data, size_t size, size_t *done)
{
    (void)self;
    (void)fd;
    (void)data;
    (void)size;
    *done = 0;
    return ERR_READ_ONLY;
}

static enum status refuse_rename(void *self, const char *from, const char *to, bool no_replace)
{
    (void)self;
    (void)from;
    (void)to;
    (void)no_replace;
    return ERR_READ_ONLY;
}

static enum status refuse_link(void *self, const char *from, const char *to)
{
    return refuse_rename(self, from, to, true);
}

static enum status refuse_path(void *self, const char *path)
{
    (void)self;
    (void)path;
    return ERR_READ_ONLY;
}

static const struct disk_ops read_only = {.open = file_open,
                                          .write = refuse_write,
                                          .read = file_read,
                                          .size = file_size,
                                          .fsync = sync_nothing,
                                          .close = file_close,
                                          .rename = refuse_rename,
                                          .link = refuse_link,
                                          .unlink = refuse_path,
                                          .mkdir = refuse_path,
                                          .rmdir = refuse_path,
                                          .list = file_list,
                                          .fsync_dir = sync_no_directory,
                                          .lock = refuse_path};

static void no_event(void *self, const struct trace_entry *entry)
{
    (void)self;
    (void)entry;
}

static uint64_t no_draw(void *self, const char *label, uint64_t key1, uint64_t key2)
{
    (void)self;
    (void)label;
    return key1 ^ key2; /* of a new id, which cannot be written */
}

static const struct trace_ops no_trace = {.event = no_event};
static const struct random_ops no_random = {.draw = no_draw};

/* ---- asking --------------------------------------------------------------------------------- */

/* What the pipeline would say and the checkpoint knows: the topic, and whether there is state. */
static bool make_plan(struct checkpoint_view *view, bool stateful, struct plan *plan)
{
    static struct aggregation some;
    const struct batch_view *newest = checkpoint_view_batch(view, view->last_offsets);
    char *absolute = realpath(view->path, NULL);
    if (absolute == NULL) {
        return false;
    }
    *plan = (struct plan){.topic = ""};
    options_defaults(&plan->options);
    plan->options.checkpoint_location = arena_strdup(&view->arena, absolute);
    free(absolute);
    plan->aggregation = stateful ? &some : NULL;
    if (newest != NULL && newest->source_count > 0) {
        void *topic = json_object_iter(newest->sources[0]);
        plan->topic = topic == NULL ? "" : json_object_iter_key(topic);
    }
    return true;
}

static void run_recovery(struct checkpoint_view *view, struct plan *plan, struct restart *restart)
{
    struct ports ports = {
        .disk = {.ops = &read_only}, .trace = {.ops = &no_trace}, .random = {.ops = &no_random}};
    struct query query = {.ports = &ports, .plan = plan};
    query.store = store_new(&ports, STORE_DISK);
    query.offsets_log = inspect_path(&view->arena, plan->options.checkpoint_location, "offsets");
    query.commits_log = inspect_path(&view->arena, plan->options.checkpoint_location, "commits");
    restart->asked = true;
    restart->starts = recovery_run(&query, &restart->engine_refusal) == OK;
    if (restart->starts) {
        require(query.next_batch == restart->decision.batch);
        restart->watermark_ms = query.watermark_ms;
    }
    heap_free(query.store);
    arena_free(&query.arena);
}

static void gather(struct checkpoint_view *view, struct recovery_logs *logs)
{
    int64_t *offsets = arena_alloc(&view->arena, (view->batch_count + 1) * sizeof *offsets);
    int64_t *commits = arena_alloc(&view->arena, (view->batch_count + 1) * sizeof *commits);
    logs->offsets.ids = offsets;
    logs->commits.ids = commits;
    for (size_t i = 0; i < view->batch_count; i++) {
        const struct batch_view *batch = &view->batches[i];
        if (batch->has_offsets) {
            offsets[logs->offsets.count++] = batch->batch;
        }
        if (batch->has_commit) {
            commits[logs->commits.count++] = batch->batch;
        }
    }
}

void restart_ask(struct checkpoint_view *view, bool stateful, struct restart *restart)
{
    *restart = (struct restart){.decided = false};
    static struct plan plan; /* large */
    if (!make_plan(view, stateful, &plan)) {
        (void)diag_fail(&restart->refusal, "USAGE", "the directory is gone by now");
        return;
    }
    struct recovery_logs logs = {.checkpoint = view->path,
                                 .retained = plan.options.min_batches_to_retain};
    gather(view, &logs);
    restart->decided = recovery_decide(&logs, &restart->decision, &restart->refusal) == OK;
    if (restart->decided && restart->decision.kind != RECOVERY_NEW) {
        run_recovery(view, &plan, restart);
    }
}
