/* A disk in memory keeps the port's contract, but for what needs a second process: a lock. */
#include "engine/state/disk_memory.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"
#include "engine/ports/disk_contract.h"

static void run(void *self, contract_body body, void *argument)
{
    struct ports ports = {.disk = *disk_memory_port(self)};
    body(argument, &ports);
}

static void kill_held(void *self)
{
    (void)self; /* what it has open stays open: nobody is told of deaths here */
}

Test(disk_memory, keeps_the_contract)
{
    size_t checked = 0;
    for (size_t i = 0; i < disk_contract_count; i++) {
        if (strstr(disk_contract[i].name, "lock") != NULL) {
            continue;
        }
        struct disk_memory *disk = disk_memory_new();
        cr_assert(eq(int, disk_mkdir(disk_memory_port(disk), "/contract"), OK));
        struct contract contract = {.root = "/contract",
                                    .self = disk,
                                    .run = run,
                                    .run_and_hold = run,
                                    .kill_held = kill_held};
        disk_contract[i].check(&contract);
        cr_assert(eq(str, contract.broken, ""), "%s", disk_contract[i].name);
        disk_memory_free(disk);
        checked++;
    }
    cr_assert(eq(sz, checked, disk_contract_count - 1));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(disk_memory, put_makes_directories_and_replaces)
{
    struct disk_memory *disk = disk_memory_new();
    const struct disk_port *port = disk_memory_port(disk);
    struct arena arena = {0};
    struct disk_entry *entries = NULL;
    size_t count = 0;
    disk_memory_put(disk, "/a/b/c", bytes_of_text("first"));
    disk_memory_put(disk, "/a/b/c", bytes_of_text("second!"));
    disk_memory_put(disk, "/a/b/d", bytes_of_text(""));
    cr_assert(eq(int, disk_list(port, "/", &arena, &entries, &count), OK));
    cr_assert(eq(sz, count, 1));
    cr_assert(entries[0].directory);
    cr_assert(eq(int, disk_list(port, "/a/b", &arena, &entries, &count), OK));
    cr_assert(eq(sz, count, 2));
    cr_assert(eq(u64, entries[0].size + entries[1].size, 7));
    arena_free(&arena);
    disk_memory_free(disk);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

/* A database that is gone with its process has files open still. */
Test(disk_memory, open_files_go_with_the_disk)
{
    struct disk_memory *disk = disk_memory_new();
    const struct disk_port *port = disk_memory_port(disk);
    disk_fd fds[3];
    disk_memory_put(disk, "/a", bytes_of_text("first"));
    cr_assert(eq(int, disk_open(port, "/a", DISK_READ, &fds[0]), OK));
    cr_assert(eq(int, disk_open(port, "/a", DISK_READ, &fds[1]), OK));
    cr_assert(eq(int, disk_close(port, fds[0]), OK));
    cr_assert(eq(int, disk_unlink(port, "/a"), OK));
    cr_assert(eq(int, disk_open(port, "/b", DISK_CREATE_NEW, &fds[2]), OK));
    cr_assert(eq(int, fds[2], fds[0])); /* the slot is used again */
    disk_memory_free(disk);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
