/* The archive, through libzip over memory. Spark reads it as a stream, local header by local header
 * (java.util.zip.ZipInputStream), so sizes stand in those and nothing stands before the first. */
#include "engine/state/rocksdb_snapshot.h"

#include <jansson.h>
#include <zip.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/base/sort.h"

#define METADATA       "metadata"
#define CURRENT        "CURRENT"
#define MANIFEST       "MANIFEST-"
#define SST            ".sst"
#define LOCAL_HEADER   "PK\x03\x04"
#define NO_ARCHIVE     "it is no zip archive, or its end is missing"
#define MODE_UNIX      (UINT32_C(0100644) << 16) /* plain file, rw-r--r-- */
#define METADATA_LINE1 "v1\n"

enum {
    LOCAL_HEADER_SIZE = 4,
    ENTRIES_MAX = 1000,          /* a handful is what RocksDB has */
    CONTENT_SIZE_MAX = 64 << 20, /* of all entries; a MANIFEST holds some 100 bytes an SST */
    READ_SIZE = 64 << 10,        /* inflated at once: memory grows with what is really there */
    NAME_SIZE_MAX = 255,         /* of a file */
    DOS_DATE = 1 << 5 | 1,       /* 1980-01-01: an archive knows no zero */
    DOS_TIME = 12 << 11,         /* at noon, which every time zone has */
};

/* ---- writing -------------------------------------------------------------------------------- */

static void metadata_encode(const struct rocksdb_snapshot *snapshot, struct buf *out)
{
    buf_text(out, METADATA_LINE1 "{\"sstFiles\":[");
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        const struct rocksdb_sst *sst = &snapshot->ssts[i];
        buf_text(out, i == 0 ? "{\"localFileName\":" : ",{\"localFileName\":");
        buf_json_string(out, bytes_of_text(sst->local_name));
        buf_text(out, ",\"dfsSstFileName\":");
        buf_json_string(out, bytes_of_text(sst->dfs_name));
        buf_printf(out, ",\"sizeBytes\":%lld}", (long long)sst->size);
    }
    buf_printf(out,
               "],\"numKeys\":%lld,\"numInternalKeys\":0,\"columnFamilyMapping\":{},"
               "\"columnFamilyTypeMap\":{},\"maxColumnFamilyId\":%lld}",
               (long long)snapshot->key_count,
               (long long)snapshot->column_family_max);
}

static void put_entry(zip_t *archive, const char *name, struct bytes content)
{
    zip_source_t *source = zip_source_buffer(archive, content.data, content.size, 0);
    require(source != NULL);
    zip_int64_t at = zip_file_add(archive, name, source, ZIP_FL_ENC_UTF_8);
    require(at >= 0);
    zip_uint64_t entry = (zip_uint64_t)at;
    /* Not the time of day, and not zip_file_set_mtime, which asks for the time zone. */
    require(zip_file_set_dostime(archive, entry, DOS_TIME, DOS_DATE, 0) == 0);
    require(zip_set_file_compression(archive, entry, ZIP_CM_DEFLATE, 0) == 0);
    require(zip_file_set_external_attributes(archive, entry, 0, ZIP_OPSYS_UNIX, MODE_UNIX) == 0);
}

struct encoding {
    const struct rocksdb_snapshot *snapshot;
    struct buf *out;
};

/* Whole or not at all: over memory libzip can only fail when that is gone. */
static void encode_on_thread_stack(void *argument)
{
    const struct encoding *encoding = argument;
    const struct rocksdb_snapshot *snapshot = encoding->snapshot;
    struct buf metadata = {0};
    zip_stat_t stat;
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, NULL);
    require(target != NULL);
    zip_source_keep(target); /* zip_close drops it, and it is read afterwards */
    zip_t *archive = zip_open_from_source(target, ZIP_TRUNCATE, NULL);
    require(archive != NULL);
    for (size_t i = 0; i < snapshot->file_count; i++) {
        put_entry(archive, snapshot->files[i].name, snapshot->files[i].content);
    }
    metadata_encode(snapshot, &metadata);
    put_entry(archive, METADATA, buf_bytes(&metadata));
    require(zip_close(archive) == 0);
    require(zip_source_stat(target, &stat) == 0);
    require(zip_source_open(target) == 0);
    uint8_t *bytes = buf_extend(encoding->out, stat.size);
    require(zip_source_read(target, bytes, stat.size) == (zip_int64_t)stat.size);
    require(zip_source_close(target) == 0);
    zip_source_free(target);
    buf_free(&metadata);
}

void rocksdb_snapshot_encode(const struct rocksdb_snapshot *snapshot, struct buf *out)
{
    struct encoding encoding = {.snapshot = snapshot, .out = out};
    require(!snapshot->has_logs);
    fiber_on_thread_stack(encode_on_thread_stack, &encoding);
}

/* ---- reading: names ------------------------------------------------------------------------- */

