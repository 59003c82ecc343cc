/* Both storages of a world, and what the checks may ask them without touching virtual time: the
 * fake disk (per machine and shared) and the fake object store, behind one look. */
#ifndef SIM_FAKES_STORAGE_H
#define SIM_FAKES_STORAGE_H

#include "faults/fault.h"
#include "sim/kernel/kernel.h"

struct fake_storage;

/* Registers with the kernel (kernel_add_fake). */
struct fake_storage *fake_storage_new(struct kernel *kernel);

/* The ports of a process: `disk` and `objects` of process->ports. */
void fake_storage_connect(struct fake_storage *storage, struct sim_process *process);

/* What a reader on `machine` sees at `path` now (an absolute path; for objects the same path, its
 * '/' dropped as a key). Borrowed until the next operation of the world. False: nothing there. No
 * cost, no trace. */
bool fake_storage_look(const struct fake_storage *storage,
                       uint32_t machine,
                       const char *path,
                       struct bytes *content);

/* Would `path` survive, with these bytes, if every machine crashed now and every unsynced operation
 * were dropped? */
bool fake_storage_durable(const struct fake_storage *storage, uint32_t machine, const char *path);

/* Told when a file becomes visible under its final name (rename, link, put, or the close of a file
 * that was written without a temporary name) with whole content, and when a visible file vanishes
 * or changes because of a crash, a loss or a removal. Names that begin with a dot are temporary and
 * tell nothing. As the world; draws and changes nothing. */
struct fake_storage_watch {
    void *context;
    void (*published)(void *context,
                      const struct sim_process *by,
                      const char *path,
                      struct bytes content); /* by == NULL: a crash undid its removal */
    void (*removed)(void *context,
                    const struct sim_process *by,
                    const char *path); /* by == NULL: a crash took it */
    /* A durable file went bad, or away, by nobody's doing (fake_storage_damage). */
    void (*damaged)(void *context, const char *path);
};
void fake_storage_observe(struct fake_storage *storage, const struct fake_storage_watch *watch);

/* Asked inside a watch: does this request take effect after its sender gave up waiting for it? */
bool fake_storage_late(const struct fake_storage *storage);

/* Has `by` listed the SST files beside `zip` since it last put one there? */
bool fake_storage_looked(struct fake_storage *storage,
                         const struct sim_process *by,
                         const char *zip);

/* Damage the newest file whose path `pattern` ('*' stands for anything) matches: a durable one on
 * /shared or among the objects, or any on a machine's own disk; nothing when none does. Traced and
 * told to every watch. */
void fake_storage_damage(struct fake_storage *storage, const char *pattern, enum damage how);
bool fake_storage_can_damage(struct fake_storage *storage, const char *pattern);

/* Copy the tree below `path` into a real directory (conformance tests export tables): calls `file`
 * for each. */
typedef void (*fake_storage_file_fn)(void *context, const char *path, struct bytes content);
void fake_storage_each(const struct fake_storage *storage,
                       uint32_t machine,
                       const char *path,
                       fake_storage_file_fn file,
                       void *context);

/* Descriptors and locks that a process holds: zero after its death. */
size_t fake_storage_handles(const struct fake_storage *storage, const struct sim_process *process);

#endif
