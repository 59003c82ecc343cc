#include "sim/check/state_row.h"

#include <string.h>

#include "engine/base/check.h"

enum { WORD = 8, FIELDS_MAX = 64 };

/* The field behind the last member of the struct that begins at `first`; a plain field is alone. */
static size_t column_end(const struct schema *schema, size_t first)
{
    const char *parent = schema->fields[first].parent;
    size_t end = first + 1;
    while (parent != NULL && end < schema->count && schema->fields[end].parent != NULL &&
           strcmp(schema->fields[end].parent, parent) == 0) {
        end++;
    }
    return end;
}

static size_t column_count(const struct schema *schema, size_t from, size_t until, bool nested)
{
    size_t count = 0;
    for (size_t i = from; i < until; i = nested ? i + 1 : column_end(schema, i)) {
        count++;
    }
    return count;
}

/* ---- encoding: the fixed part is made whole first, variable parts follow it */

static uint64_t word_of(const struct value *value)
{
    uint64_t word = 0;
    switch (value->type) {
    case TYPE_BOOLEAN:
        return value->as.boolean ? 1 : 0;
    case TYPE_INT:
        return (uint32_t)(int32_t)value->as.number;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return (uint64_t)value->as.number;
    case TYPE_DOUBLE:
        memcpy(&word, &value->as.real, sizeof word);
        return word;
    case TYPE_STRING:
    case TYPE_COUNT:
        break;
    }
    require(value->type < TYPE_STRING);
    return 0;
}

static void put_word(struct buf *out, size_t at, uint64_t word)
{
    for (size_t i = 0; i < WORD; i++) {
        out->data[at + i] = (uint8_t)(word >> (8 * i));
    }
}

static void variable(struct buf *out, size_t row, size_t slot, const void *data, size_t size)
{
    put_word(out, slot, (uint64_t)(out->size - row) << 32 | size);
    buf_append(out, data, size);
    while ((out->size - row) % WORD != 0) {
        buf_byte(out, 0);
    }
}

/* Fields [from, until) as one row without structs. */
static void encode_flat(const struct value *cells, size_t from, size_t until, struct buf *out)
{
    size_t row = out->size;
    uint64_t nulls = 0;
    memset(buf_extend(out, (until - from + 1) * WORD), 0, (until - from + 1) * WORD);
    for (size_t i = from; i < until; i++) {
        size_t slot = row + (i - from + 1) * WORD;
        const struct value *cell = &cells[i];
        if (!cell->present) {
            nulls |= 1ULL << (i - from);
        } else if (cell->type == TYPE_STRING) {
            variable(out, row, slot, cell->as.text.data, cell->as.text.size);
        } else {
            put_word(out, slot, word_of(cell));
        }
    }
    put_word(out, row, nulls);
}

void state_row_encode(const struct schema *schema, const struct value *cells, struct buf *out)
{
    size_t columns = column_count(schema, 0, schema->count, false);
    require(columns <= FIELDS_MAX);
    size_t row = out->size;
    uint64_t nulls = 0;
    struct buf nested = {0};
    if (columns == 0) {
        return; /* no word for its nulls either */
    }
    memset(buf_extend(out, (columns + 1) * WORD), 0, (columns + 1) * WORD);
    size_t slot = row + WORD;
    for (size_t i = 0; i < schema->count; slot += WORD) {
        size_t end = column_end(schema, i);
        const struct value *cell = &cells[i];
        if (schema->fields[i].parent != NULL) {
            buf_clear(&nested);
            encode_flat(cells, i, end, &nested);
            variable(out, row, slot, nested.data, nested.size);
        } else if (!cell->present) {
            nulls |= 1ULL << ((slot - row) / WORD - 1);
        } else if (cell->type == TYPE_STRING) {
            variable(out, row, slot, cell->as.text.data, cell->as.text.size);
        } else {
            put_word(out, slot, word_of(cell));
        }
        i = end;
    }
    put_word(out, row, nulls);
    buf_free(&nested);
}

/* ---- decoding */

