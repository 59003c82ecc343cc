/* Port: files. Real: POSIX. Simulated: synced bytes plus unsynced operations per machine; see the
 * fault model in sim/fakes/disk.c.
 *
 * Contract (engine/ports/disk_contract.c runs it against both):
 *   - write, rename, link, unlink, mkdir, rmdir are visible to every reader of the same file system
 *     at once;
 *   - nothing is durable before fsync: fsync(file) makes bytes and size durable but not the name;
 *     fsync_dir makes the names in that directory durable but not the bytes of the files named;
 *   - close does not sync; it may report a late error, and the descriptor is gone either way;
 *   - a failed fsync is never to be retried as if nothing had happened: pages may be marked clean;
 *   - rename replaces atomically; with `no_replace` it fails with ERR_EXISTS when the target
 * exists;
 *   - list has no order in the contract (callers sort) and omits "." and "..".
 * Paths are absolute, '/'-separated, without "." or "..": "/local/..." is this machine's own disk,
 * "/shared/..." one file system that all machines see. Every call may suspend and holds the
 * process.
 *
 * Within fiber_on_thread_stack (a library that reads and writes files, such as RocksDB) no call
 * suspends: what the calls cost is charged to the process' next call outside that may suspend. When
 * the process dies in such a stretch it is dead for the world at once: the call in which it died
 * and all later ones answer ERR_IO and change nothing, its descriptors are gone, and none of its
 * own code behind the stretch runs. A pause takes hold behind the stretch. */
#ifndef ENGINE_PORTS_DISK_H
#define ENGINE_PORTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

typedef int disk_fd; /* >= 0; valid until close or the process' death */

enum disk_open_mode {
    DISK_READ,       /* must exist: ERR_NOT_FOUND */
    DISK_CREATE_NEW, /* must not exist: ERR_EXISTS; opened for writing at 0 */
    DISK_TRUNCATE    /* created or emptied; opened for writing at 0 */
};

struct disk_entry {
    const char *name; /* base name, in the caller's arena */
    bool directory;
    uint64_t size;
    int64_t modified_us;
};

struct disk_ops {
    enum status (*open)(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd);
    enum status (*write)(void *self, disk_fd fd, const void *data, size_t size, size_t *written);
    enum status (*read)(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got);
    enum status (*size)(void *self, disk_fd fd, uint64_t *size);
    enum status (*fsync)(void *self, disk_fd fd);
    enum status (*close)(void *self, disk_fd fd);
    enum status (*rename)(void *self, const char *from, const char *to, bool no_replace);
    enum status (*link)(void *self, const char *from, const char *to);
    enum status (*unlink)(void *self, const char *path);
    enum status (*mkdir)(void *self, const char *path);
    enum status (*rmdir)(void *self, const char *path);
    enum status (*list)(void *self,
                        const char *directory,
                        struct arena *arena,
                        struct disk_entry **entries,
                        size_t *count);
    enum status (*fsync_dir)(void *self, const char *directory);
    enum status (*lock)(void *self, const char *path);
};

struct disk_port {
    const struct disk_ops *ops;
    void *self;
};

/* Errors: ERR_NOT_FOUND (also: the directory is missing), ERR_EXISTS, ERR_IO, ERR_NO_SPACE,
 * ERR_READ_ONLY. */
MUST_CHECK static inline enum status
disk_open(const struct disk_port *port, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    return port->ops->open(port->self, path, mode, fd);
}

/* Append at the descriptor's position. May write less than asked (`*written` < size, OK): loop.
 * Errors: ERR_IO, ERR_NO_SPACE. Not durable on return. */
MUST_CHECK static inline enum status
disk_write(const struct disk_port *port, disk_fd fd, const void *data, size_t size, size_t *written)
{
    return port->ops->write(port->self, fd, data, size, written);
}

/* Read at byte `at`. `*got` < size only at the end of the file or after a short read: loop until 0.
 */
MUST_CHECK static inline enum status disk_read(
    const struct disk_port *port, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    return port->ops->read(port->self, fd, at, data, size, got);
}

MUST_CHECK static inline enum status
disk_size(const struct disk_port *port, disk_fd fd, uint64_t *size)
{
    return port->ops->size(port->self, fd, size);
}

/* Bytes and size are durable on OK, whoever wrote them; the name is not. Errors: ERR_IO,
 * ERR_NO_SPACE; then abandon the file. */
MUST_CHECK static inline enum status disk_fsync(const struct disk_port *port, disk_fd fd)
{
    return port->ops->fsync(port->self, fd);
}

MUST_CHECK static inline enum status disk_close(const struct disk_port *port, disk_fd fd)
{
    return port->ops->close(port->self, fd);
}

/* Errors: ERR_NOT_FOUND, ERR_EXISTS (no_replace), ERR_IO, ERR_UNSUPPORTED (no_replace not possible
 * here). */
MUST_CHECK static inline enum status
disk_rename(const struct disk_port *port, const char *from, const char *to, bool no_replace)
{
    return port->ops->rename(port->self, from, to, no_replace);
}

/* A second name; ERR_EXISTS when `to` exists. */
MUST_CHECK static inline enum status
disk_link(const struct disk_port *port, const char *from, const char *to)
{
    return port->ops->link(port->self, from, to);
}

MUST_CHECK static inline enum status disk_unlink(const struct disk_port *port, const char *path)
{
    return port->ops->unlink(port->self, path);
}

/* One level; ERR_EXISTS when it is there. Durable after fsync_dir of the parent. */
MUST_CHECK static inline enum status disk_mkdir(const struct disk_port *port, const char *path)
{
    return port->ops->mkdir(port->self, path);
}

/* An empty directory goes. Errors: ERR_NOT_FOUND (also: it is a file), ERR_EXISTS (it is not
 * empty), ERR_IO. Durable after fsync_dir of the parent. */
MUST_CHECK static inline enum status disk_rmdir(const struct disk_port *port, const char *path)
{
    return port->ops->rmdir(port->self, path);
}

MUST_CHECK static inline enum status disk_list(const struct disk_port *port,
                                               const char *directory,
                                               struct arena *arena,
                                               struct disk_entry **entries,
                                               size_t *count)
{
    return port->ops->list(port->self, directory, arena, entries, count);
}

/* The names in `directory` (not below) are durable on OK, whoever made them. */
MUST_CHECK static inline enum status disk_fsync_dir(const struct disk_port *port,
                                                    const char *directory)
{
    return port->ops->fsync_dir(port->self, directory);
}

/* Take an exclusive lock named `path` (created if missing) until this process dies.
 * Errors: ERR_LOCKED (somebody alive holds it), ERR_IO. */
MUST_CHECK static inline enum status disk_lock(const struct disk_port *port, const char *path)
{
    return port->ops->lock(port->self, path);
}

#endif
