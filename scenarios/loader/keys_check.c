/* The walk over a document with the key tables. Values wait in a list, so that nothing recurses; an
 * object's members are put before what waits already, so that complaints come in the order of the
 * text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "faults/fault.h"
#include "scenarios/loader/keys.h"
#include "scenarios/loader/names.h"
#include "scenarios/loader/values.h"

/* Ten years: so far from overflow that sums of durations need no check. */
#define DURATION_MAX_US (3660 * US_PER_DAY)

struct waiting {
    struct waiting *next;
    const struct key *key;
    json_t *value;
    const char *path;
};

struct walk {
    const struct document *document;
    struct arena *arena;
    struct diag *diag;
    struct waiting *first;
    struct waiting **insert; /* where the next member of the current object goes */
};

#define FAIL(walk, path, at_key, ...)                                                              \
    document_fail((walk)->document, (walk)->diag, SCENARIO_ERROR, path, at_key, __VA_ARGS__)

enum { SAID_SIZE = 600, FOUND_SIZE = 120 };

/* ---- words -------------------------------------------------------------------------------------
 */

static void append(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...)
{
    size_t length = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out + length, size - length, format, arguments);
    va_end(arguments);
}

/* A text of the file inside a message: short, whole characters, no control characters. */
static void quote(const char *text, char *out, size_t size)
{
    enum { SHOWN_MAX = 48 };
    size_t length = strlen(text);
    size_t shown = length;
    if (shown > SHOWN_MAX) {
        shown = SHOWN_MAX;
        while (shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80) {
            shown--;
        }
    }
    (void)snprintf(out, size, "\"%.*s%s\"", (int)shown, text, shown < length ? "..." : "");
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F) {
            *c = '?';
        }
    }
}

