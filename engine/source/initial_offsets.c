#include "engine/source/initial_offsets.h"

#include <stdio.h>

static const char version_line[] = "v1\n";

void initial_offsets_encode(const struct offsets *offsets, struct buf *out)
{
    buf_byte(out, 0);
    buf_text(out, version_line);
    offsets_json(offsets, out);
}

enum status initial_offsets_decode(struct arena *arena,
                                   const char *path,
                                   struct bytes content,
                                   struct offsets *offsets,
                                   struct diag *diag)
{
    (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    if (content.size < 2) {
        return diag_fail(diag,
                         "CORRUPT_OFFSETS",
                         "the file of initial Kafka offsets is incomplete: %zu bytes. Restore it "
                         "from a copy; without it nobody knows where the query began.",
                         content.size);
    }
    struct bytes text = bytes_of(content.data + 1, content.size - 1);
    size_t line = sizeof version_line - 1;
    if (text.data[0] == 'v') {
        if (text.size < line || memcmp(text.data, version_line, line) != 0) {
            return diag_fail(diag,
                             "CORRUPT_OFFSETS",
                             "the file of initial Kafka offsets begins with an unsupported version "
                             "line; the only known one is v1");
        }
        text = bytes_of(text.data + line, text.size - line);
    }
    TRY(offsets_parse(arena, text, offsets, diag));
    diag->file[0] = '\0';
    return OK;
}
