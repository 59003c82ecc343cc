#include "engine/ports/disk_contract.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/arena.h"

enum { PATH_SIZE = 256 };

/* "<root>/<name>"; at most four live at a time. */
static const char *in_root(const struct contract *contract, const char *name)
{
    static char paths[4][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, PATH_SIZE, "%s/%s", contract->root, name);
    return path;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static enum status write_text(const struct disk_port *disk, disk_fd fd, const char *text)
{
    size_t size = strlen(text);
    size_t at = 0;
    while (at < size) {
        size_t written = 0;
        TRY(disk_write(disk, fd, text + at, size - at, &written));
        if (written == 0 || written > size - at) {
            return ERR_IO;
        }
        at += written;
    }
    return OK;
}

static enum status make_file(const struct disk_port *disk, const char *path, const char *text)
{
    disk_fd fd = -1;
    TRY(disk_open(disk, path, DISK_CREATE_NEW, &fd));
    enum status status = write_text(disk, fd, text);
    enum status closed = disk_close(disk, fd);
    return status == OK ? closed : status;
}

static bool file_is(const struct disk_port *disk, const char *path, const char *text)
{
    char found[128] = "";
    disk_fd fd = -1;
    size_t at = 0;
    size_t got = 0;
    uint64_t size = 0;
    if (disk_open(disk, path, DISK_READ, &fd) != OK) {
        return false;
    }
    bool fine = disk_size(disk, fd, &size) == OK && size == strlen(text);
    while (fine && disk_read(disk, fd, at, found + at, sizeof found - 1 - at, &got) == OK &&
           got > 0) {
        at += got;
    }
    enum status closed = disk_close(disk, fd);
    return fine && closed == OK && at == strlen(text) && strcmp(found, text) == 0;
}

static bool file_missing(const struct disk_port *disk, const char *path)
{
    disk_fd fd = -1;
    return disk_open(disk, path, DISK_READ, &fd) == ERR_NOT_FOUND;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void open_modes(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    disk_fd fd = -1;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == ERR_NOT_FOUND);
    promise(c, disk_open(disk, in_root(c, "no/a"), DISK_CREATE_NEW, &fd) == ERR_NOT_FOUND);
    promise(c, make_file(disk, in_root(c, "a"), "hello") == OK);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == ERR_EXISTS);
    promise(c, file_is(disk, in_root(c, "a"), "hello"));
    promise(c, disk_open(disk, in_root(c, "a"), DISK_TRUNCATE, &fd) == OK);
    promise(c, file_is(disk, in_root(c, "a"), ""));
    promise(c, write_text(disk, fd, "by") == OK);
    promise(c, write_text(disk, fd, "e") == OK); /* at the descriptor's position */
    promise(c, file_is(disk, in_root(c, "a"), "bye"));
    promise(c, disk_close(disk, fd) == OK);
}

static void check_open_modes(struct contract *c)
{
    c->run(c->self, open_modes, c);
}

static void reads(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    char found[8] = "";
    size_t got = 99;
    disk_fd fd = -1;
    promise(c, make_file(disk, in_root(c, "a"), "0123456789") == OK);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == OK);
    promise(c, disk_read(disk, fd, 10, found, sizeof found, &got) == OK);
    promise(c, got == 0); /* the end */
    promise(c, disk_read(disk, fd, 1000, found, sizeof found, &got) == OK);
    promise(c, got == 0);
    promise(c, disk_read(disk, fd, 4, found, 3, &got) == OK);
    promise(c, got >= 1 && got <= 3);
    promise(c, memcmp(found, "456", got) == 0);
    promise(c, disk_close(disk, fd) == OK);
}

static void check_reads(struct contract *c)
{
    c->run(c->self, reads, c);
}

