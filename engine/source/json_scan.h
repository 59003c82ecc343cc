/* The lexical half of the record decoder: strings, numbers and values to skip, over bytes that may
 * be anything. One pass, no tree, no recursion, never a read past the end. The grammar is RFC 8259
 * and nothing more: Jackson, as Spark sets it up, would also take single quotes, NaN and Infinity
 * without quotes, lone surrogates, and put U+FFFD for bytes that are no UTF-8; here they are
 * malformed. */
#ifndef ENGINE_SOURCE_JSON_SCAN_H
#define ENGINE_SOURCE_JSON_SCAN_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/decimal.h"

/* Jackson's StreamReadConstraints: deeper nesting is malformed. The record itself is level 1. */
enum { JSON_DEPTH_MAX = 1000 };

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    const char *expected; /* set where a function returned false: what should have stood at `at` */
};

static inline bool scan_fail(struct scan *scan, const char *expected)
{
    scan->expected = expected;
    return false;
}

static inline void scan_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

/* The byte at the cursor; 0 at the end (no token begins with it). */
static inline uint8_t scan_peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : 0;
}

static inline bool scan_byte(struct scan *scan, uint8_t byte)
{
    if (scan_peek(scan) != byte) {
        return false;
    }
    scan->at++;
    return true;
}

/* A string; the cursor stands on its opening quote. `raw` is what stands between the quotes,
 * checked: no control characters, valid escapes, paired surrogates, valid UTF-8. `escaped` is set
 * when scan_unescape is needed to read it. */
bool scan_string(struct scan *scan, struct bytes *raw, bool *escaped);

/* The text of a raw string that has escapes, in `arena`. */
struct bytes scan_unescape(struct arena *arena, struct bytes raw);

bool scan_number(struct scan *scan, struct decimal *number);

/* true, false or null. */
bool scan_word(struct scan *scan, const char *word);

/* One value of any kind that starts at the cursor. `depth` is the level of what encloses it. */
bool scan_skip(struct scan *scan, size_t depth);

#endif
