/* One call of the fake disk's port: the fault that meets it, what it costs, its effect. Included by
 * sim/fakes/disk*.c only. */
#ifndef SIM_FAKES_DISK_CALL_H
#define SIM_FAKES_DISK_CALL_H

#include "sim/fakes/disk.h"
#include "sim/kernel/costs.h"

struct disk_call {
    struct fake_disk *disk;
    struct sim_process *process;
    const char *operation;
    const char *path;
    enum status status; /* what a fault decided */
    bool happens;       /* the operation has its effect */
    bool gone;          /* the caller died in it, in a stretch (kernel_caller_gone): no effect */
    struct process *previous;
};

/* Before the effect: the fault, then the cost. The process is busy; it may be killed here.
 * Afterwards nothing that was looked up before is trusted; when the caller is gone nothing of it is
 * there any more, not even the path. Enters the world. */
struct disk_call disk_call_begin(
    void *self, const char *operation, const char *path, enum cost_kind cost, int64_t units);

/* After the effect, whose status counts unless a fault hides it. Leaves the world; may not return.
 */
enum status disk_call_end(struct disk_call *call, enum status status);

/* In the file system that the caller's machine sees at `path`; NULL when there is none. */
struct file_system *disk_call_fs(const struct disk_call *call, const char *path);
enum status
disk_call_find(const struct disk_call *call, const char *path, struct disk_place *place);

/* Bytes or names of `inode` change now. */
void disk_call_touch(const struct disk_call *call, struct disk_inode *inode);

/* The file at call->path, made or emptied as `mode` says. */
enum status
disk_call_open(struct disk_call *call, enum disk_open_mode mode, struct disk_inode **inode);

/* The calls about names, directories and locks (disk_directories.c). */
enum status disk_fake_rename(void *self, const char *from, const char *to, bool no_replace);
enum status disk_fake_link(void *self, const char *from, const char *to);
enum status disk_fake_unlink(void *self, const char *path);
enum status disk_fake_mkdir(void *self, const char *path);
enum status disk_fake_rmdir(void *self, const char *path);
enum status disk_fake_list(
    void *self, const char *path, struct arena *arena, struct disk_entry **entries, size_t *count);
enum status disk_fake_fsync_dir(void *self, const char *path);
enum status disk_fake_lock(void *self, const char *path);

#endif
