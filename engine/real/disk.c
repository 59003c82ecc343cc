/* The disk port over POSIX. One call of the port is one system call (list and fsync_dir: a few);
 * EINTR is repeated, nothing else. Descriptors close on exec. */
/* renameat2, flock. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _GNU_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/real/errno_status.h"
#include "engine/real/real_ports.h"

struct lock {
    struct lock *next;
    int fd; /* open until the process' end: the lock is its */
};

struct real_disk {
    char root[PATH_MAX]; /* "" or a path without '/' at its end */
    struct lock *locks;
};

/* The operating system's path of the port's, in `out`. False: too long for it. */
static bool real_path(const struct real_disk *disk, const char *path, char out[PATH_MAX])
{
    require(path[0] == '/');
    int size = snprintf(out, PATH_MAX, "%s%s", disk->root, path);
    return size > 0 && size < PATH_MAX;
}

static enum status of_result(int result)
{
    return result < 0 ? errno_status(errno) : OK;
}

static int open_again(const char *path, int flags, mode_t mode)
{
    int fd = -1;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static enum status
disk_open_file(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY,
        [DISK_CREATE_NEW] = O_WRONLY | O_CREAT | O_EXCL,
        [DISK_TRUNCATE] = O_WRONLY | O_CREAT | O_TRUNC,
    };
    char real[PATH_MAX];
    if (!real_path(self, path, real)) {
        return ERR_IO;
    }
    *fd = open_again(real, flags[mode], 0666);
    return of_result(*fd);
}

static enum status
disk_write_file(void *self, disk_fd fd, const void *data, size_t size, size_t *written)
{
    (void)self;
    ssize_t result = -1;
    do {
        result = write(fd, data, size);
    } while (result < 0 && errno == EINTR);
    *written = result < 0 ? 0 : (size_t)result;
    return result < 0 ? errno_status(errno) : OK;
}

static enum status
disk_read_file(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    (void)self;
    ssize_t result = -1;
    do {
        result = pread(fd, data, size, (off_t)at);
    } while (result < 0 && errno == EINTR);
    *got = result < 0 ? 0 : (size_t)result;
    return result < 0 ? errno_status(errno) : OK;
}

static enum status disk_size_file(void *self, disk_fd fd, uint64_t *size)
{
    (void)self;
    struct stat found;
    if (fstat(fd, &found) != 0) {
        return errno_status(errno);
    }
    *size = (uint64_t)found.st_size;
    return OK;
}

/* An interrupted fsync says nothing about what is durable: an error like any other. */
static enum status disk_fsync_file(void *self, disk_fd fd)
{
    (void)self;
    return of_result(fsync(fd));
}

/* Never again after EINTR: on Linux the descriptor is gone, and may be somebody else's by then. */
static enum status disk_close_file(void *self, disk_fd fd)
{
    (void)self;
    int result = close(fd);
    return result < 0 && errno == EINTR ? OK : of_result(result);
}

static enum status disk_rename_file(void *self, const char *from, const char *to, bool no_replace)
{
    char real_from[PATH_MAX];
    char real_to[PATH_MAX];
    if (!real_path(self, from, real_from) || !real_path(self, to, real_to)) {
        return ERR_IO;
    }
    if (!no_replace) {
        return of_result(rename(real_from, real_to));
    }
    int result = renameat2(AT_FDCWD, real_from, AT_FDCWD, real_to, RENAME_NOREPLACE);
    /* EINVAL: this file system does not know the flag. */
    return result < 0 && errno == EINVAL ? ERR_UNSUPPORTED : of_result(result);
}

static enum status disk_link_file(void *self, const char *from, const char *to)
{
    char real_from[PATH_MAX];
    char real_to[PATH_MAX];
    if (!real_path(self, from, real_from) || !real_path(self, to, real_to)) {
        return ERR_IO;
    }
    return of_result(link(real_from, real_to));
}

static enum status disk_unlink_file(void *self, const char *path)
{
    char real[PATH_MAX];
    return real_path(self, path, real) ? of_result(unlink(real)) : ERR_IO;
}

static enum status disk_mkdir_one(void *self, const char *path)
{
    char real[PATH_MAX];
    return real_path(self, path, real) ? of_result(mkdir(real, 0777)) : ERR_IO;
}

static enum status disk_rmdir_one(void *self, const char *path)
{
    char real[PATH_MAX];
    return real_path(self, path, real) ? of_result(rmdir(real)) : ERR_IO;
}

/* ---- directories */