static uint64_t get_word(struct bytes row, size_t at)
{
    uint64_t word = 0;
    for (size_t i = 0; i < WORD; i++) {
        word |= (uint64_t)row.data[at + i] << (8 * i);
    }
    return word;
}

static bool part_of(struct bytes row, uint64_t word, struct bytes *part)
{
    uint64_t offset = word >> 32;
    uint64_t size = word & UINT32_MAX;
    bool inside = offset <= row.size && size <= row.size - offset;
    *part = inside ? bytes_of(row.data + offset, (size_t)size) : bytes_of(NULL, 0);
    return inside;
}

static bool decode_cell(struct bytes row, size_t index, enum type type, struct value *cell)
{
    uint64_t word = get_word(row, (index + 1) * WORD);
    *cell = (struct value){.type = type, .present = (get_word(row, 0) >> index & 1) == 0};
    if (!cell->present) {
        return true;
    }
    if (type == TYPE_STRING) {
        return part_of(row, word, &cell->as.text);
    }
    if (type == TYPE_DOUBLE) {
        memcpy(&cell->as.real, &word, sizeof word);
    } else if (type == TYPE_BOOLEAN) {
        cell->as.boolean = (word & 1) != 0;
    } else {
        cell->as.number = type == TYPE_INT ? (int32_t)(uint32_t)word : (int64_t)word;
    }
    return true;
}

bool state_row_decode(const struct schema *schema, struct bytes row, struct value *cells)
{
    size_t columns = column_count(schema, 0, schema->count, false);
    bool fine = columns <= FIELDS_MAX && (columns == 0 || row.size >= (columns + 1) * WORD);
    size_t index = 0;
    for (size_t i = 0; fine && i < schema->count; index++) {
        size_t end = column_end(schema, i);
        if (schema->fields[i].parent == NULL) {
            fine = decode_cell(row, index, schema->fields[i].type, &cells[i]);
        } else {
            struct bytes nested;
            fine = part_of(row, get_word(row, (index + 1) * WORD), &nested) &&
                   nested.size >= (end - i + 1) * WORD;
            for (size_t k = i; fine && k < end; k++) {
                fine = decode_cell(nested, k - i, schema->fields[k].type, &cells[k]);
            }
        }
        i = end;
    }
    return fine;
}

/* ---- Murmur3 */

static uint32_t rotated(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

static uint32_t mix(uint32_t hash, uint32_t word)
{
    hash ^= rotated(word * 0xcc9e2d51u, 15) * 0x1b873593u;
    return rotated(hash, 13) * 5 + 0xe6546b64u;
}

static uint32_t finish(uint32_t hash, uint32_t size)
{
    hash ^= size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* Each byte of the tail is a word of its own, with its sign: not standard Murmur3. */
static uint32_t hash_text_of(uint32_t hash, struct bytes text)
{
    size_t at = 0;
    for (; text.size - at >= 4; at += 4) {
        const uint8_t *d = text.data + at;
        hash =
            mix(hash,
                (uint32_t)d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16 | (uint32_t)d[3] << 24);
    }
    for (; at < text.size; at++) {
        hash = mix(hash, (uint32_t)(int32_t)(int8_t)text.data[at]);
    }
    return finish(hash, (uint32_t)text.size);
}

static uint32_t hash_cell(uint32_t hash, const struct value *cell)
{
    if (!cell->present) {
        return hash;
    }
    if (cell->type == TYPE_STRING) {
        return hash_text_of(hash, cell->as.text);
    }
    uint64_t word = word_of(cell);
    hash = mix(hash, (uint32_t)word);
    bool narrow = cell->type == TYPE_INT || cell->type == TYPE_BOOLEAN;
    return narrow ? finish(hash, 4) : finish(mix(hash, (uint32_t)(word >> 32)), 8);
}

int32_t state_row_hash(const struct schema *schema, const struct value *cells)
{
    uint32_t hash = 42;
    for (size_t i = 0; i < schema->count; i++) {
        hash = hash_cell(hash, &cells[i]);
    }
    return (int32_t)hash;
}

int64_t state_row_partition(int32_t hash, int64_t partitions)
{
    int64_t rest = (int64_t)hash % partitions;
    return rest < 0 ? rest + partitions : rest;
}