static void renames(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    promise(c, make_file(disk, in_root(c, "a"), "A") == OK);
    promise(c, make_file(disk, in_root(c, "b"), "B") == OK);
    enum status refused = disk_rename(disk, in_root(c, "a"), in_root(c, "b"), true);
    promise(c, refused == ERR_EXISTS || refused == ERR_UNSUPPORTED);
    promise(c, file_is(disk, in_root(c, "a"), "A"));
    promise(c, file_is(disk, in_root(c, "b"), "B"));
    promise(c, disk_rename(disk, in_root(c, "a"), in_root(c, "b"), false) == OK);
    promise(c, file_missing(disk, in_root(c, "a")));
    promise(c, file_is(disk, in_root(c, "b"), "A"));
    promise(c, disk_rename(disk, in_root(c, "a"), in_root(c, "c"), false) == ERR_NOT_FOUND);
    enum status moved = disk_rename(disk, in_root(c, "b"), in_root(c, "c"), true);
    promise(c, moved == OK || moved == ERR_UNSUPPORTED);
    promise(c, file_is(disk, in_root(c, moved == OK ? "c" : "b"), "A"));
}

static void check_renames(struct contract *c)
{
    c->run(c->self, renames, c);
}

static void links(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    promise(c, make_file(disk, in_root(c, "a"), "A") == OK);
    promise(c, make_file(disk, in_root(c, "b"), "B") == OK);
    promise(c, disk_link(disk, in_root(c, "a"), in_root(c, "b")) == ERR_EXISTS);
    promise(c, file_is(disk, in_root(c, "b"), "B"));
    promise(c, disk_link(disk, in_root(c, "x"), in_root(c, "y")) == ERR_NOT_FOUND);
    promise(c, disk_link(disk, in_root(c, "a"), in_root(c, "c")) == OK);
    promise(c, disk_unlink(disk, in_root(c, "a")) == OK);
    promise(c, file_missing(disk, in_root(c, "a")));
    promise(c, file_is(disk, in_root(c, "c"), "A"));
    promise(c, disk_unlink(disk, in_root(c, "a")) == ERR_NOT_FOUND);
}

static void check_links(struct contract *c)
{
    c->run(c->self, links, c);
}

static void unlink_open(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    char found = ' ';
    size_t got = 0;
    disk_fd fd = -1;
    promise(c, make_file(disk, in_root(c, "a"), "A") == OK);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == OK);
    promise(c, disk_unlink(disk, in_root(c, "a")) == OK);
    promise(c, make_file(disk, in_root(c, "a"), "B") == OK);
    promise(c, disk_read(disk, fd, 0, &found, 1, &got) == OK);
    promise(c, got == 1 && found == 'A'); /* the file that was opened, not the name */
    promise(c, disk_close(disk, fd) == OK);
}

static void check_unlink_open(struct contract *c)
{
    c->run(c->self, unlink_open, c);
}

static void directories(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    struct arena arena = {0};
    struct disk_entry *entries = NULL;
    size_t count = 0;
    promise(c, disk_mkdir(disk, in_root(c, "no/d")) == ERR_NOT_FOUND);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == OK);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == ERR_EXISTS);
    promise(c, disk_list(disk, in_root(c, "d"), &arena, &entries, &count) == OK);
    promise(c, count == 0);
    promise(c, make_file(disk, in_root(c, "d/x"), "12345") == OK);
    promise(c, disk_mkdir(disk, in_root(c, "d/e")) == OK);
    promise(c, make_file(disk, in_root(c, "d/e/deep"), "") == OK);
    promise(c, disk_list(disk, in_root(c, "d"), &arena, &entries, &count) == OK);
    promise(c, count == 2); /* neither "." nor "..", and one level */
    const struct disk_entry *x = &entries[strcmp(entries[0].name, "x") == 0 ? 0 : 1];
    const struct disk_entry *e = &entries[strcmp(entries[0].name, "x") == 0 ? 1 : 0];
    promise(c, strcmp(x->name, "x") == 0 && !x->directory && x->size == 5);
    promise(c, strcmp(e->name, "e") == 0 && e->directory);
    promise(c, disk_list(disk, in_root(c, "no"), &arena, &entries, &count) == ERR_NOT_FOUND);
    arena_free(&arena);
}

