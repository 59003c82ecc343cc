#include "engine/sink/live_files.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"

enum { ENTRIES_MIN = 16 };

static void free_entry(struct live_file *entry)
{
    if (entry->uri != entry->path) {
        heap_free(entry->uri);
    }
    heap_free(entry->path);
    *entry = (struct live_file){0};
}

void live_files_free(struct live_files *files)
{
    for (size_t i = 0; i < files->used; i++) {
        free_entry(&files->entries[i]);
    }
    heap_free(files->entries);
    heap_free(files->slots);
    *files = (struct live_files){0};
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(heap_alloc_unset(size), text, size);
}

/* The slot of `path`, or the free one where it belongs. A removed entry keeps its slot until the
 * table of slots is made anew, so that what was put behind it is still found. */
static size_t *find_slot(const struct live_files *files, const char *path)
{
    size_t at = (size_t)hash_text(path) & (files->slot_max - 1);
    while (files->slots[at] != 0) {
        const char *known = files->entries[files->slots[at] - 1].path;
        if (known != NULL && strcmp(known, path) == 0) {
            break;
        }
        at = (at + 1) & (files->slot_max - 1);
    }
    return &files->slots[at];
}

/* Room for one more entry: close the holes, and grow when they were few. At most half of the slots
 * are ever taken, since there are two for each entry. */
static void make_room(struct live_files *files)
{
    if (files->used < files->capacity) {
        return;
    }
    size_t capacity = files->count * 2 < ENTRIES_MIN ? ENTRIES_MIN : files->count * 2;
    struct live_file *entries = heap_alloc(capacity * sizeof *entries);
    size_t used = 0;
    for (size_t i = 0; i < files->used; i++) {
        if (files->entries[i].path != NULL) {
            entries[used++] = files->entries[i];
        }
    }
    require(used == files->count);
    heap_free(files->entries);
    heap_free(files->slots);
    files->entries = entries;
    files->used = used;
    files->capacity = capacity;
    files->slot_max = (size_t)ENTRIES_MIN * 2;
    while (files->slot_max < capacity * 2) {
        files->slot_max *= 2;
    }
    files->slots = heap_alloc(files->slot_max * sizeof *files->slots);
    for (size_t i = 0; i < used; i++) {
        *find_slot(files, entries[i].path) = i + 1;
    }
}

static void remove_path(struct live_files *files, const char *path)
{
    const size_t *slot = files->slot_max == 0 ? NULL : find_slot(files, path);
    if (slot != NULL && *slot != 0) {
        free_entry(&files->entries[*slot - 1]);
        files->count--;
    }
}

static void add(struct live_files *files, const struct delta_log_file *file)
{
    remove_path(files, file->path);
    make_room(files);
    struct live_file *entry = &files->entries[files->used++];
    entry->path = copy(file->path);
    entry->uri = strcmp(file->uri, file->path) == 0 ? entry->path : copy(file->uri);
    entry->size = file->size;
    *find_slot(files, entry->path) = files->used;
    files->count++;
}

void live_files_apply(struct live_files *files, const struct delta_log_facts *facts)
{
    for (size_t i = 0; i < facts->removed_count; i++) {
        remove_path(files, facts->removed[i].path);
    }
    for (size_t i = 0; i < facts->added_count; i++) {
        add(files, &facts->added[i]);
    }
}
