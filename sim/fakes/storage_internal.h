/* What the fake disk and the fake object store share: who watches, and what may reach the trace.
 * Included by sim/fakes only. */
#ifndef SIM_FAKES_STORAGE_INTERNAL_H
#define SIM_FAKES_STORAGE_INTERNAL_H

#include "sim/fakes/storage.h"

struct fake_disk;
struct fake_objects;

enum { STORAGE_WATCHES_MAX = 8 };

/* Has this process looked into this directory of SST files since it last put one there? */
struct storage_look {
    uint64_t key; /* both of them */
    bool looked;
};

struct fake_storage {
    struct kernel *kernel;
    struct fake_disk *disk;
    struct fake_objects *objects;
    struct fake_storage_watch watches[STORAGE_WATCHES_MAX];
    size_t watch_count;
    bool late; /* a request arrives that its sender has given up */
    struct storage_look *looks;
    size_t look_count;
};

/* A file became visible under its final name: traced, and every watch is told. `by` may be NULL.
 * Hidden names (temporary files) are not final and say nothing. */
void storage_published(struct fake_storage *storage,
                       const struct sim_process *by,
                       const char *path,
                       struct bytes content);
void storage_removed(struct fake_storage *storage, const struct sim_process *by, const char *path);

/* `by` was told what is in a directory ("/a/b", "a/b/"). */
void storage_listed(struct fake_storage *storage, const struct sim_process *by, const char *path);

/* `size` bytes at `path` as a logical size, for costs: 0 where the bytes hang on a compression
 * library's version (data files, and Delta commits, which state the sizes of data files). */
int64_t storage_logical_size(const char *path, uint64_t size);

/* The last component begins with a dot. */
bool storage_hidden(const char *path);

#endif
