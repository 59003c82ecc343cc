/* The fake disk: port `disk` of every simulated process. The fault model stands in disk.c. Used
 * through sim/fakes/storage.h; tests may look closer. */
#ifndef SIM_FAKES_DISK_H
#define SIM_FAKES_DISK_H

#include "sim/fakes/disk_files.h"
#include "sim/fakes/storage_internal.h"

struct disk_descriptor {
    const struct sim_process *process;
    disk_fd fd;
    struct file_system *fs;
    struct disk_inode *inode;
    char *path; /* under which it was opened */
    bool writing;
    bool written; /* something was written through it */
    bool used;    /* a first read or write has been tried: only that one may be short */
    uint64_t position;
};

struct disk_lock_held {
    const struct sim_process *process;
    struct file_system *fs;
    struct disk_inode *inode;
};

struct disk_machine {
    struct file_system *local; /* NULL: nothing there yet */
    uint32_t crashes;          /* so that each crash draws anew */
};

struct fake_disk {
    struct fake_storage *storage;
    struct kernel *kernel;
    struct file_system shared;
    struct disk_machine *machines;
    uint32_t machine_count;
    struct disk_descriptor *descriptors;
    size_t descriptor_count;
    size_t descriptor_capacity;
    struct disk_lock_held *locks;
    size_t lock_count;
    size_t lock_capacity;
    bool without_no_replace; /* rename cannot refuse to replace: NFS, old ZFS, FUSE */
};

/* As the world. */
struct fake_disk *fake_disk_new(struct fake_storage *storage);

extern const struct disk_ops fake_disk_ops; /* self: struct fake_disk * */

/* The file system in which `path` lies as `machine` sees it; NULL when there is none. */
struct file_system *disk_file_system(struct fake_disk *disk, uint32_t machine, const char *path);

/* The process' descriptors and locks are gone; as the world. */
void disk_process_gone(struct fake_disk *disk, const struct sim_process *process);

/* A crash or loss of `machine`: the fate of its unsynced operations (disk_crash.c); as the world.
 */
void disk_machine_gone(struct fake_disk *disk,
                       uint32_t machine,
                       enum machine_fate fate,
                       enum unsynced unsynced);

size_t disk_handles(const struct fake_disk *disk, const struct sim_process *process);

#endif
