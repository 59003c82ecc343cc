/* A disk port in memory: where a database is put that somebody only wants to look into (a view, an
 * audit, a check), so that nothing of it reaches a real disk. Kept by the owner, gone with it.
 * Never suspends, costs nothing, forgets everything: durability is a word here. */
#ifndef ENGINE_STATE_DISK_MEMORY_H
#define ENGINE_STATE_DISK_MEMORY_H

#include "engine/base/bytes.h"
#include "engine/ports/disk.h"

struct disk_memory;

/* One directory, "/", and no file. Of the current process' heap. */
struct disk_memory *disk_memory_new(void);
/* No database over it may be open. */
void disk_memory_free(struct disk_memory *disk);

/* Valid as long as the disk. */
const struct disk_port *disk_memory_port(struct disk_memory *disk);

/* Make a file with a copy of `content`, over what is there; missing directories are made. */
void disk_memory_put(struct disk_memory *disk, const char *path, struct bytes content);

#endif
