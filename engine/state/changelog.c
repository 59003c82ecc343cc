/* What stands in the container (spark-checkpoint 1.9), numbers big-endian:
 *
 *     v1  { keyLen key ( valLen val | -1 ) }*  -1
 *     v2  "v2" { operation keyLen key ( valLen val | -1 ) }*  00
 *     v3  "v3" lineage, then as v1
 *     v4  "v4" lineage, then as v2
 *
 * "v2" and the lineage are Java's writeUTF: uint16 size, then the bytes. The lineage is JSON,
 * [{"version":2,"checkpointUniqueId":"3f85..."},...]. An operation is a byte: 01 put, 10 remove, 11
 * merge, 20 remove of a range (key: its begin, value: its end).
 *
 * A file is walked through before its first record is handed on: a version-1 file may begin like a
 * header (a key of 161,330 bytes does), and nothing of a damaged file shall be taken for good. */
#include "engine/state/changelog.h"

#include <jansson.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/state/state_file.h"

enum { OLDEST_WITH_HEADER = 2, NEWEST = 4, END_OF_FILE = 0 };

static const struct {
    uint8_t code;
    enum changelog_operation operation;
    bool value; /* has one */
} operations[] = {{0x01, CHANGELOG_PUT, true},
                  {0x10, CHANGELOG_REMOVE, false},
                  {0x11, CHANGELOG_MERGE, true},
                  {0x20, CHANGELOG_REMOVE_RANGE, true}};

/* ---- the header ----------------------------------------------------------------------------- */

static struct bytes take_utf(struct cursor *cursor)
{
    uint64_t high = cursor_byte(cursor);
    return cursor_take(cursor, high << 8 | cursor_byte(cursor));
}

/* The number in "v<number>"; 0: there is no such header. */
static int64_t take_version(struct cursor *cursor)
{
    int64_t version = 0;
    struct bytes text = take_utf(cursor);
    if (cursor->failed || text.size < 2 || text.size > 10 || text.data[0] != 'v') {
        return 0;
    }
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        version = version * 10 + (text.data[i] - '0');
    }
    return version;
}

struct lineage {
    struct bytes text;
    struct arena *arena;
    struct changelog_ancestor *entries;
    size_t count;
    const char *what;
};

static bool take_ancestor(const json_t *item, struct arena *arena, struct changelog_ancestor *entry)
{
    const json_t *version = json_object_get(item, "version");
    const char *id = json_string_value(json_object_get(item, "checkpointUniqueId"));
    *entry = (struct changelog_ancestor){.version = json_integer_value(version)};
    if (entry->version < 1 || id == NULL || id[0] == '\0') {
        return false;
    }
    entry->id = arena_strdup(arena, id);
    return true;
}

static void read_lineage_on_thread_stack(void *argument)
{
    struct lineage *lineage = argument;
    json_t *root = json_loadb(
        (const char *)lineage->text.data, lineage->text.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_array(root)) {
        lineage->what = "its lineage is not a JSON array";
        json_decref(root);
        return;
    }
    size_t count = json_array_size(root);
    lineage->entries = arena_alloc(lineage->arena, count * sizeof *lineage->entries);
    for (size_t i = 0; i < count && lineage->what == NULL; i++) {
        struct changelog_ancestor *entry = &lineage->entries[i];
        if (!take_ancestor(json_array_get(root, i), lineage->arena, entry)) {
            lineage->what = "an entry of its lineage lacks a version or a checkpointUniqueId";
        } else if (i > 0 && entry->version != entry[-1].version + 1) {
            lineage->what = "the versions of its lineage do not follow each other";
        }
    }
    lineage->count = count;
    json_decref(root);
}

/* ---- records -------------------------------------------------------------------------------- */

static bool has_operations(int64_t format)
{
    return format == 2 || format == 4;
}

/* Without operations: a pair is a put or a remove. */
static const char *take_plain(struct cursor *cursor, struct changelog_record *record, bool *end)
{
    struct state_file_pair pair;
    const char *what = state_file_take(cursor, &pair);
    *end = pair.end;
    *record = (struct changelog_record){.operation = pair.value.data == NULL ? CHANGELOG_REMOVE
                                                                             : CHANGELOG_PUT,
                                        .key = pair.key,
                                        .value = pair.value};
    return what;
}

static const char *take_operation(struct cursor *cursor, struct changelog_record *record, bool *end)
{
    struct state_file_pair pair;
    uint8_t code = cursor_byte(cursor);
    *end = !cursor->failed && code == END_OF_FILE;
    if (cursor->failed) {
        return "the end marker is missing";
    }
    if (*end) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].code != code) {
            continue;
        }
        const char *what = state_file_take(cursor, &pair);
        if (what == NULL && (pair.end || (pair.value.data != NULL) != operations[i].value)) {
            what = "an operation has no key, or a value where there is none";
        }
        *record = (struct changelog_record){
            .operation = operations[i].operation, .key = pair.key, .value = pair.value};
        return what;
    }
    return "an operation is unknown";
}

/* All records up to the end marker; without `record` they are only looked at. */
static enum status walk(struct cursor cursor,
                        bool with_operations,
                        changelog_record_fn record,
                        void *context,
                        const char **what)
{
    while (true) {
        struct changelog_record next = {0};
        bool end = false;
        *what = with_operations ? take_operation(&cursor, &next, &end)
                                : take_plain(&cursor, &next, &end);
        if (*what != NULL) {
            return ERR_CORRUPT;
        }
        if (end) {
            return OK; /* what follows is not looked at, as in Spark */
        }
        if (record != NULL) {
            TRY(record(context, &next));
        }
    }
}

/* ---- the file ------------------------------------------------------------------------------- */

/* As the file says it is; `cursor` then stands at its first record. */
static const char *
read_as_said(struct cursor *cursor, struct arena *arena, struct changelog *changelog)
{
    const char *what = NULL;
    changelog->format = take_version(cursor);
    if (changelog->format == 0) {
        return "it has no header";
    }
    if (changelog->format < OLDEST_WITH_HEADER || changelog->format > NEWEST) {
        return arena_printf(arena,
                            "it is a changelog of version %lld; versions 1 to 4 can be read",
                            (long long)changelog->format);
    }
    if (changelog->format > 2) {
        struct lineage lineage = {.text = take_utf(cursor), .arena = arena};
        if (cursor->failed) {
            return "its lineage is cut short";
        }
        fiber_on_thread_stack(read_lineage_on_thread_stack, &lineage);
        if (lineage.what != NULL) {
            return lineage.what;
        }
        changelog->lineage = lineage.entries;
        changelog->lineage_count = lineage.count;
    }
    enum status status = walk(*cursor, has_operations(changelog->format), NULL, NULL, &what);
    require(status == OK || what != NULL);
    return what;
}

enum status changelog_read(struct bytes file,
                           struct arena *arena,
                           struct changelog *changelog,
                           changelog_record_fn record,
                           void *context,
                           const char **what)
{
    struct bytes content = {0};
    *changelog = (struct changelog){0};
    TRY(state_file_content(file, arena, &content, what));
    struct cursor cursor = cursor_of(content);
    const char *fault = read_as_said(&cursor, arena, changelog);
    if (fault != NULL) {
        bool headed = changelog->format > 0;
        cursor = cursor_of(content);
        *changelog = (struct changelog){.format = 1};
        if (walk(cursor, false, NULL, NULL, what) != OK) {
            *what = headed ? fault : *what;
            return ERR_CORRUPT;
        }
    }
    return walk(cursor, has_operations(changelog->format), record, context, what);
}