/* A file of a directory, and nothing that leads out of it. */
static bool plain_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > NAME_SIZE_MAX || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        bool letter = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && strchr("-_.", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* ---- reading: the metadata entry ------------------------------------------------------------ */

struct decoding {
    struct bytes file;
    struct arena *arena;
    struct rocksdb_snapshot *snapshot;
    size_t left; /* bytes that may still come out of the archive */
    struct bytes metadata;
    const char *what;
};

static const char *take_sst(const json_t *item, struct arena *arena, struct rocksdb_sst *sst)
{
    const char *local = json_string_value(json_object_get(item, "localFileName"));
    const char *dfs = json_string_value(json_object_get(item, "dfsSstFileName"));
    const json_t *size = json_object_get(item, "sizeBytes");
    if (local == NULL || dfs == NULL || !json_is_integer(size)) {
        return "metadata line 2: an entry of sstFiles lacks localFileName, dfsSstFileName or "
               "sizeBytes";
    }
    if (!plain_name(local) || !ends_with(local, SST) || !plain_name(dfs) || !ends_with(dfs, SST)) {
        return "metadata line 2: an entry of sstFiles does not name an .sst file";
    }
    if (json_integer_value(size) < 0) {
        return "metadata line 2: a sizeBytes is negative";
    }
    *sst = (struct rocksdb_sst){.local_name = arena_strdup(arena, local),
                                .dfs_name = arena_strdup(arena, dfs),
                                .size = json_integer_value(size)};
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, equal ones are neighbours. */
static bool same_twice(const char **names, size_t count)
{
    sort_items(names, count, sizeof *names, by_text);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *take_ssts(const json_t *ssts, struct decoding *decoding)
{
    struct rocksdb_snapshot *snapshot = decoding->snapshot;
    size_t count = json_array_size(ssts);
    if (ssts != NULL && !json_is_array(ssts)) {
        return "metadata line 2: sstFiles is not an array";
    }
    snapshot->ssts = arena_alloc(decoding->arena, count * sizeof *snapshot->ssts);
    const char **locals = arena_alloc(decoding->arena, count * sizeof *locals);
    const char **dfs = arena_alloc(decoding->arena, count * sizeof *dfs);
    for (size_t i = 0; i < count; i++) {
        const char *what = take_sst(json_array_get(ssts, i), decoding->arena, &snapshot->ssts[i]);
        if (what != NULL) {
            return what;
        }
        locals[i] = snapshot->ssts[i].local_name;
        dfs[i] = snapshot->ssts[i].dfs_name;
        snapshot->sst_count++;
    }
    return same_twice(locals, count) || same_twice(dfs, count)
               ? "metadata line 2: an SST file stands twice in sstFiles"
               : NULL;
}

static const char *take_metadata(const json_t *root, struct decoding *decoding)
{
    struct rocksdb_snapshot *snapshot = decoding->snapshot;
    const json_t *keys = json_object_get(root, "numKeys");
    const json_t *family = json_object_get(root, "maxColumnFamilyId");
    if (!json_is_object(root)) {
        return "metadata line 2: it is not a JSON object";
    }
    if (!json_is_integer(keys) || json_integer_value(keys) < -1) {
        return "metadata line 2: numKeys is not a number of keys";
    }
    if (family != NULL && (!json_is_integer(family) || json_integer_value(family) < 0)) {
        return "metadata line 2: maxColumnFamilyId is not a number";
    }
    snapshot->key_count = json_integer_value(keys);
    snapshot->column_family_max = json_integer_value(family);
    snapshot->has_logs = json_array_size(json_object_get(root, "logFiles")) > 0;
    return take_ssts(json_object_get(root, "sstFiles"), decoding);
}

static const char *read_metadata(struct decoding *decoding)
{
    struct cursor cursor = cursor_of(decoding->metadata);
    struct bytes line = cursor_take(&cursor, strlen(METADATA_LINE1));
    if (decoding->metadata.data == NULL) {
        return "it has no entry " METADATA;
    }
    if (!bytes_equal_text(line, METADATA_LINE1)) {
        return "metadata line 1: it is not \"v1\"";
    }
    json_t *root = json_loadb(
        (const char *)cursor.data + cursor.at, cursor_left(&cursor), JSON_REJECT_DUPLICATES, NULL);
    const char *what = take_metadata(root, decoding);
    json_decref(root);
    return what;
}

/* ---- reading: the archive ------------------------------------------------------------------- */

static const char *inflate_fault(zip_file_t *entry)
{
    int code = zip_error_code_zip(zip_file_get_error(entry));
    return code == ZIP_ER_CRC ? "its checksum differs" : "it does not inflate";
}

/* All of an entry that is open; its checksum is compared at its end. */
static const char *inflate(zip_file_t *entry, const char *name, struct decoding *decoding)
{
    static uint8_t chunk[READ_SIZE]; /* of one call: nothing suspends here */
    struct buf content = {0};
    struct rocksdb_snapshot *snapshot = decoding->snapshot;
    zip_int64_t got = 0;
    do {
        buf_append(&content, chunk, (size_t)got);
        got = zip_fread(entry, chunk, READ_SIZE);
    } while (got > 0 && content.size + (size_t)got <= decoding->left);
    if (got != 0) {
        buf_free(&content);
        return got > 0 ? "it inflates beyond 64 MiB" : inflate_fault(entry);
    }
    decoding->left -= content.size;
    struct bytes kept =
        bytes_of(arena_copy(decoding->arena, content.data, content.size), content.size);
    buf_free(&content);
    if (strcmp(name, METADATA) == 0) {
        decoding->metadata = kept;
    } else {
        snapshot->files[snapshot->file_count++] = (struct rocksdb_small_file){
            .name = arena_strdup(decoding->arena, name), .content = kept};
    }
    return NULL;
}

static const char *read_entry(zip_t *archive, zip_uint64_t at, struct decoding *decoding)
{
    zip_stat_t stat;
    const struct rocksdb_snapshot *snapshot = decoding->snapshot;
    if (zip_stat_index(archive, at, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0) {
        return NO_ARCHIVE;
    }
    if (!plain_name(stat.name)) {
        return "the name of an entry is not that of a file";
    }
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (strcmp(snapshot->files[i].name, stat.name) == 0) {
            return arena_printf(decoding->arena, "entry %s: it is there twice", stat.name);
        }
    }
    if (strcmp(stat.name, METADATA) == 0 && decoding->metadata.data != NULL) {
        return "entry " METADATA ": it is there twice";
    }
    zip_file_t *entry = zip_fopen_index(archive, at, 0);
    const char *what = entry == NULL ? "it cannot be read" : inflate(entry, stat.name, decoding);
    if (what != NULL) {
        what = arena_printf(decoding->arena, "entry %s: %s", stat.name, what);
    }
    return entry == NULL || zip_fclose(entry) == 0 || what != NULL ? what : NO_ARCHIVE;
}

static const char *read_entries(zip_t *archive, struct decoding *decoding)
{
    zip_int64_t count = zip_get_num_entries(archive, 0);
    const char *what = NULL;
    if (count < 0 || count > ENTRIES_MAX) {
        return "it has more entries than a RocksDB has files";
    }
    decoding->snapshot->files =
        arena_alloc(decoding->arena, (size_t)count * sizeof *decoding->snapshot->files);
    for (zip_uint64_t at = 0; at < (zip_uint64_t)count && what == NULL; at++) {
        what = read_entry(archive, at, decoding);
    }
    return what;
}

static const struct rocksdb_small_file *find_file(const struct rocksdb_snapshot *snapshot,
                                                  struct bytes name)
{
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (bytes_equal_text(name, snapshot->files[i].name)) {
            return &snapshot->files[i];
        }
    }
    return NULL;
}

/* CURRENT holds the name of the MANIFEST, which names the rest. */
static const char *check_database(const struct rocksdb_snapshot *snapshot)
{
    const struct rocksdb_small_file *current = find_file(snapshot, bytes_of_text(CURRENT));
    if (current == NULL) {
        return "it has no CURRENT";
    }
    struct bytes name = current->content;
    if (name.size <= strlen(MANIFEST) || memcmp(name.data, MANIFEST, strlen(MANIFEST)) != 0 ||
        name.data[name.size - 1] != '\n') {
        return "entry CURRENT: it does not name a MANIFEST";
    }
    name.size--;
    return find_file(snapshot, name) == NULL ? "it has no MANIFEST of the name that CURRENT says"
                                             : NULL;
}

static const char *decode(struct decoding *decoding)
{
    struct bytes file = decoding->file;
    if (file.size < LOCAL_HEADER_SIZE || memcmp(file.data, LOCAL_HEADER, LOCAL_HEADER_SIZE) != 0) {
        return NO_ARCHIVE;
    }
    zip_source_t *source = zip_source_buffer_create(file.data, file.size, 0, NULL);
    require(source != NULL);
    zip_t *archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
    if (archive == NULL) {
        zip_source_free(source);
        return NO_ARCHIVE;
    }
    const char *what = read_entries(archive, decoding);
    zip_discard(archive);
    what = what == NULL ? check_database(decoding->snapshot) : what;
    return what == NULL ? read_metadata(decoding) : what;
}

static void decode_on_thread_stack(void *argument)
{
    struct decoding *decoding = argument;
    decoding->what = decode(decoding);
}

enum status rocksdb_snapshot_decode(struct bytes file,
                                    struct arena *arena,
                                    struct rocksdb_snapshot *snapshot,
                                    const char **what)
{
    struct decoding decoding = {
        .file = file, .arena = arena, .snapshot = snapshot, .left = CONTENT_SIZE_MAX};
    *snapshot = (struct rocksdb_snapshot){0};
    fiber_on_thread_stack(decode_on_thread_stack, &decoding);
    *what = decoding.what;
    return decoding.what == NULL ? OK : ERR_CORRUPT;
}
