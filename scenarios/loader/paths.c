/* realpath is XSI. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _XOPEN_SOURCE 700

#include "scenarios/loader/paths.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenarios/loader/keys.h"

#define MARKER "aftershock.json"

/* realpath into the arena; NULL with errno. */
static const char *real_path(struct arena *arena, const char *path)
{
    char *found = realpath(path, NULL);
    if (found == NULL) {
        return NULL;
    }
    const char *copy = arena_strdup(arena, found);
    free(found);
    return copy;
}

static bool below(const char *root, const char *path)
{
    size_t length = strlen(root);
    if (strcmp(root, "/") == 0) {
        return true;
    }
    return strncmp(root, path, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The nearest folder from `folder` upwards that holds the marker; NULL: none. */
static const char *find_root(struct arena *arena, const char *folder)
{
    char *path = arena_strdup(arena, folder);
    for (;;) {
        if (is_file(arena_printf(arena, "%s/" MARKER, path))) {
            return path[0] == '\0' ? "/" : path;
        }
        char *slash = strrchr(path, '/');
        if (slash == NULL) {
            return NULL;
        }
        *slash = '\0';
    }
}

static enum status fail_file(struct diag *diag, const char *file, const char *why)
{
    (void)snprintf(diag->file, sizeof diag->file, "%s", file);
    return diag_fail(diag, SCENARIO_ERROR, "%s", why);
}

enum status paths_find(
    struct arena *arena, const char *file, const char *root, struct paths *paths, struct diag *diag)
{
    const char *slash = strrchr(file, '/');
    const char *folder = ".";
    if (slash == file) {
        folder = "/";
    } else if (slash != NULL) {
        folder = arena_copy(arena, file, (size_t)(slash - file));
    }
    *paths = (struct paths){
        .folder = real_path(arena, folder),
        .base = arena_strdup(arena, slash == NULL ? file : slash + 1),
    };
    if (paths->folder == NULL) {
        return fail_file(diag, file, arena_printf(arena, "not read: %s", strerror(errno)));
    }
    if (root == NULL) {
        paths->root = find_root(arena, paths->folder);
        if (paths->root == NULL) {
            return fail_file(diag,
                             file,
                             "no folder upwards from here holds " MARKER ", which marks what paths "
                             "may not leave; make one (aftershock init) or give --root");
        }
        return OK;
    }
    paths->root = real_path(arena, root);
    if (paths->root == NULL) {
        return fail_file(diag, root, arena_printf(arena, "no root: %s", strerror(errno)));
    }
    if (!below(paths->root, paths->folder)) {
        return fail_file(diag, file, arena_printf(arena, "not below the root %s", root));
    }
    return OK;
}

/* Does `path`, read from the folder, climb above the root on its way? By its letters only, so that
 * nothing outside is even looked for. */
static bool climbs_out(const struct paths *paths, const char *path)
{
    long depth = 0;
    for (const char *c = paths->folder + strlen(paths->root); *c != '\0'; c++) {
        depth += *c == '/' && c[1] != '\0';
    }
    depth += strcmp(paths->root, "/") == 0 && paths->folder[1] != '\0';
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0) {
            depth--;
        } else if (length > 0 && !(length == 1 && path[0] == '.')) {
            depth++;
        }
        if (depth < 0) {
            return true;
        }
        path += length + (path[length] == '/');
    }
    return false;
}

static const char *read_whole(struct arena *arena, const char *path, struct bytes *content)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return arena_printf(arena, "not read: %s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return "not a plain file";
    }
    if (status.st_size > PATHS_FILE_SIZE_MAX) {
        return "too large: at most 256 MiB are read";
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return arena_printf(arena, "not read: %s", strerror(errno));
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = arena_alloc(arena, size + 1);
    size_t got = fread(data, 1, size, file);
    bool bad = ferror(file) != 0;
    bad = fclose(file) != 0 || bad;
    if (bad || got != size) {
        return "not read whole";
    }
    *content = bytes_of(data, size);
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "no such file", with the nearest name in the folder where it should be. */
static const char *no_such_file(const struct paths *paths, struct arena *arena, const char *path)
{
    enum { NAMES_MAX = 1024 };
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path) + 1;
    const char *real =
        real_path(arena, arena_printf(arena, "%s/%.*s.", paths->folder, length, path));
    DIR *folder = real == NULL || !below(paths->root, real) ? NULL : opendir(real);
    if (folder == NULL) {
        return "no such file";
    }
    const char **names = arena_alloc(arena, (NAMES_MAX + 1) * sizeof *names);
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && count < NAMES_MAX;
         entry = readdir(folder)) {
        names[count] = arena_strdup(arena, entry->d_name);
        count++;
    }
    (void)closedir(folder);
    names[count] = NULL;
    qsort(names, count, sizeof *names, by_name); /* of equally near ones always the same */
    const char *nearest = diag_nearest(path + length, names);
    return nearest == NULL
               ? "no such file"
               : arena_printf(
                     arena, "no such file; did you mean \"%.*s%s\"?", length, path, nearest);
}

const char *
paths_read(const struct paths *paths, struct arena *arena, const char *path, struct bytes *content)
{
    if (path[0] == '/') {
        return "an absolute path, expected one relative to this file";
    }
    if (climbs_out(paths, path)) {
        return "leaves the root, the folder that holds " MARKER;
    }
    const char *real = real_path(arena, arena_printf(arena, "%s/%s", paths->folder, path));
    if (real == NULL) {
        return errno == ENOENT ? no_such_file(paths, arena, path)
                               : arena_printf(arena, "%s", strerror(errno));
    }
    if (!below(paths->root, real)) {
        return "leaves the root, the folder that holds " MARKER ", by a symbolic link";
    }
    return read_whole(arena, real, content);
}
