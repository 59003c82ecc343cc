#include "engine/state/state_file.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/state/lz4_block.h"

enum { END_OF_FILE = -1, REMOVED = -1, VALUE_ALIGNMENT = 8 };

/* ---- writing -------------------------------------------------------------------------------- */

void state_file_record(struct buf *records, struct bytes key, struct bytes value)
{
    require(key.size <= INT32_MAX);
    require(value.size <= INT32_MAX);
    buf_be32(records, (uint32_t)key.size);
    buf_append(records, key.data, key.size);
    if (value.data == NULL) {
        buf_be32(records, (uint32_t)REMOVED);
        return;
    }
    buf_be32(records, (uint32_t)value.size);
    buf_append(records, value.data, value.size);
}

void state_file_finish(struct buf *records, struct buf *out)
{
    buf_be32(records, (uint32_t)END_OF_FILE);
    lz4_block_encode(buf_bytes(records), out);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What stands at the start of a file that another codec wrote
 * (spark.sql.streaming.stateStore.compression.codec). */
static const struct {
    const char *magic;
    size_t size;
    const char *what;
} codecs[] = {
    {"\x28\xb5\x2f\xfd", 4, "it is compressed with zstd; only lz4 can be read"},
    {"\x82SNAPPY", 7, "it is compressed with snappy; only lz4 can be read"},
    {"ZV", 2, "it is compressed with lzf; only lz4 can be read"},
    {"\x04\x22\x4d\x18", 4, "it is an LZ4 frame; Spark writes LZ4Block streams"},
};

static const char *container_fault(struct bytes file)
{
    if (file.size == 0) {
        return "it is empty";
    }
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (file.size >= codecs[i].size &&
            memcmp(file.data, codecs[i].magic, codecs[i].size) == 0) {
            return codecs[i].what;
        }
    }
    if (file.size < 8 || memcmp(file.data, "LZ4Block", 8) != 0) {
        return "it does not begin as an LZ4Block stream does";
    }
    return "an LZ4 block is cut short or its checksum is wrong";
}

enum status
state_file_content(struct bytes file, struct arena *arena, struct bytes *content, const char **what)
{
    *what = NULL;
    if (lz4_block_decode(file, arena, content) != OK) {
        *what = container_fault(file);
        return ERR_CORRUPT;
    }
    return OK;
}

const char *state_file_take(struct cursor *cursor, struct state_file_pair *pair)
{
    *pair = (struct state_file_pair){0};
    int32_t key_size = (int32_t)cursor_be32(cursor);
    if (cursor->failed) {
        return "the end marker is missing";
    }
    pair->end = key_size == END_OF_FILE;
    if (pair->end) {
        return NULL;
    }
    if (key_size < 0) {
        return "the size of a key is negative";
    }
    pair->key = cursor_take(cursor, (uint64_t)key_size);
    int32_t value_size = (int32_t)cursor_be32(cursor);
    if (cursor->failed) {
        return "a key is longer than the file";
    }
    if (value_size == REMOVED) {
        return NULL;
    }
    if (value_size < 0) {
        return "the size of a value is negative";
    }
    pair->value = cursor_take(cursor, (uint64_t)value_size);
    return cursor->failed ? "a value is longer than the file" : NULL;
}

static const char *
take_row(enum state_file_kind kind, struct cursor *cursor, struct state_file_pair *row)
{
    const char *what = state_file_take(cursor, row);
    if (what != NULL || row->end) {
        return what;
    }
    if (row->value.data == NULL && kind == STATE_SNAPSHOT) {
        return "the size of a value is negative";
    }
    /* Spark before 2.3 wrote stray bytes behind a row, whose size is a multiple of 8. */
    row->value.size -= row->value.size % VALUE_ALIGNMENT;
    return NULL;
}

enum status state_file_read(enum state_file_kind kind,
                            struct bytes file,
                            struct arena *arena,
                            state_record_fn record,
                            void *context,
                            const char **what)
{
    struct bytes content = {0};
    require(!state_file_of_rocksdb(kind));
    TRY(state_file_content(file, arena, &content, what));
    struct cursor cursor = cursor_of(content);
    while (true) {
        struct state_file_pair next;
        *what = take_row(kind, &cursor, &next);
        if (*what != NULL) {
            return ERR_CORRUPT;
        }
        if (next.end) {
            return OK; /* what follows is not looked at, as in Spark */
        }
        TRY(record(context, next.key, next.value));
    }
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char *const suffixes[] = {[STATE_DELTA] = ".delta",
                                       [STATE_SNAPSHOT] = ".snapshot",
                                       [STATE_CHANGELOG] = ".changelog",
                                       [STATE_ZIP] = ".zip"};

const char *state_file_path(struct arena *arena,
                            const char *directory,
                            int64_t version,
                            enum state_file_kind kind)
{
    return arena_printf(arena, "%s/%" PRId64 "%s", directory, version, suffixes[kind]);
}

bool state_file_name(const char *name, int64_t *version, enum state_file_kind *kind)
{
    int64_t number = 0;
    const char *at = name;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number)) {
            return false;
        }
    }
    if (at == name || name[0] == '0') {
        return false;
    }
    *version = number;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(at, suffixes[i]) == 0) {
            *kind = (enum state_file_kind)i;
            return true;
        }
    }
    return false;
}
