#include "sim/cli/read_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/buf.h"

static enum status unreadable(struct diag *diag, const char *path, const char *why)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag, "UNREADABLE", "it cannot be read: %s", why);
}

enum status
read_file(struct arena *arena, const char *path, struct bytes *content, struct diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return unreadable(diag, path, strerror(errno));
    }
    enum { CHUNK = 1 << 16 };
    struct buf buf = {0};
    size_t got = 0;
    do {
        uint8_t *room = buf_extend(&buf, CHUNK);
        got = fread(room, 1, CHUNK, file);
        buf.size -= CHUNK - got;
    } while (got > 0);
    int error = ferror(file) != 0 ? errno : 0;
    (void)fclose(file); /* it was only read */
    *content = bytes_of(arena_copy(arena, buf.data, buf.size), buf.size);
    buf_free(&buf);
    return error == 0 ? OK : unreadable(diag, path, strerror(error));
}

/* A list of paths relative to the folder; the folders among them are still to be listed. */
struct paths {
    const char **items;
    size_t count;
    size_t capacity;
};

struct walk {
    struct arena *arena;
    const char *folder;
    struct paths folders;
    struct judge_file *files;
    size_t count;
    size_t capacity;
    struct diag *diag;
};

static void *room(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 64 : 2 * *capacity;
    return heap_realloc(items, *capacity * size);
}

static void push_folder(struct walk *walk, const char *path)
{
    struct paths *folders = &walk->folders;
    folders->items = room(folders->items, folders->count, &folders->capacity, sizeof(char *));
    folders->items[folders->count++] = path;
}

static enum status visit(struct walk *walk, const char *path)
{
    const char *whole = arena_printf(walk->arena, "%s/%s", walk->folder, path);
    struct stat status;
    if (stat(whole, &status) != 0) {
        return unreadable(walk->diag, whole, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        push_folder(walk, path);
        return OK;
    }
    walk->files = room(walk->files, walk->count, &walk->capacity, sizeof *walk->files);
    struct judge_file *file = &walk->files[walk->count++];
    file->path = path;
    return read_file(walk->arena, whole, &file->content, walk->diag);
}

/* `path` is "" for the folder itself. */
static enum status list_folder(struct walk *walk, const char *path)
{
    const char *whole = arena_printf(walk->arena, "%s/%s", walk->folder, path);
    DIR *directory = opendir(whole);
    if (directory == NULL) {
        return unreadable(walk->diag, walk->folder, strerror(errno));
    }
    enum status status = OK;
    for (const struct dirent *entry = readdir(directory); entry != NULL && status == OK;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            status =
                visit(walk,
                      arena_printf(
                          walk->arena, "%s%s%s", path, path[0] == '\0' ? "" : "/", entry->d_name));
        }
    }
    (void)closedir(directory); /* it was only read */
    return status;
}

enum status
read_tree(struct arena *arena, const char *folder, struct judge_files *files, struct diag *diag)
{
    struct walk walk = {.arena = arena, .folder = folder, .diag = diag};
    enum status status = OK;
    push_folder(&walk, "");
    while (walk.folders.count > 0 && status == OK) {
        status = list_folder(&walk, walk.folders.items[--walk.folders.count]);
    }
    struct judge_file *kept = arena_alloc(arena, walk.count * sizeof *kept);
    for (size_t i = 0; i < walk.count; i++) {
        kept[i] = walk.files[i];
    }
    *files = (struct judge_files){kept, walk.count};
    heap_free(walk.files);
    heap_free(walk.folders.items);
    return status;
}
