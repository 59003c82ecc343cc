#include "sim/check/state_zip.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/sort.h"
#include "sim/check/json_pull.h"
#include "sim/check/rocksdb_files.h"
#include "sim/check/zip_reader.h"

/* ---- metadata: v1, a newline, JSON */

static const char *text_of(const struct json_pull *json, struct arena *arena)
{
    struct bytes text = pull_string(json, arena);
    return arena_copy(arena, text.data, text.size);
}

static bool read_sst(struct json_pull *json, struct arena *arena, struct state_zip_sst *sst)
{
    unsigned seen = 0;
    while (pull_member(json)) {
        bool local = pull_name_is(json, "localFileName");
        bool name = pull_name_is(json, "dfsSstFileName");
        bool size = pull_name_is(json, "sizeBytes");
        enum pull_token token = pull_next(json);
        if ((local || name) && token == PULL_STRING) {
            *(local ? &sst->local : &sst->name) = text_of(json, arena);
            seen |= local ? 1u : 2u;
        } else if (size && pull_int64(json, &sst->size)) {
            seen |= 4u;
        } else if (!pull_skip(json)) {
            return false;
        }
    }
    return json->token == PULL_OBJECT_END && seen == 7u && strchr(sst->name, '/') == NULL;
}

static bool read_ssts(struct json_pull *json, struct arena *arena, struct state_zip *zip)
{
    size_t room = 0;
    if (pull_next(json) != PULL_ARRAY) {
        return false;
    }
    while (pull_next(json) == PULL_OBJECT) {
        if (zip->count == room) {
            room = room == 0 ? 8 : room * 2;
            struct state_zip_sst *more = arena_alloc(arena, room * sizeof *more);
            if (zip->count > 0) {
                memcpy(more, zip->ssts, zip->count * sizeof *more);
            }
            zip->ssts = more;
        }
        struct state_zip_sst *sst = &zip->ssts[zip->count++];
        *sst = (struct state_zip_sst){.size = -1};
        if (!read_sst(json, arena, sst)) {
            return false;
        }
    }
    return json->token == PULL_ARRAY_END;
}

static const char *read_metadata(struct bytes text, struct arena *arena, struct state_zip *zip)
{
    static const char error[] = "its metadata is not v1 and JSON with sstFiles and numKeys";
    struct json_pull json;
    bool rows = false;
    if (text.size < 3 || memcmp(text.data, "v1\n", 3) != 0) {
        return error;
    }
    pull_open(&json, bytes_of(text.data + 3, text.size - 3));
    if (pull_next(&json) != PULL_OBJECT) {
        return error;
    }
    while (pull_member(&json)) {
        bool good = true;
        if (pull_name_is(&json, "sstFiles")) {
            good = read_ssts(&json, arena, zip);
        } else if (pull_name_is(&json, "numKeys")) {
            good = pull_next(&json) == PULL_INTEGER && pull_int64(&json, &zip->rows);
            rows = true;
        } else {
            good = pull_skip(&json);
        }
        if (!good) {
            return error;
        }
    }
    return json.token == PULL_OBJECT_END && pull_next(&json) == PULL_END && rows ? NULL : error;
}

/* ---- the archive */

static const struct zip_entry *
find_entry(const struct zip_entry *entries, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_text(name, entries[i].name)) {
            return &entries[i];
        }
    }
    return NULL;
}

const char *state_zip_read(struct bytes file, struct arena *arena, struct state_zip *zip)
{
    struct zip_entry *entries = NULL;
    size_t count = 0;
    *zip = (struct state_zip){.rows = -1};
    const char *error = zip_read(file, arena, &entries, &count);
    if (error != NULL) {
        return error;
    }
    const struct zip_entry *metadata = find_entry(entries, count, bytes_of_text("metadata"));
    const struct zip_entry *current = find_entry(entries, count, bytes_of_text("CURRENT"));
    if (metadata == NULL || current == NULL) {
        return "it has no metadata or no CURRENT";
    }
    struct bytes name = current->content; /* and a newline */
    name.size -= name.size > 0 && name.data[name.size - 1] == '\n';
    const struct zip_entry *manifest = find_entry(entries, count, name);
    if (manifest == NULL) {
        return "the MANIFEST that its CURRENT names is not in it";
    }
    zip->manifest = manifest->content;
    return read_metadata(metadata->content, arena, zip);
}

