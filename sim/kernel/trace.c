#include "sim/kernel/trace.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

enum { TEXT_ROUND = 64 };

struct kept {
    struct trace_record record; /* its text points at `text` */
    char *text;
    size_t capacity;
};

struct trace {
    uint64_t hash;
    uint64_t count;
    uint64_t *rungs;
    size_t rung_count;
    size_t rung_capacity;
    struct kept kept[TRACE_KEPT]; /* event i stands at i % TRACE_KEPT */
};

struct trace *trace_new(void)
{
    return heap_alloc(sizeof(struct trace));
}

void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < TRACE_KEPT; i++) {
        heap_free(trace->kept[i].text);
    }
    heap_free(trace->rungs);
    heap_free(trace);
}

static void keep(struct trace *trace, const struct trace_record *record)
{
    struct kept *kept = &trace->kept[trace->count % TRACE_KEPT];
    size_t size = strlen(record->text) + 1;
    if (kept->capacity < size) {
        kept->capacity = (size + TEXT_ROUND - 1) / TEXT_ROUND * TEXT_ROUND;
        heap_free(kept->text);
        kept->text = heap_alloc(kept->capacity);
    }
    memcpy(kept->text, record->text, size);
    kept->record = *record;
    kept->record.text = kept->text;
}

static void add_rung(struct trace *trace)
{
    if (trace->rung_count == trace->rung_capacity) {
        trace->rung_capacity = trace->rung_capacity == 0 ? 16 : trace->rung_capacity * 2;
        trace->rungs = heap_realloc(trace->rungs, trace->rung_capacity * sizeof *trace->rungs);
    }
    trace->rungs[trace->rung_count++] = trace->hash;
}

void trace_append(struct trace *trace, const struct trace_record *record)
{
    require(record->index == trace->count);
    require(record->text != NULL);
    require(record->process_name != NULL);
    /* A fault's place in the script is the file's, not the world's: it shifts when an earlier line
     * is removed, and nothing has happened otherwise. */
    int64_t a = record->kind == (int)WORLD_FAULT ? 0 : record->a;
    uint64_t who = (uint64_t)record->process << 32 | record->incarnation;
    uint64_t hash = hash_chain(trace->hash, (uint64_t)record->time_us);
    hash = hash_chain(hash, who);
    hash = hash_chain(hash, (uint64_t)record->kind);
    hash = hash_chain(hash, (uint64_t)record->batch);
    hash = hash_chain(hash, (uint64_t)a);
    hash = hash_chain(hash, (uint64_t)record->b);
    hash = hash_chain(hash, (uint64_t)record->c);
    trace->hash = hash_chain(hash, hash_text(record->text));
    keep(trace, record);
    trace->count++;
    if (trace->count % TRACE_RUNG == 0) {
        add_rung(trace);
    }
}

uint64_t trace_hash(const struct trace *trace)
{
    return trace->hash;
}

uint64_t trace_count(const struct trace *trace)
{
    return trace->count;
}

const uint64_t *trace_ladder(const struct trace *trace, size_t *count)
{
    *count = trace->rung_count;
    return trace->rungs;
}

size_t trace_kept(const struct trace *trace)
{
    return trace->count < TRACE_KEPT ? (size_t)trace->count : TRACE_KEPT;
}

const struct trace_record *trace_last(const struct trace *trace, size_t i)
{
    size_t kept = trace_kept(trace);
    require(i < kept);
    return &trace->kept[(trace->count - kept + i) % TRACE_KEPT].record;
}

const char *trace_kind_name(int kind)
{
    static const char *const names[] = {
#define X(id, name, fields) [(id)-WORLD_EVENT_BASE] = (name),
        WORLD_EVENT_TABLE(X)
#undef X
    };
    if (kind >= 0 && kind < (int)ENGINE_EVENT_COUNT) {
        return engine_event_name((enum engine_event)kind);
    }
    require(kind > WORLD_EVENT_BASE);
    require(kind < WORLD_EVENT_END);
    return names[kind - WORLD_EVENT_BASE];
}

void trace_json(const struct trace_record *record, struct buf *out)
{
    char time[40];
    timestamp_format(record->time_us, 6, time);
    buf_printf(out, "{\"index\":%" PRIu64 ",\"time\":\"%s\",\"process\":", record->index, time);
    buf_json_string(out, bytes_of_text(record->process_name));
    if (record->process != 0) {
        buf_printf(out, ",\"incarnation\":%" PRIu32, record->incarnation);
    }
    buf_text(out, ",\"event\":");
    buf_json_string(out, bytes_of_text(trace_kind_name(record->kind)));
    if (record->batch >= 0) {
        buf_printf(out, ",\"batch\":%" PRId64, record->batch);
    }
    buf_printf(out,
               ",\"a\":%" PRId64 ",\"b\":%" PRId64 ",\"c\":%" PRId64 ",\"text\":",
               record->a,
               record->b,
               record->c);
    buf_json_string(out, bytes_of_text(record->text));
    buf_text(out, "}\n");
}
