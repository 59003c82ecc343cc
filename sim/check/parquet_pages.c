#include "sim/check/parquet_pages.h"

#include <string.h>
#include <zlib.h>

#include "engine/base/buf.h"
#include "engine/base/units.h"
#include "sim/check/parquet_encoding.h"
#include "sim/check/thrift_reader.h"

enum { PAGE_DATA = 0, PAGE_INDEX = 1, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 };
enum {
    ENCODING_PLAIN = 0,
    ENCODING_PLAIN_DICTIONARY = 2,
    ENCODING_RLE = 3,
    ENCODING_RLE_DICTIONARY = 8
};

struct page {
    int64_t type;
    int64_t size; /* of the body as it was before compression */
    int64_t stored_size;
    bool has_crc;
    uint32_t crc;
    int64_t values; /* nulls included */
    int64_t encoding;
    int64_t def_encoding;
    int64_t rep_encoding;
    bool plain;       /* v2: the values are not compressed, whatever the codec */
    int64_t def_size; /* v2 */
    int64_t rep_size;
};

/* ---- page headers --------------------------------------------------------------------------- */

/* DataPageHeader, DictionaryPageHeader, DataPageHeaderV2: their integers by field id. */
static void read_integers(struct cursor *cursor, int64_t *const *integers, int count, bool *plain)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id < count && integers[fields.id] != NULL) {
            *integers[fields.id] = compact_integer(&fields);
        } else if (fields.type == COMPACT_FALSE && plain != NULL && fields.id == 7) {
            *plain = true; /* is_compressed */
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_kind(struct cursor *cursor, int16_t id, struct page *page)
{
    int64_t *const data[] = {
        NULL, &page->values, &page->encoding, &page->def_encoding, &page->rep_encoding};
    int64_t *const dictionary[] = {NULL, &page->values, &page->encoding};
    int64_t *const data_v2[] = {
        NULL, &page->values, NULL, NULL, &page->encoding, &page->def_size, &page->rep_size};
    if (id == 5) {
        read_integers(cursor, data, 5, NULL);
    } else if (id == 7) {
        read_integers(cursor, dictionary, 3, NULL);
    } else {
        read_integers(cursor, data_v2, 7, &page->plain);
    }
}

static const char *read_header(struct cursor *cursor, struct page *page)
{
    *page = (struct page){.type = -1,
                          .size = -1,
                          .stored_size = -1,
                          .values = -1,
                          .encoding = -1,
                          .def_encoding = ENCODING_RLE};
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        int64_t *const integers[] = {NULL, &page->type, &page->size, &page->stored_size};
        bool kind = fields.id == 5 || fields.id == 7 || fields.id == 8;
        if (fields.id >= 1 && fields.id <= 3) {
            *integers[fields.id] = compact_integer(&fields);
        } else if (fields.id == 4) {
            page->has_crc = true;
            page->crc = (uint32_t)compact_integer(&fields);
        } else if (kind && fields.type == COMPACT_STRUCT) {
            read_kind(cursor, fields.id, page);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    if (cursor->failed || page->size < 0 || page->size > PARQUET_PAGE_SIZE_MAX ||
        page->stored_size < 0) {
        return "a page header is cut or has a bad size";
    }
    return NULL;
}

/* What the sink of this project writes, and what the checks hold it to. */
static const char *check_strict(const struct page *page)
{
    if (page->type != PAGE_DATA || page->encoding != ENCODING_PLAIN ||
        page->def_encoding != ENCODING_RLE) {
        return "a page is no data page v1 with PLAIN values and RLE levels";
    }
    return page->has_crc ? NULL : "a page without a checksum";
}

/* ---- levels -----------------------------------------------------------------------------------
 */

/* One level an entry, none above `most`. */
static const char *read_levels(struct bytes bytes, uint8_t most, size_t count, uint32_t *levels)
{
    unsigned width = 0;
    while (most >> width != 0) {
        width++;
    }
    struct cursor runs = cursor_of(bytes);
    bool fine = most == 0 || parquet_hybrid(&runs, width, levels, count);
    for (size_t i = 0; i < count && fine && most > 0; i++) {
        fine = levels[i] <= most;
    }
    return fine ? NULL : "the levels of a page are broken";
}

/* ---- values --------------------------------------------------------------------------------- */

/* Nanoseconds of a Julian day; what Spark wrote as a timestamp for many years. */
static int64_t read_int96(struct cursor *cursor)
{
    static const int64_t epoch = 2440588;
    int64_t nanos = (int64_t)cursor_le64(cursor);
    int64_t day = (int32_t)cursor_le32(cursor);
    uint64_t us = (uint64_t)(day - epoch) * (uint64_t)US_PER_DAY + (uint64_t)(nanos / 1000);
    return (int64_t)us;
}

static int64_t to_microseconds(int64_t number, int64_t unit)
{
    if (unit == UNIT_MILLIS) {
        return (int64_t)((uint64_t)number * (uint64_t)US_PER_MS);
    }
    if (unit == UNIT_NANOS) {
        return number / 1000 - (number % 1000 < 0 ? 1 : 0);
    }
    return number;
}

static void
read_plain(struct cursor *cursor, const struct parquet_element *leaf, struct value *value)
{
    uint32_t bits = 0;
    float real = 0;
    switch (leaf->physical) {
    case PHYSICAL_INT32:
        value->as.number = (int32_t)cursor_le32(cursor);
        break;
    case PHYSICAL_INT64:
        value->as.number = to_microseconds((int64_t)cursor_le64(cursor), leaf->unit);
        break;
    case PHYSICAL_INT96:
        value->as.number = read_int96(cursor);
        break;
    case PHYSICAL_FLOAT:
        bits = cursor_le32(cursor);
        memcpy(&real, &bits, sizeof real);
        value->as.real = (double)real;
        break;
    case PHYSICAL_DOUBLE:
        value->as.real = cursor_double(cursor);
        break;
    case PHYSICAL_FIXED:
        value->as.text = cursor_take(cursor, (uint64_t)leaf->size);
        break;
    default:
        value->as.text = cursor_take(cursor, cursor_le32(cursor));
    }
}

static bool is_there(const struct parquet_pages *pages, size_t entry)
{
    return pages->defs[entry] == pages->leaf->def;
}

static bool read_bits(struct cursor *cursor, struct parquet_pages *pages)
{
    size_t bit = 0;
    uint8_t byte = 0;
    for (size_t i = 0; i < pages->count; i++) {
        if (is_there(pages, i)) {
            byte = bit % 8 == 0 ? cursor_byte(cursor) : byte;
            pages->values[i].as.boolean = (byte >> (bit % 8) & 1) != 0;
            bit++;
        }
    }
    return !cursor->failed && cursor_left(cursor) == 0;
}

/* Numbers of the values that are there: dictionary indices, or RLE booleans. */
static bool read_numbers(struct cursor *cursor,
                         unsigned width,
                         struct parquet_pages *pages,
                         struct arena *arena)
{
    size_t there = 0;
    for (size_t i = 0; i < pages->count; i++) {
        there += is_there(pages, i);
    }
    uint32_t *numbers = arena_alloc(arena, (there + 1) * sizeof *numbers);
    if (there > 0 && (width > 32 || !parquet_hybrid(cursor, width, numbers, there))) {
        return false;
    }
    bool boolean = pages->leaf->physical == PHYSICAL_BOOLEAN && pages->dictionary == NULL;
    size_t at = 0;
    for (size_t i = 0; i < pages->count; i++) {
        if (!is_there(pages, i)) {
            continue;
        }
        uint32_t number = numbers[at++];
        if (boolean) {
            pages->values[i].as.boolean = number != 0;
        } else if (number >= pages->dictionary_count) {
            return false;
        } else {
            pages->values[i] = pages->dictionary[number];
        }
    }
    return true;
}

static const char *
read_values(struct parquet_pages *pages, int64_t encoding, struct bytes body, struct arena *arena)
{
    static const char *const names[] = {[4] = "BIT_PACKED",
                                        [5] = "DELTA_BINARY_PACKED",
                                        [6] = "DELTA_LENGTH_BYTE_ARRAY",
                                        [7] = "DELTA_BYTE_ARRAY",
                                        [9] = "BYTE_STREAM_SPLIT"};
    struct cursor cursor = cursor_of(body);
    bool boolean = pages->leaf->physical == PHYSICAL_BOOLEAN;
    bool fine = false;
    if (encoding == ENCODING_PLAIN && boolean) {
        fine = read_bits(&cursor, pages);
    } else if (encoding == ENCODING_PLAIN) {
        for (size_t i = 0; i < pages->count && !cursor.failed; i++) {
            if (is_there(pages, i)) {
                read_plain(&cursor, pages->leaf, &pages->values[i]);
            }
        }
        fine = !cursor.failed && cursor_left(&cursor) == 0;
    } else if (encoding == ENCODING_RLE && boolean) {
        uint32_t size = cursor_le32(&cursor);
        fine = size == cursor_left(&cursor) && read_numbers(&cursor, 1, pages, arena);
    } else if (encoding == ENCODING_PLAIN_DICTIONARY || encoding == ENCODING_RLE_DICTIONARY) {
        unsigned width = body.size == 0 ? 0 : cursor_byte(&cursor);
        if (pages->dictionary == NULL) {
            return "a page refers to a dictionary that is not there";
        }
        fine = read_numbers(&cursor, width, pages, arena);
    } else {
        bool named = encoding >= 4 && encoding <= 9 && names[encoding] != NULL;
        return arena_printf(
            arena,
            "a page has values in the encoding %s; this reader knows PLAIN, RLE and "
            "dictionaries",
            named ? names[encoding] : "of an unknown number");
    }
    return fine ? NULL : "a page has fewer or more values than it says";
}

/* ---- pages ---------------------------------------------------------------------------------- */

static const char *
read_dictionary(struct parquet_pages *pages, const struct page *page, struct bytes stored)
{
    struct bytes body;
    bool plain = page->encoding == ENCODING_PLAIN || page->encoding == ENCODING_PLAIN_DICTIONARY;
    if (pages->dictionary != NULL || !plain || page->values < 0 ||
        page->values > PARQUET_PAGE_VALUES_MAX || pages->leaf->physical == PHYSICAL_BOOLEAN) {
        return "a dictionary page is a second one, or not PLAIN";
    }
    const char *error =
        parquet_expand(pages->chunk->codec, stored, (size_t)page->size, pages->arena, &body);
    if (error != NULL) {
        return error;
    }
    struct cursor cursor = cursor_of(body);
    pages->dictionary_count = (size_t)page->values;
    pages->dictionary =
        arena_alloc(pages->arena, (pages->dictionary_count + 1) * sizeof *pages->dictionary);
    for (size_t i = 0; i < pages->dictionary_count && !cursor.failed; i++) {
        read_plain(&cursor, pages->leaf, &pages->dictionary[i]);
    }
    return cursor.failed ? "a dictionary page is cut" : NULL;
}

/* v1: levels with their sizes before them, compressed together with the values. */
static const char *split_v1(struct parquet_pages *pages,
                            const struct page *page,
                            struct bytes stored,
                            struct arena *arena,
                            struct bytes parts[3])
{
    struct bytes body;
    const char *error =
        parquet_expand(pages->chunk->codec, stored, (size_t)page->size, arena, &body);
    if (error != NULL) {
        return error;
    }
    bool rle = (pages->leaf->rep == 0 || page->rep_encoding == ENCODING_RLE) &&
               (pages->leaf->def == 0 || page->def_encoding == ENCODING_RLE);
    if (!rle) {
        return "a page has levels in another encoding than RLE";
    }
    struct cursor cursor = cursor_of(body);
    parts[0] =
        pages->leaf->rep == 0 ? bytes_of(NULL, 0) : cursor_take(&cursor, cursor_le32(&cursor));
    parts[1] =
        pages->leaf->def == 0 ? bytes_of(NULL, 0) : cursor_take(&cursor, cursor_le32(&cursor));
    parts[2] = cursor_take(&cursor, cursor_left(&cursor));
    return cursor.failed ? "the levels of a page are broken" : NULL;
}

/* v2: levels first, never compressed. */
static const char *split_v2(struct parquet_pages *pages,
                            const struct page *page,
                            struct bytes stored,
                            struct arena *arena,
                            struct bytes parts[3])
{
    struct cursor cursor = cursor_of(stored);
    if (page->def_size < 0 || page->rep_size < 0) {
        return "the levels of a page are broken";
    }
    parts[0] = cursor_take(&cursor, (uint64_t)page->rep_size);
    parts[1] = cursor_take(&cursor, (uint64_t)page->def_size);
    struct bytes values = cursor_take(&cursor, cursor_left(&cursor));
    int64_t size = page->size - page->rep_size - page->def_size;
    if (cursor.failed || size < 0) {
        return "the levels of a page are broken";
    }
    if (page->plain || values.size == 0) {
        parts[2] = values;
        return values.size == (size_t)size ? NULL : "an uncompressed page has two sizes";
    }
    return parquet_expand(pages->chunk->codec, values, (size_t)size, arena, &parts[2]);
}

static const char *read_data(struct parquet_pages *pages,
                             const struct page *page,
                             struct bytes stored,
                             struct arena *arena)
{
    struct bytes parts[3];
    if (page->values < 0 || page->values > pages->left || page->values > PARQUET_PAGE_VALUES_MAX) {
        return "a column has more values than its row group rows";
    }
    const char *error = page->type == PAGE_DATA ? split_v1(pages, page, stored, arena, parts)
                                                : split_v2(pages, page, stored, arena, parts);
    if (error != NULL) {
        return error;
    }
    size_t count = (size_t)page->values;
    uint32_t *reps = arena_alloc(arena, (count + 1) * sizeof *reps);
    uint32_t *defs = arena_alloc(arena, (count + 1) * sizeof *defs);
    error = read_levels(parts[0], pages->leaf->rep, count, reps);
    if (error == NULL) {
        error = read_levels(parts[1], pages->leaf->def, count, defs);
    }
    if (error != NULL) {
        return error;
    }
    pages->reps = reps;
    pages->defs = defs;
    pages->values = arena_alloc(arena, (count + 1) * sizeof *pages->values);
    pages->count = count;
    pages->left -= page->values;
    return read_values(pages, page->encoding, parts[2], arena);
}

const char *parquet_pages_open(struct parquet_pages *pages,
                               struct bytes file,
                               const struct parquet_element *leaf,
                               const struct parquet_chunk *chunk)
{
    if (chunk->offset < 4 || chunk->size < 0 || (uint64_t)chunk->offset > file.size ||
        (uint64_t)chunk->size > file.size - (uint64_t)chunk->offset || chunk->values < 0) {
        return "a column chunk lies outside the file";
    }
    pages->leaf = leaf;
    pages->chunk = chunk;
    pages->bytes = cursor_of(bytes_of(file.data + chunk->offset, (size_t)chunk->size));
    pages->dictionary = NULL;
    pages->dictionary_count = 0;
    pages->left = chunk->values;
    pages->count = 0;
    return NULL;
}

const char *parquet_pages_next(struct parquet_pages *pages, struct arena *arena)
{
    pages->count = 0;
    while (pages->count == 0 && cursor_left(&pages->bytes) > 0) {
        struct page page;
        const char *error = read_header(&pages->bytes, &page);
        if (error == NULL && pages->strict) {
            error = check_strict(&page);
        }
        if (error != NULL) {
            return error;
        }
        struct bytes stored = cursor_take(&pages->bytes, (uint64_t)page.stored_size);
        if (pages->bytes.failed) {
            return "a page is cut";
        }
        if (page.has_crc && (uint32_t)crc32(0, stored.data, (uInt)stored.size) != page.crc) {
            return "a page's checksum is wrong";
        }
        if (page.type == PAGE_DICTIONARY) {
            error = read_dictionary(pages, &page, stored);
        } else if (page.type == PAGE_DATA || page.type == PAGE_DATA_V2) {
            error = read_data(pages, &page, stored, arena);
        } else {
            error = page.type == PAGE_INDEX ? NULL : "a page of an unknown kind";
        }
        if (error != NULL) {
            return error;
        }
    }
    return pages->count == 0 && pages->left > 0
               ? "a column has not its row group's number of values"
               : NULL;
}
