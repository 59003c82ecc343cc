#include "engine/sink/parquet.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/sink/parquet_format.h"

void parquet_write_as(const struct columns *columns,
                      const struct parquet_options *options,
                      struct buf *out)
{
    require(columns->schema->count > 0);
    require(columns->rows <= INT32_MAX);
    size_t start = out->size;
    struct parquet_chunk *chunks = heap_alloc(columns->schema->count * sizeof *chunks);
    buf_text(out, "PAR1");
    for (size_t i = 0; columns->rows > 0 && i < columns->schema->count; i++) {
        const struct column *column = &columns->columns[i];
        require(column->type == columns->schema->fields[i].type);
        unsigned depth = columns->schema->fields[i].parent == NULL ? 1 : 2;
        parquet_write_chunk(column, columns->rows, depth, options->codec, out, &chunks[i]);
        chunks[i].offset -= start;
        parquet_statistics_of(column, columns->rows, &chunks[i].statistics);
    }
    parquet_write_footer(columns, options, chunks, out);
    heap_free(chunks);
}

void parquet_write(const struct columns *columns, enum parquet_codec codec, struct buf *out)
{
    const struct parquet_options options = {
        .codec = codec,
        .created_by = "aftershock version 0.1.0 (build 0)",
    };
    parquet_write_as(columns, &options, out);
}