static void check_directories(struct contract *c)
{
    c->run(c->self, directories, c);
}

static void removals(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    promise(c, disk_rmdir(disk, in_root(c, "d")) == ERR_NOT_FOUND);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == OK);
    promise(c, make_file(disk, in_root(c, "d/x"), "x") == OK);
    promise(c, disk_mkdir(disk, in_root(c, "d/e")) == OK);
    promise(c, disk_rmdir(disk, in_root(c, "d")) == ERR_EXISTS);
    promise(c, disk_rmdir(disk, in_root(c, "d/x")) == ERR_NOT_FOUND);
    promise(c, disk_unlink(disk, in_root(c, "d/x")) == OK);
    promise(c, disk_rmdir(disk, in_root(c, "d")) == ERR_EXISTS);
    promise(c, disk_rmdir(disk, in_root(c, "d/e")) == OK);
    promise(c, disk_rmdir(disk, in_root(c, "d")) == OK);
    promise(c, disk_rmdir(disk, in_root(c, "d")) == ERR_NOT_FOUND);
    promise(c, make_file(disk, in_root(c, "d/x"), "x") == ERR_NOT_FOUND);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == OK); /* a new one, with nothing in it */
    promise(c, file_missing(disk, in_root(c, "d/x")));
    promise(c, disk_rmdir(disk, in_root(c, "d")) == OK);
}

static void check_removals(struct contract *c)
{
    c->run(c->self, removals, c);
}

static void syncs(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    disk_fd fd = -1;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    promise(c, write_text(disk, fd, "A") == OK);
    promise(c, disk_fsync(disk, fd) == OK);
    promise(c, disk_close(disk, fd) == OK);
    promise(c, disk_fsync_dir(disk, c->root) == OK);
    promise(c, disk_fsync_dir(disk, in_root(c, "no")) == ERR_NOT_FOUND);
    promise(c, file_is(disk, in_root(c, "a"), "A"));
}

static void check_syncs(struct contract *c)
{
    c->run(c->self, syncs, c);
}

/* ---- more than one process ---------------------------------------------------------------------
 */

static void write_unsynced(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    disk_fd fd = -1;
    promise(c, disk_open(&ports->disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    promise(c, write_text(&ports->disk, fd, "A") == OK); /* neither synced nor closed */
}

static void read_other(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, file_is(&ports->disk, in_root(c, "a"), "A"));
}

/* Written is seen at once by others, and the writer's death takes nothing of it. */
static void check_visible(struct contract *c)
{
    c->run_and_hold(c->self, write_unsynced, c);
    c->run(c->self, read_other, c);
    c->kill_held(c->self);
    c->run(c->self, read_other, c);
}

static void take_lock(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, disk_lock(&ports->disk, in_root(c, "lock")) == OK);
}

static void find_locked(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, disk_lock(&ports->disk, in_root(c, "lock")) == ERR_LOCKED);
    promise(c, disk_lock(&ports->disk, in_root(c, "other")) == OK);
}

static void check_lock(struct contract *c)
{
    c->run_and_hold(c->self, take_lock, c);
    c->run(c->self, find_locked, c);
    c->kill_held(c->self);
    c->run(c->self, take_lock, c); /* released by the owner's death ... */
    c->run(c->self, take_lock, c); /* ... and by its end */
}

const struct contract_case disk_contract[] = {
    {"open knows what must exist and what must not", check_open_modes},
    {"reads stop at the end", check_reads},
    {"rename replaces, or refuses to", check_renames},
    {"link never replaces", check_links},
    {"an open file outlives its name", check_unlink_open},
    {"directories hold one level", check_directories},
    {"an empty directory goes", check_removals},
    {"fsync of files and directories", check_syncs},
    {"what was written is seen at once and survives its writer", check_visible},
    {"a lock dies with its owner", check_lock},
};
const size_t disk_contract_count = sizeof disk_contract / sizeof disk_contract[0];