/* ---- its rows */

static int by_key_newest_first(const void *left, const void *right)
{
    const struct table_entry *a = left;
    const struct table_entry *b = right;
    int order = bytes_compare(a->key, b->key);
    if (order == 0 && a->sequence != b->sequence) {
        return a->sequence > b->sequence ? -1 : 1;
    }
    return order;
}

/* An ingested file's entries carry no sequence number: the MANIFEST gives all of them one. */
static const char *read_file(const struct state_zip *zip,
                             const struct manifest_file *file,
                             state_sst_look look,
                             void *context,
                             struct arena *arena,
                             struct table_entries *entries)
{
    char local[32];
    (void)snprintf(local, sizeof local, "%06llu.sst", (unsigned long long)file->number);
    const struct state_zip_sst *sst = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        sst = strcmp(zip->ssts[i].local, local) == 0 ? &zip->ssts[i] : sst;
    }
    struct bytes content;
    if (sst == NULL) {
        return arena_printf(arena, "its metadata does not name %s, which its MANIFEST has", local);
    }
    if (!look(context, sst->name, &content)) {
        return arena_printf(arena, "SSTs/%s is not there", sst->name);
    }
    if (content.size != file->size || (int64_t)content.size != sst->size) {
        return arena_printf(arena, "SSTs/%s is of another size", sst->name);
    }
    size_t before = entries->count;
    const char *error = table_read(content, arena, entries);
    if (error == NULL && !manifest_file_is(file, content)) {
        error = "its checksum is not that of the MANIFEST";
    }
    for (size_t i = before; i < entries->count && file->sequence_min == file->sequence_max; i++) {
        entries->entries[i].sequence = file->sequence_max;
    }
    return error == NULL ? NULL : arena_printf(arena, "SSTs/%s: %s", sst->name, error);
}

static struct bytes without_version(struct bytes row)
{
    return bytes_of(row.data + 1, row.size - 1);
}

static const char *
resolve(struct table_entries *all, struct arena *arena, struct state_records *rows)
{
    sort_items(all->entries, all->count, sizeof *all->entries, by_key_newest_first);
    *rows = (struct state_records){
        .records = arena_alloc(arena, (all->count + 1) * sizeof *rows->records)};
    for (size_t i = 0; i < all->count; i++) {
        const struct table_entry *entry = &all->entries[i];
        bool older = i > 0 && bytes_equal(all->entries[i - 1].key, entry->key);
        if (older && all->entries[i - 1].sequence == entry->sequence) {
            return "two entries of one key have one sequence number";
        }
        if (older || entry->removes) {
            continue;
        }
        if (entry->key.size == 0 || entry->key.data[0] != 0 || entry->value.size == 0 ||
            entry->value.data[0] != 0) {
            return "a row does not begin with the byte 0";
        }
        rows->records[rows->count++] =
            (struct state_record){without_version(entry->key), without_version(entry->value)};
    }
    return NULL;
}

const char *state_zip_rows(const struct state_zip *zip,
                           state_sst_look look,
                           void *context,
                           struct arena *arena,
                           struct state_records *rows)
{
    struct manifest_file *files = NULL;
    size_t count = 0;
    struct table_entries all = {.count = 0};
    const char *error = manifest_read(zip->manifest, arena, &files, &count);
    if (error == NULL && count != zip->count) {
        error = "its MANIFEST and its metadata have different files";
    }
    for (size_t i = 0; error == NULL && i < count; i++) {
        error = read_file(zip, &files[i], look, context, arena, &all);
    }
    if (error == NULL) {
        error = resolve(&all, arena, rows);
    }
    if (error == NULL && zip->rows >= 0 && (int64_t)rows->count != zip->rows) {
        error = arena_printf(
            arena, "numKeys is %lld, but it has %zu rows", (long long)zip->rows, rows->count);
    }
    return error;
}