static void say_found(const json_t *value, char out[FOUND_SIZE])
{
    char text[FOUND_SIZE - 16];
    switch (json_typeof(value)) {
    case JSON_STRING:
        quote(json_string_value(value), text, sizeof text);
        (void)snprintf(out, FOUND_SIZE, "the text %s", text);
        return;
    case JSON_INTEGER:
        (void)snprintf(
            out, FOUND_SIZE, "the number %" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;
    case JSON_REAL:
        (void)snprintf(out, FOUND_SIZE, "a number with a fraction");
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(out, FOUND_SIZE, "%s", json_is_true(value) ? "true" : "false");
        return;
    case JSON_NULL:
        (void)snprintf(out, FOUND_SIZE, "null");
        return;
    case JSON_OBJECT:
        (void)snprintf(out, FOUND_SIZE, "an object");
        return;
    case JSON_ARRAY:
        (void)snprintf(out, FOUND_SIZE, "a list");
        return;
    }
}

static void say_names(const char *const *names, char *out, size_t size)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        append(out, size, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
}

static void say_expected(const struct key *key, char out[SAID_SIZE])
{
    static const char *const texts[] = {
        [KEY_TEXT] = "a text that is not empty",
        [KEY_PATH] = "a path relative to this file",
        [KEY_BOOL] = "true or false",
        [KEY_DURATION] = "a duration with its unit, such as \"20s\" or \"1h30m\", up to 3660d",
        [KEY_RATE] = "a rate, such as \"4/s\" or \"1/min\"",
        [KEY_MILLISECONDS] =
            "a duration with its unit, such as \"24h\", or a number of milliseconds",
        [KEY_BYTES] = "a size with its unit, such as \"64KiB\", or a number of bytes",
        [KEY_TIMESTAMP] = "a time, such as \"2001-01-01T00:00:00Z\"",
        [KEY_SCALAR] = "a text, a whole number, true or false",
        [KEY_OBJECT] = "an object",
        [KEY_INT_OR_OBJECT] = "a number from 0, or an object with min and max",
        [KEY_VARIANTS] = "an object",
        [KEY_LIST] = "a list",
        [KEY_MAP] = "an object",
    };
    out[0] = '\0';
    if (key->kind == KEY_NAME) {
        append(out, SAID_SIZE, "one of: ");
        say_names(key->names, out, SAID_SIZE);
    } else if (key->kind == KEY_TARGET) {
        append(out, SAID_SIZE, "one of: ");
        say_names(names_targets, out, SAID_SIZE);
    } else if (key->kind == KEY_INT) {
        append(out,
               SAID_SIZE,
               "a whole number from %lld to %lld",
               (long long)key->min,
               (long long)key->max);
        if (key->names != NULL) {
            append(out, SAID_SIZE, ", or \"%s\"", key->names[0]);
        }
    } else {
        append(out, SAID_SIZE, "%s", texts[key->kind]);
        if (key->kind == KEY_DURATION && key->min > 0) {
            append(out, SAID_SIZE, ", more than nothing");
        }
        if (key->names != NULL && key->kind != KEY_MAP) {
            append(out, SAID_SIZE, ", or \"%s\"", key->names[0]);
        }
    }
}

static enum status fail_value(const struct walk *walk, const struct waiting *at)
{
    char found[FOUND_SIZE];
    char expected[SAID_SIZE];
    say_found(at->value, found);
    say_expected(at->key, expected);
    const char *nearest = NULL;
    if (json_is_string(at->value) && (at->key->kind == KEY_NAME || at->key->kind == KEY_TARGET)) {
        nearest = diag_nearest(json_string_value(at->value),
                               at->key->kind == KEY_NAME ? at->key->names : names_targets);
    }
    if (nearest != NULL) {
        append(expected, SAID_SIZE, "; did you mean \"%s\"?", nearest);
    }
    return FAIL(walk, at->path, false, "found %s, expected %s", found, expected);
}

/* ---- plain values ------------------------------------------------------------------------------
 */

static bool is_one_of(const char *const *names, const json_t *value)
{
    return names != NULL && json_is_string(value) &&
           names[name_index(names, json_string_value(value))] != NULL;
}

static bool in_limits(const struct key *key, const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= key->min &&
           json_integer_value(value) <= key->max;
}

/* Kafka's settings: at least `min` when there is one, else -1 (none) and up. */
static bool setting_in_limits(const struct key *key, int64_t value)
{
    return value >= (key->min > 0 ? key->min : -1);
}

static bool text_fits(const struct key *key, const char *text)
{
    int64_t number = 0;
    struct target target;
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_PATH:
        return text[0] != '\0';
    case KEY_DURATION:
        return duration_parse(text, &number) && number >= key->min && number <= DURATION_MAX_US;
    case KEY_RATE:
        return rate_parse(text, &number);
    case KEY_TIMESTAMP:
        return timestamp_parse(bytes_of_text(text), &number) && number >= 0 &&
               number < INT64_C(253402300800) * US_PER_SECOND; /* the year 10000 */
    case KEY_TARGET:
        return target_parse(text, &target);
    case KEY_SCALAR:
        return true;
    case KEY_NAME:
    case KEY_BOOL:
    case KEY_INT:
    case KEY_MILLISECONDS:
    case KEY_BYTES:
    case KEY_OBJECT:
    case KEY_INT_OR_OBJECT:
    case KEY_VARIANTS:
    case KEY_LIST:
    case KEY_MAP:
        return false;
    }
    return false;
}

static bool plain_fits(const struct key *key, const json_t *value)
{
    int64_t number = 0;
    if (key->kind != KEY_MAP && is_one_of(key->names, value)) {
        return true;
    }
    if (key->kind == KEY_MILLISECONDS) {
        return milliseconds_parse(value, &number) && setting_in_limits(key, number) &&
               number <= DURATION_MAX_US / US_PER_MS;
    }
    if (key->kind == KEY_BYTES) {
        return bytes_parse(value, &number) && setting_in_limits(key, number);
    }
    if (json_is_string(value)) {
        return text_fits(key, json_string_value(value));
    }
    if (key->kind == KEY_SCALAR) {
        return json_is_integer(value) || json_is_boolean(value);
    }
    if (key->kind == KEY_BOOL) {
        return json_is_boolean(value);
    }
    return (key->kind == KEY_INT || key->kind == KEY_INT_OR_OBJECT) && in_limits(key, value);
}