struct listing {
    struct arena *arena;
    struct disk_entry *entries;
    size_t count;
    size_t capacity;
};

static void add_entry(struct listing *listing, const char *name, const struct stat *found)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : 2 * listing->capacity;
        struct disk_entry *grown = arena_alloc(listing->arena, capacity * sizeof *grown);
        if (listing->count > 0) {
            memcpy(grown, listing->entries, listing->count * sizeof *grown);
        }
        listing->entries = grown;
        listing->capacity = capacity;
    }
    listing->entries[listing->count++] = (struct disk_entry){
        .name = arena_strdup(listing->arena, name),
        .directory = S_ISDIR(found->st_mode),
        .size = S_ISDIR(found->st_mode) ? 0 : (uint64_t)found->st_size,
        .modified_us =
            (int64_t)found->st_mtim.tv_sec * US_PER_SECOND + found->st_mtim.tv_nsec / 1000,
    };
}

static enum status read_directory(DIR *directory, struct listing *listing)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            return errno == 0 ? OK : errno_status(errno);
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        struct stat found;
        if (fstatat(dirfd(directory), entry->d_name, &found, 0) == 0) {
            add_entry(listing, entry->d_name, &found);
        } else if (errno != ENOENT) { /* removed meanwhile: it is not there */
            return errno_status(errno);
        }
    }
}

static enum status disk_list_directory(
    void *self, const char *path, struct arena *arena, struct disk_entry **entries, size_t *count)
{
    char real[PATH_MAX];
    struct listing listing = {.arena = arena};
    if (!real_path(self, path, real)) {
        return ERR_IO;
    }
    DIR *directory = opendir(real);
    if (directory == NULL) {
        return errno_status(errno);
    }
    enum status status = read_directory(directory, &listing);
    (void)closedir(directory); /* nothing was written through it */
    *entries = listing.entries;
    *count = listing.count;
    return status;
}

static enum status disk_fsync_directory(void *self, const char *path)
{
    char real[PATH_MAX];
    if (!real_path(self, path, real)) {
        return ERR_IO;
    }
    int fd = open_again(real, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return errno_status(errno);
    }
    enum status status = of_result(fsync(fd));
    (void)close(fd); /* nothing was written through it */
    return status;
}

/* ---- locks */

/* flock belongs to the open file: a descriptor of the same file that is closed elsewhere in this
 * process does not release it, as it would a lock of fcntl. */
static enum status disk_lock_file(void *self, const char *path)
{
    struct real_disk *disk = self;
    char real[PATH_MAX];
    if (!real_path(disk, path, real)) {
        return ERR_IO;
    }
    int fd = open_again(real, O_RDWR | O_CREAT, 0666);
    if (fd < 0) {
        return errno_status(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum status status = errno == EWOULDBLOCK ? ERR_LOCKED : errno_status(errno);
        (void)close(fd);
        return status;
    }
    struct lock *lock = heap_alloc(sizeof *lock);
    lock->fd = fd;
    lock->next = disk->locks;
    disk->locks = lock;
    return OK;
}

struct real_disk *real_disk_new(const char *root)
{
    struct real_disk *disk = heap_alloc(sizeof *disk);
    if (root != NULL) {
        int size = snprintf(disk->root, sizeof disk->root, "%s", root);
        require(size >= 0 && (size_t)size < sizeof disk->root);
        for (size_t end = strlen(disk->root); end > 0 && disk->root[end - 1] == '/'; end--) {
            disk->root[end - 1] = '\0';
        }
    }
    return disk;
}

void real_disk_free(struct real_disk *disk)
{
    while (disk->locks != NULL) {
        struct lock *lock = disk->locks;
        disk->locks = lock->next;
        (void)close(lock->fd);
        heap_free(lock);
    }
    heap_free(disk);
}

struct disk_port real_disk_port(struct real_disk *disk)
{
    static const struct disk_ops ops = {
        .open = disk_open_file,
        .write = disk_write_file,
        .read = disk_read_file,
        .size = disk_size_file,
        .fsync = disk_fsync_file,
        .close = disk_close_file,
        .rename = disk_rename_file,
        .link = disk_link_file,
        .unlink = disk_unlink_file,
        .mkdir = disk_mkdir_one,
        .rmdir = disk_rmdir_one,
        .list = disk_list_directory,
        .fsync_dir = disk_fsync_directory,
        .lock = disk_lock_file,
    };
    return (struct disk_port){.ops = &ops, .self = disk};
}
