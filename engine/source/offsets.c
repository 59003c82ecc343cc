#include "engine/source/offsets.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/sort.h"

/* An entry with the key that it is sorted by. */
struct keyed_offset {
    uint64_t key;
    struct partition_offset entry;
};

/* By key, then offset: a total order also over duplicates, which are refused afterwards. */
static int compare_keyed(const void *left, const void *right)
{
    const struct keyed_offset *a = left;
    const struct keyed_offset *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->entry.offset > b->entry.offset) - (a->entry.offset < b->entry.offset);
}

int64_t offsets_get(const struct offsets *offsets, int32_t partition)
{
    size_t low = 0;
    size_t high = offsets->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (offsets->entries[middle].partition < partition) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < offsets->count && offsets->entries[low].partition == partition;
    return found ? offsets->entries[low].offset : -1;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Position of a partition in the iteration of Scala's hash map: bucket first, then hash. */
static uint64_t scala_order(int32_t partition, uint32_t buckets)
{
    uint32_t hash = (uint32_t)partition ^ ((uint32_t)partition >> 16);
    return ((uint64_t)(hash & (buckets - 1)) << 32) | hash;
}

void offsets_json(const struct offsets *offsets, struct buf *out)
{
    require(offsets->topic != NULL);
    require(offsets->count < UINT32_MAX / 4);
    uint32_t buckets = 16;
    while (offsets->count * 4 >= (size_t)buckets * 3) {
        buckets *= 2;
    }
    struct keyed_offset *items = heap_alloc(offsets->count * sizeof *items);
    for (size_t i = 0; i < offsets->count; i++) {
        items[i].entry = offsets->entries[i];
        items[i].key = scala_order(items[i].entry.partition, buckets);
    }
    sort_items(items, offsets->count, sizeof *items, compare_keyed);
    buf_byte(out, '{');
    buf_json_string(out, bytes_of_text(offsets->topic));
    buf_text(out, ":{");
    for (size_t i = 0; i < offsets->count; i++) {
        buf_printf(out,
                   "%s\"%ld\":%lld",
                   i == 0 ? "" : ",",
                   (long)items[i].entry.partition,
                   (long long)items[i].entry.offset);
    }
    buf_text(out, "}}");
    heap_free(items);
}

/* ---- reading: a parser of this one shape, iterative, never past the end ---------------------- */

struct parser {
    struct bytes json;
    size_t at;
    const char *error_class;
    struct diag *diag;
};

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->json.size) {
        uint8_t c = parser->json.data[parser->at];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return;
        }
        parser->at++;
    }
}

static enum status fail(const struct parser *parser, const char *expected)
{
    char found[16] = "the end";
    if (parser->at < parser->json.size) {
        uint8_t c = parser->json.data[parser->at];
        bool printable = c >= 0x20 && c < 0x7f;
        (void)snprintf(found, sizeof found, printable ? "'%c'" : "byte 0x%02x", (int)c);
    }
    return diag_fail(parser->diag,
                     parser->error_class,
                     "Kafka offsets are not as Spark writes them, such as "
                     "{\"topic\":{\"0\":456}}: expected %s at byte %zu, found %s",
                     expected,
                     parser->at,
                     found);
}

static bool take(struct parser *parser, char c)
{
    skip_space(parser);
    if (parser->at < parser->json.size && parser->json.data[parser->at] == (uint8_t)c) {
        parser->at++;
        return true;
    }
    return false;
}

/* A topic's name: what Kafka allows (letters, digits, '.', '_', '-', at most 249) needs no escape.
 */
static enum status parse_topic(struct parser *parser, struct arena *arena, const char **topic)
{
    if (!take(parser, '"')) {
        return fail(parser, "a topic in quotes");
    }
    size_t begin = parser->at;
    while (parser->at < parser->json.size && parser->json.data[parser->at] != '"') {
        uint8_t c = parser->json.data[parser->at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '.' && c != '_' && c != '-') {
            return fail(parser, "a character of a topic's name");
        }
        parser->at++;
    }
    size_t size = parser->at - begin;
    if (size == 0 || size > 249) {
        return fail(parser, "a topic's name of 1 to 249 characters");
    }
    *topic = arena_copy(arena, parser->json.data + begin, size);
    return take(parser, '"') ? OK : fail(parser, "a closing quote");
}

/* A decimal integer without leading zeros, of at most `max`; the sign only where `min` is below 0.
 */
