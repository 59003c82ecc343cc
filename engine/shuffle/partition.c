#include "engine/shuffle/partition.h"

#include "engine/base/check.h"

/* Spark's HashPartitioning hashes with this seed. */
enum { SEED = 42 };

static uint32_t rotate(uint32_t value, unsigned by)
{
    return (value << by) | (value >> (32 - by));
}

static uint32_t mix(uint32_t hash, uint32_t word)
{
    word *= 0xcc9e2d51U;
    word = rotate(word, 15);
    word *= 0x1b873593U;
    hash ^= word;
    hash = rotate(hash, 13);
    return hash * 5 + 0xe6546b64U;
}

static uint32_t finish(uint32_t hash, uint32_t size)
{
    hash ^= size;
    hash ^= hash >> 16;
    hash *= 0x85ebca6bU;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35U;
    return hash ^ (hash >> 16);
}

static uint32_t hash_int(uint32_t value, uint32_t seed)
{
    return finish(mix(seed, value), 4);
}

static uint32_t hash_long(uint64_t value, uint32_t seed)
{
    uint32_t hash = mix(seed, (uint32_t)value);
    return finish(mix(hash, (uint32_t)(value >> 32)), 8);
}

static uint32_t word_at(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

/* The tail's bytes are signed in Java, and each is a word of its own. */
static uint32_t hash_text_bytes(struct bytes text, uint32_t seed)
{
    uint32_t hash = seed;
    size_t aligned = text.size - text.size % 4;
    for (size_t i = 0; i < aligned; i += 4) {
        hash = mix(hash, word_at(text.data + i));
    }
    for (size_t i = aligned; i < text.size; i++) {
        uint32_t byte = text.data[i];
        hash = mix(hash, byte < 128 ? byte : byte | 0xffffff00U);
    }
    return finish(hash, (uint32_t)text.size);
}

/* Spark's NormalizeFloatingNumbers: -0.0 is 0.0 and all NaN are one, for they are one group. */
static uint64_t double_bits(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    if (bits << 1 == 0) {
        return 0;
    }
    bool nan = (bits & UINT64_C(0x7fffffffffffffff)) > UINT64_C(0x7ff0000000000000);
    return nan ? UINT64_C(0x7ff8000000000000) : bits;
}

static uint32_t hash_cell(enum type type, const struct cell *cell, uint32_t seed)
{
    if (!cell->present) {
        return seed;
    }
    switch (type) {
    case TYPE_BOOLEAN:
        return hash_int(cell->as.boolean, seed);
    case TYPE_INT:
        return hash_int((uint32_t)cell->as.number, seed);
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return hash_long((uint64_t)cell->as.number, seed);
    case TYPE_DOUBLE:
        return hash_long(double_bits(cell->as.real), seed);
    case TYPE_STRING:
        return hash_text_bytes(cell->as.text, seed);
    case TYPE_COUNT:
        break;
    }
    require(type < TYPE_COUNT);
    return seed;
}

int32_t murmur3_row(const struct schema *schema, const struct cell *cells)
{
    uint32_t hash = SEED;
    for (size_t i = 0; i < schema->count; i++) {
        hash = hash_cell(schema->fields[i].type, &cells[i], hash);
    }
    return (int32_t)hash;
}

int64_t shuffle_partition(const struct schema *schema, const struct cell *cells, int64_t partitions)
{
    require(partitions > 0);
    if (schema->count == 0) {
        return 0;
    }
    int64_t rest = murmur3_row(schema, cells) % partitions;
    return rest < 0 ? rest + partitions : rest;
}
