/* A pull reader of JSON text: for record values, Delta commits and the checkpoint's logs as the
 * checks read them. Strict (RFC 8259), never reads past the end, iterative, at most
 * PULL_DEPTH_MAX levels (Jackson's limit, which Spark has); text is UTF-8, a lone surrogate is an
 * error. No tree: the caller asks for the next token and skips what it does not know. Allocates
 * only when a string has escapes. */
#ifndef SIM_CHECK_JSON_PULL_H
#define SIM_CHECK_JSON_PULL_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

enum { PULL_DEPTH_MAX = 1000 };

enum pull_token {
    PULL_END,   /* of the text, behind one whole value */
    PULL_ERROR, /* no JSON: `error` says why; for ever after */
    PULL_OBJECT,
    PULL_OBJECT_END,
    PULL_ARRAY,
    PULL_ARRAY_END,
    PULL_NAME, /* of a member; its value comes next */
    PULL_STRING,
    PULL_INTEGER,
    PULL_REAL, /* a number with a fraction or an exponent */
    PULL_TRUE,
    PULL_FALSE,
    PULL_NULL
};

struct json_pull {
    struct bytes text;
    size_t at;
    enum pull_token token; /* the current one */
    struct bytes raw;      /* NAME, STRING: between the quotes, escapes unread; numbers: digits */
    size_t token_at;       /* where the current token begins */
    bool escaped;          /* raw holds a backslash */
    const char *error;
    uint32_t depth;
    int expects;                               /* internal: what may come next */
    uint64_t objects[PULL_DEPTH_MAX / 64 + 1]; /* bit per open level: 1 object, 0 array */
};

void pull_open(struct json_pull *reader, struct bytes text);
enum pull_token pull_next(struct json_pull *reader);
/* Consume the rest of the value whose first token is the current one (nothing for a scalar); on
 * PULL_NAME also its value. False: not JSON. */
bool pull_skip(struct json_pull *reader);

/* The current NAME or STRING with its escapes read; borrowed from the text when it has none. */
struct bytes pull_string(const struct json_pull *reader, struct arena *arena);
bool pull_name_is(const struct json_pull *reader, const char *name);
/* The current INTEGER; false when it is none or does not fit. */
bool pull_int64(const struct json_pull *reader, int64_t *value);
/* The current INTEGER or REAL, correctly rounded. */
bool pull_double(const struct json_pull *reader, double *value);

/* Inside an object: the next member's name (then the reader stands on PULL_NAME, and pull_next
 * gives its value); false at the object's end or an error. */
bool pull_member(struct json_pull *reader);

/* Is `text` well-formed UTF-8? */
bool utf8_valid(struct bytes text);

#endif
