#include "engine/real/feed.h"

#include <limits.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/source/json_scan.h"

#define FORM "expected topic=FILE[@RATE][,partitions=N][,timestamp=FIELD]"

/* org.apache.kafka.common.internals.Topic. */
static bool topic_fits(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    enum { NAME_SIZE_MAX = 249 };
    size_t size = strlen(name);
    return size > 0 && size <= NAME_SIZE_MAX && strspn(name, allowed) == size &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool partitions_parse(const char *text, int32_t *partitions)
{
    int32_t count = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && count <= FEED_PARTITIONS_MAX; at++) {
        count = count * 10 + (*at - '0');
    }
    *partitions = count;
    return at != text && *at == '\0' && count >= 1 && count <= FEED_PARTITIONS_MAX;
}

static enum status
set_option(struct feed *feed, const char *name, const char *value, struct diag *diag)
{
    static const char *const names[] = {"partitions", "timestamp", NULL};
    if (strcmp(name, "partitions") == 0) {
        if (!partitions_parse(value, &feed->partitions)) {
            return diag_fail(diag,
                             "USAGE",
                             "--feed: partitions=%.60s, expected a number from 1 to %d",
                             value,
                             FEED_PARTITIONS_MAX);
        }
        return OK;
    }
    if (strcmp(name, "timestamp") == 0) {
        feed->timestamp = value;
        return *value != '\0' ? OK : diag_fail(diag, "USAGE", "--feed: timestamp= names no field");
    }
    const char *nearest = diag_nearest(name, names);
    return diag_fail(diag,
                     "USAGE",
                     "--feed: \"%.60s\" is no option of a feed, expected partitions or "
                     "timestamp%s%s%s",
                     name,
                     nearest == NULL ? "" : "; did you mean \"",
                     nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "\"?");
}

/* Take ",name=value" from the end of `rest` while there is one; a ',' without a '=' behind it is
 * the file's. */
static enum status take_options(char *rest, struct feed *feed, struct diag *diag)
{
    for (;;) {
        char *comma = strrchr(rest, ',');
        char *equals = comma == NULL ? NULL : strchr(comma, '=');
        if (equals == NULL) {
            return OK;
        }
        *comma = '\0';
        *equals = '\0';
        TRY(set_option(feed, comma + 1, equals + 1, diag));
    }
}

/* Take "@RATE" from the end of `rest`. */
static enum status take_rate(char *rest, struct feed *feed, struct diag *diag)
{
    char *at = strrchr(rest, '@');
    if (at == NULL) {
        return OK;
    }
    bool digit = at[1] >= '0' && at[1] <= '9';
    if (!digit && strpbrk(at + 1, "./") != NULL) {
        return OK;
    }
    if (!rate_parse(at + 1, &feed->interval_us)) {
        return diag_fail(diag,
                         "USAGE",
                         "--feed: \"%.60s\" is no rate, expected one such as 2000/s or 30/min, "
                         "at most 1000000/s",
                         at + 1);
    }
    *at = '\0';
    return OK;
}

enum status feed_parse(struct arena *arena, const char *text, struct feed *feed, struct diag *diag)
{
    char *topic = arena_strdup(arena, text);
    *feed = (struct feed){
        .text = arena_strdup(arena, text), .topic = topic, .partitions = FEED_PARTITIONS};
    char *equals = strchr(topic, '=');
    if (equals == NULL) {
        return diag_fail(diag, "USAGE", "--feed: \"%.100s\" has no '=', " FORM, text);
    }
    *equals = '\0';
    char *rest = equals + 1;
    feed->file = rest;
    if (!topic_fits(topic)) {
        return diag_fail(diag,
                         "USAGE",
                         "--feed: \"%.100s\" is no name for a topic, expected 1 to 249 letters, "
                         "digits, '.', '_', '-'",
                         topic);
    }
    TRY(take_options(rest, feed, diag));
    TRY(take_rate(rest, feed, diag));
    return *rest != '\0' ? OK : diag_fail(diag, "USAGE", "--feed: no file is named, " FORM);
}

int32_t feed_partition(const struct feed *feed, int64_t record)
{
    return (int32_t)(record % feed->partitions);
}

int64_t feed_offset(const struct feed *feed, int64_t record)
{
    return record / feed->partitions;
}

int64_t feed_end(const struct feed *feed, int64_t records, int32_t partition)
{
    require(partition >= 0 && partition < feed->partitions);
    return (records - partition + feed->partitions - 1) / feed->partitions;
}

int64_t feed_records(const struct feed *feed, int32_t partition, int64_t end)
{
    require(partition >= 0 && partition < feed->partitions);
    /* An end that no file reaches (a damaged checkpoint) must not overflow. */
    int64_t end_max = (INT64_MAX - partition) / feed->partitions;
    int64_t last = (end < end_max ? end : end_max) - 1;
    return end <= 0 ? 0 : last * feed->partitions + partition + 1;
}

static bool read_timestamp(struct scan *scan, struct arena *arena, int64_t *timestamp_ms)
{
    struct bytes raw;
    bool escaped = false;
    int64_t time_us = 0;
    if (scan_peek(scan) == '"') {
        if (!scan_string(scan, &raw, &escaped)) {
            return false;
        }
        bool valid = timestamp_parse(escaped ? scan_unescape(arena, raw) : raw, &time_us);
        *timestamp_ms = time_us / US_PER_MS;
        return valid;
    }
    struct decimal number;
    return scan_number(scan, &number) && decimal_int64(&number, timestamp_ms);
}

bool feed_timestamp(const struct feed *feed,
                    struct arena *arena,
                    struct bytes value,
                    int64_t *timestamp_ms)
{
    struct scan scan = {.at = value.data, .end = value.data + value.size};
    scan_space(&scan);
    bool inside = scan_byte(&scan, '{');
    while (inside) {
        struct bytes name;
        bool escaped = false;
        scan_space(&scan);
        if (scan_peek(&scan) != '"' || !scan_string(&scan, &name, &escaped)) {
            return false;
        }
        if (escaped) {
            name = scan_unescape(arena, name);
        }
        scan_space(&scan);
        if (!scan_byte(&scan, ':')) {
            return false;
        }
        scan_space(&scan);
        if (bytes_equal_text(name, feed->timestamp)) {
            return read_timestamp(&scan, arena, timestamp_ms);
        }
        if (!scan_skip(&scan, 1)) {
            return false;
        }
        scan_space(&scan);
        inside = scan_byte(&scan, ',');
    }
    return false;
}