/* ---- objects and lists -------------------------------------------------------------------------
 */

static const struct key *find_key(const struct key_table *table, const char *name)
{
    for (const struct key *key = table->keys; key->name != NULL; key++) {
        if (strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

static const char *member_path(const struct walk *walk, const char *path, const char *name)
{
    char whole[DOCUMENT_PATH_SIZE];
    (void)snprintf(whole, sizeof whole, "%s", path);
    document_path_member(whole, name);
    return arena_strdup(walk->arena, whole);
}

static void wait_for(struct walk *walk, const struct key *key, json_t *value, const char *path)
{
    struct waiting *waiting = arena_alloc(walk->arena, sizeof *waiting);
    *waiting = (struct waiting){.next = *walk->insert, .key = key, .value = value, .path = path};
    *walk->insert = waiting;
    walk->insert = &waiting->next;
}

static const struct key remark_key = {.name = "note", .kind = KEY_TEXT};

enum { CANDIDATES_MAX = 48 };

static enum status fail_unknown(const struct walk *walk,
                                const char *path,
                                const char *name,
                                const char *const *candidates)
{
    char quoted[FOUND_SIZE];
    char expected[SAID_SIZE] = "";
    quote(name, quoted, sizeof quoted);
    say_names(candidates, expected, sizeof expected);
    const char *nearest = diag_nearest(name, candidates);
    if (nearest != NULL) {
        append(expected, SAID_SIZE, "; did you mean \"%s\"?", nearest);
    }
    path = member_path(walk, path, name);
    return FAIL(walk, path, true, "unknown key %s, expected one of: %s", quoted, expected);
}

/* The names of a table behind those already in `candidates`, each once. */
static void collect(const struct key_table *table, const char *candidates[CANDIDATES_MAX + 1])
{
    size_t count = 0;
    while (candidates[count] != NULL) {
        count++;
    }
    for (const struct key *key = table->keys; key->name != NULL; key++) {
        if (candidates[name_index(candidates, key->name)] == NULL) {
            require(count < CANDIDATES_MAX);
            candidates[count++] = key->name;
        }
    }
}

static enum status
check_object(struct walk *walk, const struct waiting *at, const struct key_table *table)
{
    const char *name;
    json_t *value;
    json_object_foreach(at->value, name, value)
    {
        const struct key *key = key_is_remark(name) ? &remark_key : find_key(table, name);
        if (key == NULL) {
            const char *candidates[CANDIDATES_MAX + 1] = {NULL};
            collect(table, candidates);
            return fail_unknown(walk, at->path, name, candidates);
        }
        wait_for(walk, key, value, member_path(walk, at->path, name));
    }
    for (const struct key *key = table->keys; key->name != NULL; key++) {
        if (key->required && json_object_get(at->value, key->name) == NULL) {
            return FAIL(walk,
                        member_path(walk, at->path, key->name),
                        false,
                        "missing \"%s\": %s",
                        key->name,
                        key->help);
        }
    }
    return OK;
}

/* Which variant? The one whose leading key is there. */
static enum status check_variants(struct walk *walk, const struct waiting *at)
{
    const struct key_table *chosen = NULL;
    const char *candidates[CANDIDATES_MAX + 1] = {NULL};
    char leading[SAID_SIZE] = "";
    for (size_t i = 0; at->key->variants[i] != NULL; i++) {
        const struct key_table *variant = at->key->variants[i];
        collect(variant, candidates);
        append(leading, sizeof leading, "%s\"%s\"", i == 0 ? "" : ", ", variant->leading);
        if (json_object_get(at->value, variant->leading) == NULL) {
            continue;
        }
        if (chosen != NULL) {
            return FAIL(walk,
                        member_path(walk, at->path, variant->leading),
                        true,
                        "\"%s\" and \"%s\" contradict each other, expected one of them",
                        chosen->leading,
                        variant->leading);
        }
        chosen = variant;
    }
    const char *name;
    json_t *value;
    json_object_foreach(at->value, name, value)
    {
        bool known = candidates[name_index(candidates, name)] != NULL;
        if (!known && !key_is_remark(name)) {
            return fail_unknown(walk, at->path, name, candidates);
        }
        if (chosen != NULL && known && find_key(chosen, name) == NULL) {
            return FAIL(walk,
                        member_path(walk, at->path, name),
                        true,
                        "\"%s\" does not go with \"%s\"",
                        name,
                        chosen->leading);
        }
    }
    if (chosen == NULL) {
        return FAIL(walk, at->path, false, "found none of %s, expected one", leading);
    }
    return check_object(walk, at, chosen);
}

static enum status fail_count(const struct walk *walk, const struct waiting *at, size_t found)
{
    const struct key *key = at->key;
    bool many = key->max > 0 && found > (size_t)key->max;
    return FAIL(walk,
                at->path,
                false,
                "found %zu items, expected %s %lld",
                found,
                key->max == key->min ? "exactly"
                : many               ? "at most"
                                     : "at least",
                (long long)(many ? key->max : key->min));
}

static enum status check_map(struct walk *walk, const struct waiting *at)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(at->value, name, value)
    {
        if (key_is_remark(name) && json_is_string(value)) {
            continue;
        }
        if (at->key->names != NULL && at->key->names[name_index(at->key->names, name)] == NULL) {
            return fail_unknown(walk, at->path, name, at->key->names);
        }
        count++;
        wait_for(walk, at->key->element, value, member_path(walk, at->path, name));
    }
    return count < (size_t)at->key->min ? fail_count(walk, at, count) : OK;
}

static enum status check_list(struct walk *walk, const struct waiting *at)
{
    size_t count = json_array_size(at->value);
    if (count < (size_t)at->key->min || (at->key->max > 0 && count > (size_t)at->key->max)) {
        return fail_count(walk, at, count);
    }
    for (size_t i = 0; i < count; i++) {
        char path[DOCUMENT_PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s", at->path);
        document_path_item(path, i);
        wait_for(
            walk, at->key->element, json_array_get(at->value, i), arena_strdup(walk->arena, path));
    }
    return OK;
}

static enum status check_value(struct walk *walk, const struct waiting *at)
{
    const struct key *key = at->key;
    if (json_is_object(at->value)) {
        if (key->kind == KEY_OBJECT || key->kind == KEY_INT_OR_OBJECT) {
            return check_object(walk, at, key->table);
        }
        if (key->kind == KEY_VARIANTS) {
            return check_variants(walk, at);
        }
        if (key->kind == KEY_MAP) {
            return check_map(walk, at);
        }
    }
    if (json_is_array(at->value) && key->kind == KEY_LIST) {
        return check_list(walk, at);
    }
    return plain_fits(key, at->value) ? OK : fail_value(walk, at);
}

enum status keys_check(const struct document *document, struct arena *arena, struct diag *diag)
{
    static const struct key whole = {.kind = KEY_OBJECT, .table = &keys_scenario};
    struct walk walk = {.document = document, .arena = arena, .diag = diag};
    walk.insert = &walk.first;
    wait_for(&walk, &whole, document->root, "");
    while (walk.first != NULL) {
        const struct waiting *at = walk.first;
        walk.first = at->next;
        walk.insert = &walk.first;
        TRY(check_value(&walk, at));
    }
    return OK;
}
