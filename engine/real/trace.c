/* The trace port for real. A line is one write(2) to a file opened for appending, so that the lines
 * of several processes in one file do not mix. A line that cannot be written is lost: a trace is no
 * reason to stop a query. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/real/real_ports.h"

struct real_trace {
    const struct real_config *config;
    int fd; /* -1: off */
    uint64_t count;
    struct buf line;
};

static void write_line(struct real_trace *trace, const struct trace_entry *entry)
{
    char time[40];
    struct buf *line = &trace->line;
    timestamp_format(real_wall_us(), 6, time);
    buf_clear(line);
    buf_printf(line, "{\"index\":%" PRIu64 ",\"time\":\"%s\",\"process\":", trace->count, time);
    buf_json_string(line, bytes_of_text(trace->config->name));
    buf_printf(line,
               ",\"incarnation\":%" PRIu32 ",\"event\":\"%s\"",
               trace->config->incarnation,
               engine_event_name((enum engine_event)entry->kind));
    if (entry->batch >= 0) {
        buf_printf(line, ",\"batch\":%" PRId64, entry->batch);
    }
    buf_printf(line,
               ",\"a\":%" PRId64 ",\"b\":%" PRId64 ",\"c\":%" PRId64 ",\"text\":",
               entry->a,
               entry->b,
               entry->c);
    buf_json_string(line, bytes_of_text(entry->text == NULL ? "" : entry->text));
    buf_text(line, "}\n");
    ssize_t written = write(trace->fd, line->data, line->size);
    maybe(written == (ssize_t)line->size);
}

static void event(void *self, const struct trace_entry *entry)
{
    struct real_trace *trace = self;
    if (trace->fd >= 0) {
        write_line(trace, entry);
        trace->count++;
    }
    if (trace->config->told != NULL) {
        trace->config->told(trace->config->told_context, entry);
    }
}

enum status
real_trace_new(const struct real_config *config, struct real_trace **trace, struct diag *diag)
{
    int fd = -1;
    if (config->trace_file != NULL) {
        fd = open(config->trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0) {
            return diag_fail(diag,
                             "INVALID_ARGUMENT",
                             "the trace file %s cannot be written: %s",
                             config->trace_file,
                             strerror(errno));
        }
    }
    *trace = heap_alloc(sizeof **trace);
    (*trace)->config = config;
    (*trace)->fd = fd;
    return OK;
}

void real_trace_free(struct real_trace *trace)
{
    if (trace->fd >= 0) {
        (void)close(trace->fd);
    }
    buf_free(&trace->line);
    heap_free(trace);
}

struct trace_port real_trace_port(struct real_trace *trace)
{
    static const struct trace_ops ops = {.event = event};
    return (struct trace_port){.ops = &ops, .self = trace};
}
