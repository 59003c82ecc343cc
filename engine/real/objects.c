/* The objects port over a directory. A key is a path below it. A put is
 *
 *     mkdir missing parents, fsync the directory of each               once a directory and process
 *     write <directory>/.aftershock-put/<uuid>, fsync, close           whole and durable, no key
 *     link(2) to the key (put-if-absent), or rename(2) over it (put)    one winner; whole
 *     fsync the key's directory                                         durable; only now is it OK
 *
 * A failure behind the link leaves an outcome that nobody knows: ERR_UNKNOWN, as a reset connection
 * to a real store does. Keys of one store cannot be both "a" and "a/b": ERR_IO. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _DEFAULT_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/sort.h"
#include "engine/base/units.h"
#include "engine/real/errno_status.h"
#include "engine/real/real_ports.h"

#define PUTS ".aftershock-put"

struct known_directory {
    struct known_directory *next;
    char path[];
};

struct real_objects {
    char directory[PATH_MAX];
    struct random_port random;
    uint64_t puts;
    struct known_directory *known; /* each is there, and its name is durable */
};

static bool real_path(const struct real_objects *objects, const char *key, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%s", objects->directory, key);
    return size > 0 && size < PATH_MAX;
}

static int open_again(const char *path, int flags)
{
    int fd = -1;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Errors of a request that had no effect. Only what the port's callers know. */
static enum status failed(int error)
{
    enum status status = errno_status(error);
    return status == ERR_NOT_FOUND || status == ERR_EXISTS ? status : ERR_IO;
}

/* ---- get */

static enum status read_whole(int fd, struct arena *arena, struct bytes *object)
{
    struct stat found;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        return ERR_NOT_FOUND; /* a directory is no object */
    }
    size_t size = (size_t)found.st_size;
    uint8_t *data = arena_alloc(arena, size + 1);
    size_t at = 0;
    while (at < size) {
        ssize_t got = read(fd, data + at, size - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return ERR_IO;
        }
        at += (size_t)got;
    }
    *object = bytes_of(data, size);
    return OK;
}

static enum status get(void *self, const char *key, struct arena *arena, struct bytes *object)
{
    char path[PATH_MAX];
    if (!real_path(self, key, path)) {
        return ERR_IO;
    }
    int fd = open_again(path, O_RDONLY);
    if (fd < 0) {
        return failed(errno);
    }
    enum status status = read_whole(fd, arena, object);
    (void)close(fd); /* nothing was written through it */
    return status;
}

/* ---- put */

static bool sync_directory(const char *path)
{
    int fd = open_again(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return false;
    }
    bool synced = fsync(fd) == 0;
    (void)close(fd);
    return synced;
}

static bool is_known(const struct real_objects *objects, const char *path)
{
    const struct known_directory *known = objects->known;
    while (known != NULL && strcmp(known->path, path) != 0) {
        known = known->next;
    }
    return known != NULL;
}

static void remember(struct real_objects *objects, const char *path)
{
    size_t size = strlen(path) + 1;
    struct known_directory *known = heap_alloc(sizeof *known + size);
    memcpy(known->path, path, size);
    known->next = objects->known;
    objects->known = known;
}

/* One directory is there, and its name is durable. That it was there already proves nothing: its
 * maker may have died before the fsync. */
static bool make_directory(struct real_objects *objects, char *path)
{
    if (is_known(objects, path)) {
        return true;
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return false;
    }
    char *slash = strrchr(path, '/');
    *slash = '\0';
    bool synced = sync_directory(path);
    *slash = '/';
    if (synced) {
        remember(objects, path);
    }
    return synced;
}

