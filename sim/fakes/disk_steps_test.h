/* What a process does to a disk before a test takes it away: the steps that the crash tests share.
 */
#ifndef SIM_FAKES_DISK_STEPS_TEST_H
#define SIM_FAKES_DISK_STEPS_TEST_H

#include "sim/fakes/storage_world.h"

static inline disk_fd open_new(const struct ports *ports, const char *path)
{
    disk_fd fd = -1;
    enum status status = disk_open(&ports->disk, path, DISK_CREATE_NEW, &fd);
    require(status == OK);
    return fd;
}

static inline void must(enum status status)
{
    require(status == OK);
}

static inline void write_to(const struct ports *ports, disk_fd fd, const char *text)
{
    size_t written = 0;
    must(disk_write(&ports->disk, fd, text, strlen(text), &written));
    require(written == strlen(text));
}

#endif