static enum status parse_integer(struct parser *parser, int64_t min, int64_t max, int64_t *value)
{
    bool negative =
        min < 0 && parser->at < parser->json.size && parser->json.data[parser->at] == '-';
    parser->at += negative ? 1 : 0;
    size_t begin = parser->at;
    uint64_t magnitude = 0;
    while (parser->at < parser->json.size) {
        uint8_t c = parser->json.data[parser->at];
        if (c < '0' || c > '9' || (parser->at > begin && parser->json.data[begin] == '0')) {
            break;
        }
        if (magnitude > ((uint64_t)max - (uint64_t)(c - '0')) / 10) {
            return fail(parser, "a smaller number");
        }
        magnitude = magnitude * 10 + (uint64_t)(c - '0');
        parser->at++;
    }
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (parser->at == begin || *value < min) {
        return fail(parser, min < 0 ? "a number of -2 or more" : "a number of 0 or more");
    }
    return OK;
}

/* "0":456, after which the cursor stands behind the number. */
static enum status parse_entry(struct parser *parser, int64_t min, struct partition_offset *entry)
{
    int64_t partition = 0;
    if (!take(parser, '"')) {
        return fail(parser, "a partition in quotes");
    }
    TRY(parse_integer(parser, 0, INT32_MAX, &partition));
    if (parser->at >= parser->json.size || parser->json.data[parser->at] != '"') {
        return fail(parser, "a closing quote");
    }
    parser->at++;
    if (!take(parser, ':')) {
        return fail(parser, "':'");
    }
    skip_space(parser);
    entry->partition = (int32_t)partition;
    return parse_integer(parser, min, INT64_MAX, &entry->offset);
}

/* Entries between the braces, unsorted, into `items` (heap). */
static enum status parse_entries(struct parser *parser, int64_t min, struct buf *items)
{
    if (!take(parser, '{')) {
        return fail(parser, "'{'");
    }
    if (take(parser, '}')) {
        return OK;
    }
    for (;;) {
        struct keyed_offset item = {0};
        TRY(parse_entry(parser, min, &item.entry));
        item.key = (uint64_t)item.entry.partition;
        buf_append(items, &item, sizeof item);
        if (take(parser, '}')) {
            return OK;
        }
        if (!take(parser, ',')) {
            return fail(parser, "',' or '}'");
        }
    }
}

/* Sort by partition and refuse duplicates. */
static enum status
keep_entries(struct parser *parser, struct arena *arena, struct buf *items, struct offsets *offsets)
{
    size_t count = items->size / sizeof(struct keyed_offset);
    struct keyed_offset *sorted = (struct keyed_offset *)(void *)items->data;
    offsets->count = count;
    offsets->entries = arena_alloc(arena, (count + 1) * sizeof *offsets->entries);
    if (count > 0) {
        sort_items(sorted, count, sizeof *sorted, compare_keyed);
    }
    for (size_t i = 0; i < count; i++) {
        offsets->entries[i] = sorted[i].entry;
        if (i > 0 && sorted[i].key == sorted[i - 1].key) {
            return diag_fail(parser->diag,
                             parser->error_class,
                             "Kafka offsets name partition %ld of topic %s twice",
                             (long)sorted[i].entry.partition,
                             offsets->topic);
        }
    }
    return OK;
}

static enum status
parse_all(struct parser *parser, struct arena *arena, int64_t min, struct offsets *offsets)
{
    struct buf items = {0};
    if (!take(parser, '{')) {
        return fail(parser, "'{'");
    }
    TRY(parse_topic(parser, arena, &offsets->topic));
    if (!take(parser, ':')) {
        return fail(parser, "':'");
    }
    enum status status = parse_entries(parser, min, &items);
    if (status == OK) {
        status = keep_entries(parser, arena, &items, offsets);
    }
    buf_free(&items);
    TRY(status);
    if (!take(parser, '}')) {
        return fail(parser, "'}' (a query reads one topic)");
    }
    skip_space(parser);
    return parser->at == parser->json.size ? OK : fail(parser, "nothing more");
}

enum status
offsets_parse(struct arena *arena, struct bytes json, struct offsets *offsets, struct diag *diag)
{
    struct parser parser = {.json = json, .error_class = "CORRUPT_OFFSETS", .diag = diag};
    *offsets = (struct offsets){0};
    return parse_all(&parser, arena, 0, offsets);
}

enum status offsets_parse_starting(struct arena *arena,
                                   struct bytes json,
                                   struct offsets *offsets,
                                   struct diag *diag)
{
    struct parser parser = {.json = json, .error_class = "INVALID_OPTION", .diag = diag};
    *offsets = (struct offsets){0};
    return parse_all(&parser, arena, OFFSETS_EARLIEST, offsets);
}
