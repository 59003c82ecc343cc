/* The files of the fake disk: inodes with durable bytes and ordered unsynced writes, directories
 * with durable names and ordered unsynced name operations. Pure data, no time, no faults; the model
 * in prose stands in sim/fakes/disk.c. Memory belongs to the current owner, which is the world.
 *
 * What readers see = what is durable + every operation of the list, in order.
 * What a crash leaves = what is durable + the operations that the crash keeps, in order. */
#ifndef SIM_FAKES_DISK_FILES_H
#define SIM_FAKES_DISK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"

struct disk_inode;

/* A change of a file's bytes. */
struct disk_write {
    uint32_t machine; /* whose unsynced operation it is */
    bool settled;     /* survives every crash; stays in the list only for the order's sake */
    bool doubtful;    /* an fsync over it failed: no later one covers it */
    bool truncate;    /* the file is emptied first */
    uint64_t offset;
    uint8_t *data;
    size_t size;
};

/* A change of a directory, atomic: `removed` goes, `set` appears. A rename has both. */
struct disk_name_op {
    uint32_t machine;
    bool settled;
    char *removed;            /* NULL: nothing goes */
    char *set;                /* NULL: nothing appears */
    struct disk_inode *inode; /* what `set` names; NULL without it */
};

struct disk_name {
    char *name;
    struct disk_inode *inode;
};

struct disk_names { /* sorted by name */
    struct disk_name *items;
    size_t count;
    size_t capacity;
};

struct disk_inode {
    struct disk_inode *next;
    struct disk_inode *previous;
    uint32_t references; /* names, durable names, name operations, descriptors, locks */
    bool directory;
    char *path; /* the newest name it had, for draws and traces */
    int64_t modified_us;

    struct buf content; /* a file's bytes as readers see them */
    struct buf durable;
    struct disk_write *writes;
    size_t write_count;
    size_t write_capacity;

    struct disk_names names; /* a directory's names as readers see them */
    struct disk_names durable_names;
    struct disk_name_op *ops;
    size_t op_count;
    size_t op_capacity;
};

struct file_system {
    struct disk_inode *root;
    struct disk_inode *first; /* every inode, in the order of making */
    struct disk_inode *last;
    bool garbage; /* some inode has no references left */
};

/* An empty file system whose root, always there, is called `root` ("/shared"). */
void file_system_init(struct file_system *fs, const char *root);
/* Free everything in it; only init makes it usable again. */
void file_system_wipe(struct file_system *fs);
/* Free inodes that nothing refers to. */
void file_system_sweep(struct file_system *fs);

/* Where a path leads. `inode` is NULL when the last name is not there; `directory` is NULL for the
 * root itself. */
struct disk_place {
    struct disk_inode *directory;
    const char *name; /* last component, in `path` */
    struct disk_inode *inode;
};

/* Errors: ERR_NOT_FOUND (a directory on the way is missing), ERR_INVALID (".", "..", empty names).
 */
enum status
file_system_find(const struct file_system *fs, const char *path, struct disk_place *place);

/* The next component of `*rest` (which begins with '/') into `name`; `*rest` is NULL behind the
 * last. ERR_INVALID: ".", "..", empty, too long. */
enum { NAME_SIZE_MAX = 255 };
MUST_CHECK enum status disk_next_component(const char **rest, char name[NAME_SIZE_MAX + 1]);

/* Would `path` be there, with the bytes it has, if every operation that is not settled vanished? */
bool file_system_durable(const struct file_system *fs, const char *path);

struct disk_inode *inode_new(struct file_system *fs, const char *path, bool directory);
void inode_release(struct file_system *fs, struct disk_inode *inode);

/* ---- names ---------------------------------------------------------------------------------- */

struct disk_inode *names_find(const struct disk_names *names, const char *name);

/* Do it, unsynced. `removed` or `set` (with `inode`) may be NULL; copies the names. */
void directory_change(struct file_system *fs,
                      struct disk_inode *directory,
                      uint32_t machine,
                      const char *removed,
                      const char *set,
                      struct disk_inode *inode);

/* Every name operation, whoever's, becomes durable. */
void directory_sync(struct file_system *fs, struct disk_inode *directory);

/* Forget operation `at`, as if it had never happened; directory_rebuild shows the effect. */
void directory_drop(struct file_system *fs, struct disk_inode *directory, size_t at);
void directory_rebuild(struct file_system *fs, struct disk_inode *directory);

/* ---- bytes ---------------------------------------------------------------------------------- */

void inode_write(struct disk_inode *inode, uint32_t machine, uint64_t offset, struct bytes data);
void inode_truncate(struct disk_inode *inode, uint32_t machine);

/* Every write, whoever's, becomes durable; except what an earlier, failed fsync has covered. */
void inode_sync(struct disk_inode *inode);
/* The fsync failed: the pages are marked clean, and what they held is not on the disk. */
void inode_sync_failed(struct disk_inode *inode);

void inode_drop(struct disk_inode *inode, size_t at);
void inode_rebuild(struct disk_inode *inode);

/* ---- walking -------------------------------------------------------------------------------- */

/* Call for every file below `directory` (whose path is `path`), in order of names, depth first. The
 * path is borrowed. The walk ends before anything may change. */
typedef void (*disk_file_fn)(void *context, const char *path, struct disk_inode *inode);
void directory_walk(const struct disk_inode *directory,
                    const char *path,
                    disk_file_fn file,
                    void *context);

/* Text owned by the current owner. */
char *text_copy(const char *text);

#endif
