#include "reports/record.h"

#include <inttypes.h>

static void put_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "  \"%s\": ", name);
    buf_json_string(out, bytes_of_text(value));
    buf_text(out, ",\n");
}

/* The events are JSON objects on lines of their own already. */
static void put_events(struct buf *out, struct bytes lines)
{
    buf_text(out, "  \"last_events\": [");
    const char *separator = "\n    ";
    size_t start = 0;
    for (size_t i = 0; i < lines.size; i++) {
        if (lines.data[i] == '\n') {
            buf_text(out, separator);
            buf_append(out, lines.data + start, i - start);
            separator = ",\n    ";
            start = i + 1;
        }
    }
    buf_text(out, "\n  ]\n");
}

void record_json(const struct failure_record *record, struct buf *out)
{
    const struct run_result *result = record->result;
    buf_text(out, "{\n");
    put_member(out, "commit", record->commit);
    put_member(out, "arguments", record->arguments);
    put_member(out, "scenario", record->scenario->file);
    buf_printf(out, "  \"seed\": %" PRIu64 ",\n", result->seed);
    buf_printf(out, "  \"trace\": \"%016" PRIx64 "\",\n", result->trace_hash);
    put_member(out, "outcome", outcome_name(result->outcome));
    put_member(out, "failed_check", result->failed_check);
    put_member(out, "evidence", result->evidence);
    buf_printf(out, "  \"resolved\": %s,\n", record->scenario->resolved);
    put_events(out, record->last_events);
    buf_text(out, "}\n");
}
