/* For tests over the checkpoints that real Spark wrote: unpacked into a directory of the test's
 * own, when ../shared is there. */
#ifndef ENGINE_STATE_GOLDEN_WORLD_TEST_H
#define ENGINE_STATE_GOLDEN_WORLD_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

#define GOLDEN_TARBALL "../shared/fixtures/spark-golden-checkpoints.tar.gz"

static char golden_root[64];

/* False: the fixtures are not here. */
static inline bool golden_unpack(void)
{
    char command[256];
    if (access(GOLDEN_TARBALL, R_OK) != 0) {
        return false;
    }
    (void)snprintf(golden_root, sizeof golden_root, "/tmp/aftershock-golden-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(golden_root), NULL));
    (void)snprintf(command, sizeof command, "tar xzf " GOLDEN_TARBALL " -C %s", golden_root);
    cr_assert(eq(int, system(command), 0));
    return true;
}

static inline void golden_remove(void)
{
    char command[256];
    (void)snprintf(command, sizeof command, "rm -rf %s", golden_root);
    cr_assert(eq(int, system(command), 0));
}

/* The whole file, in `arena`; no data: there is none. */
static inline struct bytes golden_file(struct arena *arena, const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return (struct bytes){0};
    }
    (void)fseek(stream, 0, SEEK_END);
    size_t size = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *data = arena_alloc(arena, size + 1);
    cr_assert(eq(sz, fread(data, 1, size, stream), size));
    (void)fclose(stream);
    return bytes_of(data, size);
}

#endif
