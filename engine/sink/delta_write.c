/* The task's side of the sink: rows to one data file under a name that nobody else has. */
#include <inttypes.h>

#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "engine/sink/delta_sink.h"
#include "engine/sink/delta_stats.h"
#include "engine/sink/parquet.h"

static void spend(const struct ports *ports, const struct columns *rows)
{
    for (size_t from = 0; from < rows->rows; from += SPEND_ROWS_MAX) {
        size_t left = rows->rows - from;
        size_t until = from + (left < SPEND_ROWS_MAX ? left : SPEND_ROWS_MAX);
        clock_spend(&ports->clock, (int64_t)(until - from), delta_rows_bytes(rows, from, until));
    }
}

/* The time is part of the draw: should the keys ever come again in one process (a restarted driver
 * that counts its sessions anew), the name still must not, or the twin's file would be taken for
 * this one's. */
static const char *file_name(const struct delta_output *output, struct arena *arena)
{
    char uuid[UUID_TEXT_SIZE];
    uint64_t now = (uint64_t)clock_now_us(&output->ports->clock);
    random_uuid(&output->ports->random,
                "delta.file",
                output->name_keys[0],
                hash_chain(output->name_keys[1], now),
                uuid);
    return arena_printf(arena, "part-%05" PRId64 "-%s-c000.snappy.parquet", output->task, uuid);
}

static const char *stats_text(const struct columns *rows, struct arena *arena)
{
    struct buf stats = {0};
    delta_stats_json(rows, &stats);
    const char *text = arena_copy(arena, stats.data, stats.size);
    buf_free(&stats);
    return text;
}

enum status delta_write_file(const struct delta_output *output,
                             struct arena *arena,
                             struct delta_file *file,
                             struct diag *diag)
{
    const struct columns *rows = output->rows;
    *file = (struct delta_file){.stats = ""};
    if (rows->rows == 0) {
        return OK;
    }
    spend(output->ports, rows);
    struct buf content = {0};
    parquet_write(rows, PARQUET_SNAPPY, &content);
    file->size = content.size;
    file->content_hash = hash_bytes(content.data, content.size);
    file->rows = (int64_t)rows->rows;
    file->rows_hash = delta_rows_hash(rows);
    file->stats = stats_text(rows, arena);

    const char *name = file_name(output, arena);
    const char *path = store_path(arena, output->table, name);
    enum status status = store_put_unique(output->store, path, buf_bytes(&content));
    buf_free(&content);
    if (status != OK) {
        (void)diag_fail(diag,
                        "TASK_WRITE_FAILED",
                        "Task %" PRId64 " could not write its data file %s: %s.",
                        output->task,
                        path,
                        status_text(status));
        return status;
    }
    file->path = name;
    file->modified_ms = clock_now_us(&output->ports->clock) / US_PER_MS;
    return OK;
}
