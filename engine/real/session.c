/* nftw, flock. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _GNU_SOURCE 1

#include "engine/real/session.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

#define CLASS "INVALID_ARGUMENT"

enum { DESCRIPTORS_MAX = 16 };

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *walk)
{
    maybe(found != NULL);
    maybe(kind == FTW_F);
    maybe(walk != NULL);
    (void)remove(path); /* what cannot go stays: the next start tries again */
    return 0;
}

void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS);
}

/* The directory that holds `path`: the new name in it is durable. */
static void sync_above(const char *path)
{
    char above[PATH_MAX];
    (void)snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    if (slash == NULL) {
        (void)snprintf(above, sizeof above, ".");
    } else {
        slash[slash == above] = '\0';
    }
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        bool synced = fsync(fd) == 0;
        maybe(synced); /* what is written below it says so when it cannot become durable */
        (void)close(fd);
    }
}

enum status make_path(const char *path, struct diag *diag)
{
    char level[PATH_MAX];
    struct stat found;
    int size = snprintf(level, sizeof level, "%s", path);
    if (size <= 0 || (size_t)size >= sizeof level) {
        return diag_fail(diag, CLASS, "a path of %d bytes is no directory's", size);
    }
    for (char *slash = strchr(level + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(level, 0777) == 0) {
            sync_above(level);
        }
        *slash = '/';
    }
    if (mkdir(level, 0777) != 0 && errno != EEXIST) {
        return diag_fail(diag, CLASS, "the directory %s cannot be made: %s", path, strerror(errno));
    }
    if (stat(level, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return diag_fail(diag, CLASS, "%s is no directory", path);
    }
    sync_above(level);
    return OK;
}

/* A name under TMPDIR can be guessed: what stands there must be a directory of ours that nobody
 * else may write to, no link. */
static enum status make_directory(const char *path, struct diag *diag)
{
    struct stat found;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return diag_fail(
            diag,
            CLASS,
            "the directory %s for sockets and shuffle blocks cannot be made: %s; TMPDIR "
            "names another place",
            path,
            strerror(errno));
    }
    bool ours = lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
                (found.st_mode & 077U) == 0;
    return ours ? OK
                : diag_fail(diag,
                            CLASS,
                            "%s is there and not a directory of this user alone; remove it, or let "
                            "TMPDIR name another place",
                            path);
}

/* Is the file that was locked the one that has this name? Its owner may have removed it meanwhile.
 */
static bool same_file(int fd, const char *path)
{
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static enum status hold(const char *path, int *lock, struct diag *diag)
{
    char owner[32] = "";
    bool held = false;
    while (!held) {
        *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (*lock < 0) {
            return diag_fail(diag, CLASS, "%s cannot be opened: %s", path, strerror(errno));
        }
        if (flock(*lock, LOCK_EX | LOCK_NB) != 0) {
            ssize_t got = read(*lock, owner, sizeof owner - 1);
            owner[got > 0 ? got : 0] = '\0';
            (void)close(*lock);
            return diag_fail(
                diag,
                "CONCURRENT_QUERY",
                "another driver, process %s, runs on this checkpoint; only one query at a "
                "time may use it. Stop that one, or give this one a checkpointLocation of "
                "its own",
                owner[0] == '\0' ? "unknown" : owner);
        }
        held = same_file(*lock, path);
        if (!held) {
            (void)close(*lock);
        }
    }
    int size = snprintf(owner, sizeof owner, "%ld", (long)getpid());
    bool written = ftruncate(*lock, 0) == 0 && pwrite(*lock, owner, (size_t)size, 0) == size;
    maybe(written); /* it only helps to name the owner */
    return OK;
}

/* All but the lock, which others may be trying right now. */
static void empty(const struct session *session)
{
    static const char *const names[] = {"local", "driver"};
    char path[SESSION_PATH_SIZE + 32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", session->path, names[i]);
        remove_tree(path);
    }
}

/* Two ways to write one directory are one. */
static uint64_t identity(const char *base, const char *checkpoint)
{
    char whole[PATH_MAX];
    const char *found = realpath(base[0] == '\0' ? "/" : base, whole);
    uint64_t hash = hash_text(found == NULL || strcmp(found, "/") == 0 ? "" : found);
    return hash_chain(hash, hash_text(checkpoint));
}

enum status
session_open(struct session *session, const char *base, const char *checkpoint, struct diag *diag)
{
    const char *temporary = getenv("TMPDIR");
    temporary = temporary == NULL || temporary[0] != '/' ? "/tmp" : temporary;
    /* Room for "/executor-NNN" within the name of a socket (108 bytes). */
    int size = snprintf(session->path,
                        sizeof session->path - 16,
                        "%s/aftershock-%ld-%016" PRIx64,
                        temporary,
                        (long)geteuid(),
                        identity(base, checkpoint));
    if (size < 0 || (size_t)size >= sizeof session->path - 16) {
        return diag_fail(diag,
                         CLASS,
                         "TMPDIR is %s: too long for the names of sockets in it; choose a shorter "
                         "one",
                         temporary);
    }
    char lock[SESSION_PATH_SIZE + 8];
    session->store_lock = 0;
    TRY(make_directory(session->path, diag));
    (void)snprintf(lock, sizeof lock, "%s/lock", session->path);
    TRY(hold(lock, &session->lock, diag));
    empty(session);
    return OK;
}

enum status session_hold_store(struct session *session,
                               const char *base,
                               const char *checkpoint,
                               struct diag *diag)
{
    char path[PATH_MAX];
    (void)snprintf(
        path, sizeof path, "%s/.aftershock-lock-%016" PRIx64, base, hash_text(checkpoint));
    return hold(path, &session->store_lock, diag);
}

void session_close(struct session *session)
{
    remove_tree(session->path); /* with the lock's name: nobody waits for it, a start just fails */
    (void)close(session->lock);
    if (session->store_lock > 0) {
        (void)close(session->store_lock);
    }
}
