#include "engine/source/fingerprint.h"

#include <inttypes.h>

#include "engine/base/hash.h"

static uint64_t hash_part(uint64_t hash, struct bytes part)
{
    uint64_t length = part.data == NULL ? 0 : (uint64_t)part.size + 1;
    uint64_t content = part.size == 0 ? 0 : hash_bytes(part.data, part.size);
    return hash_chain(hash_chain(hash, length), content);
}

struct fingerprint fingerprint_of(const struct broker_record *record)
{
    return (struct fingerprint){
        .known = true,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .hash = hash_part(hash_part(0, record->key), record->value),
    };
}

bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
    if (!a->known || !b->known) {
        return a->known == b->known;
    }
    return a->offset == b->offset && a->timestamp_ms == b->timestamp_ms && a->hash == b->hash;
}

struct fingerprint last_records_get(const struct last_records *records, int32_t partition)
{
    for (size_t i = 0; i < records->count; i++) {
        if (records->entries[i].partition == partition) {
            return records->entries[i].record;
        }
    }
    return (struct fingerprint){.known = false};
}

void last_records_text(const struct last_records *records, struct buf *out)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct fingerprint *record = &records->entries[i].record;
        buf_printf(out,
                   "%s%" PRId32 ":%" PRId64 ":%" PRId64 ":%016" PRIx64,
                   i == 0 ? "" : ",",
                   records->entries[i].partition,
                   record->offset,
                   record->timestamp_ms,
                   record->hash);
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

/* An unsigned number in decimal that ends at `end`, which is passed. */
static bool take_number(const char **at, char end, int64_t max, int64_t *number)
{
    const char *first = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        int64_t digit = **at - '0';
        if (*number > (max - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    bool whole = *at > first && **at == end;
    *at += whole ? 1 : 0;
    return whole;
}

static bool take_hash(const char **at, uint64_t *hash)
{
    static const char digits[] = "0123456789abcdef";
    *hash = 0;
    for (int i = 0; i < 16; i++, (*at)++) {
        const char *digit = **at == '\0' ? NULL : strchr(digits, **at);
        if (digit == NULL) {
            return false;
        }
        *hash = *hash << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* A record without a timestamp has -1. */
static bool take_timestamp(const char **at, int64_t *timestamp_ms)
{
    bool negative = **at == '-';
    *at += negative ? 1 : 0;
    bool whole = take_number(at, ':', INT64_MAX, timestamp_ms);
    *timestamp_ms = negative ? -*timestamp_ms : *timestamp_ms;
    return whole;
}

static bool take_entry(const char **at, struct last_record *entry)
{
    int64_t partition = 0;
    entry->record.known = true;
    bool whole = take_number(at, ':', INT32_MAX, &partition) &&
                 take_number(at, ':', INT64_MAX, &entry->record.offset) &&
                 take_timestamp(at, &entry->record.timestamp_ms) &&
                 take_hash(at, &entry->record.hash);
    entry->partition = (int32_t)partition;
    return whole;
}

enum status last_records_parse(struct arena *arena, const char *text, struct last_records *records)
{
    size_t room = 1;
    for (const char *at = text; *at != '\0'; at++) {
        room += *at == ',' ? 1 : 0;
    }
    records->entries = arena_alloc(arena, room * sizeof *records->entries);
    records->count = 0;
    for (const char *at = text; *text != '\0';) {
        struct last_record *entry = &records->entries[records->count++];
        bool ordered = take_entry(&at, entry) &&
                       (records->count == 1 || entry[-1].partition < entry->partition);
        if (!ordered || (*at != ',' && *at != '\0')) {
            return ERR_CORRUPT;
        }
        if (*at++ == '\0') {
            break;
        }
    }
    return OK;
}