/* Every directory above `path`. */
static bool make_parents(struct real_objects *objects, char *path)
{
    char *slash = path + strlen(objects->directory);
    for (slash = strchr(slash + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = make_directory(objects, path);
        *slash = '/';
        if (!made) {
            return false;
        }
    }
    return true;
}

static bool write_whole(int fd, struct bytes object)
{
    size_t at = 0;
    while (at < object.size) {
        ssize_t written = write(fd, object.data + at, object.size - at);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        at += (size_t)written;
    }
    return fsync(fd) == 0;
}

/* A name that nobody has had: what a killed writer left behind may be a key's by now (link, no
 * unlink yet), and must not be written to. */
static int create_temporary(struct real_objects *objects, char temporary[PATH_MAX])
{
    char name[UUID_TEXT_SIZE];
    char key[64];
    random_uuid(&objects->random, "objects.put", objects->puts++, 0, name);
    (void)snprintf(key, sizeof key, PUTS "/%s", name);
    if (!real_path(objects, key, temporary) || !make_parents(objects, temporary)) {
        return -1;
    }
    return open_again(temporary, O_WRONLY | O_CREAT | O_EXCL);
}

/* A whole, durable file that is no object yet; its path in `temporary`. */
static enum status
write_temporary(struct real_objects *objects, struct bytes object, char temporary[PATH_MAX])
{
    int fd = create_temporary(objects, temporary);
    if (fd < 0) {
        return ERR_IO;
    }
    bool written = write_whole(fd, object);
    bool closed = close(fd) == 0;
    if (written && closed) {
        return OK;
    }
    (void)unlink(temporary);
    return ERR_IO;
}

static enum status finish_put(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    return sync_directory(path) ? OK : ERR_UNKNOWN;
}

static enum status put_if_absent(void *self, const char *key, struct bytes object)
{
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    if (!real_path(self, key, path) || !make_parents(self, path)) {
        return ERR_IO;
    }
    TRY(write_temporary(self, object, temporary));
    enum status status = link(temporary, path) == 0 ? OK : failed(errno);
    (void)unlink(temporary);
    if (status != OK && status != ERR_EXISTS) {
        return status;
    }
    /* What made this one lose is made durable, too: its writer may have died before that. */
    enum status synced = finish_put(path);
    return status == OK ? synced : synced == OK ? ERR_EXISTS : ERR_IO;
}

static enum status put(void *self, const char *key, struct bytes object)
{
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    if (!real_path(self, key, path) || !make_parents(self, path)) {
        return ERR_IO;
    }
    TRY(write_temporary(self, object, temporary));
    if (rename(temporary, path) != 0) {
        enum status status = failed(errno);
        (void)unlink(temporary);
        return status;
    }
    return finish_put(path);
}

/* ---- list: directory after directory, without recursion */

struct folder {
    struct folder *next;
    const char *key; /* with '/' behind it; "" is the store itself */
};

struct listing {
    const struct real_objects *objects;
    const char *prefix;
    struct arena *arena;
    struct folder *folders; /* still to be read */
    struct object_entry *entries;
    size_t count;
    size_t capacity;
};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void add_object(struct listing *listing, const char *key, const struct stat *found)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : 2 * listing->capacity;
        struct object_entry *grown = arena_alloc(listing->arena, capacity * sizeof *grown);
        if (listing->count > 0) {
            memcpy(grown, listing->entries, listing->count * sizeof *grown);
        }
        listing->entries = grown;
        listing->capacity = capacity;
    }
    listing->entries[listing->count++] = (struct object_entry){
        .key = key,
        .size = (uint64_t)found->st_size,
        .modified_us =
            (int64_t)found->st_mtim.tv_sec * US_PER_SECOND + found->st_mtim.tv_nsec / 1000,
    };
}

static void add_folder(struct listing *listing, const char *key)
{
    struct folder *folder = arena_alloc(listing->arena, sizeof *folder);
    folder->key = key;
    folder->next = listing->folders;
    listing->folders = folder;
}

static enum status
add_found(struct listing *listing, DIR *directory, const char *key, const char *name)
{
    struct stat found;
    if (fstatat(dirfd(directory), name, &found, 0) != 0) {
        return errno == ENOENT ? OK : ERR_IO; /* removed meanwhile */
    }
    if (!S_ISDIR(found.st_mode)) {
        if (has_prefix(key, listing->prefix)) {
            add_object(listing, key, &found);
        }
        return OK;
    }
    const char *inside = arena_printf(listing->arena, "%s/", key);
    bool wanted = has_prefix(inside, listing->prefix) || has_prefix(listing->prefix, inside);
    if (wanted && strcmp(key, PUTS) != 0) {
        add_folder(listing, inside);
    }
    return OK;
}

static enum status list_folder(struct listing *listing, const struct folder *folder)
{
    char path[PATH_MAX];
    if (!real_path(listing->objects, folder->key, path)) {
        return ERR_IO;
    }
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return errno == ENOENT ? OK : ERR_IO;
    }
    const struct dirent *entry = NULL;
    enum status status = OK;
    errno = 0;
    while (status == OK && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            const char *key = arena_printf(listing->arena, "%s%s", folder->key, name);
            status = add_found(listing, directory, key, name);
        }
        errno = 0;
    }
    status = status == OK && errno != 0 ? ERR_IO : status;
    (void)closedir(directory);
    return status;
}

static int by_key(const void *a, const void *b)
{
    const struct object_entry *left = a;
    const struct object_entry *right = b;
    return strcmp(left->key, right->key);
}

static enum status list(void *self,
                        const char *prefix,
                        struct arena *arena,
                        struct object_entry **entries,
                        size_t *count)
{
    struct listing listing = {.objects = self, .prefix = prefix, .arena = arena};
    add_folder(&listing, "");
    while (listing.folders != NULL) {
        const struct folder *folder = listing.folders;
        listing.folders = folder->next;
        TRY(list_folder(&listing, folder));
    }
    sort_items(listing.entries, listing.count, sizeof *listing.entries, by_key);
    *entries = listing.entries;
    *count = listing.count;
    return OK;
}

/* The directories above stay: without objects nobody sees them. */
static enum status remove_object(void *self, const char *key)
{
    char path[PATH_MAX];
    if (!real_path(self, key, path)) {
        return ERR_IO;
    }
    if (unlink(path) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? OK : ERR_IO;
    }
    return finish_put(path);
}

struct real_objects *real_objects_new(const char *directory, const struct random_port *random)
{
    struct real_objects *objects = heap_alloc(sizeof *objects);
    int size = snprintf(objects->directory, sizeof objects->directory, "%s", directory);
    require(size > 0 && (size_t)size < sizeof objects->directory);
    objects->random = *random;
    return objects;
}

void real_objects_free(struct real_objects *objects)
{
    while (objects->known != NULL) {
        struct known_directory *known = objects->known;
        objects->known = known->next;
        heap_free(known);
    }
    heap_free(objects);
}

struct objects_port real_objects_port(struct real_objects *objects)
{
    static const struct objects_ops ops = {
        .get = get,
        .put_if_absent = put_if_absent,
        .put = put,
        .list = list,
        .remove = remove_object,
    };
    return (struct objects_port){.ops = &ops, .self = objects};
}
