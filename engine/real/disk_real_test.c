/* Real file systems keep the disk's contract; and what they do when they are full, forbidden,
 * read-only or old. What power loss leaves is the fake's own test: nobody cuts power here. */
/* mount, unshare. NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE 1
#include "engine/ports/disk_contract.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "engine/real/forked_world.h"

/* ---- the contract ---- */

Test(disk_real, keeps_the_contract)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    forked_world_new(&world);
    for (size_t i = 0; i < disk_contract_count; i++) {
        forked_next_case(&world, directory);
        world.contract->root = directory;
        disk_contract[i].check(world.contract);
        forked_check(&world, disk_contract[i].name);
    }
    forked_world_free(&world);
}

Test(disk_real, keeps_the_contract_below_a_root)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char inside[FORKED_PATH + 32];
    forked_world_new(&world);
    for (size_t i = 0; i < disk_contract_count; i++) {
        forked_next_case(&world, directory);
        (void)snprintf(inside, sizeof inside, "%s/in", directory);
        cr_assert(eq(int, mkdir(inside, 0777), 0));
        world.config.root = directory;
        world.contract->root = "/in";
        disk_contract[i].check(world.contract);
        forked_check(&world, disk_contract[i].name);
    }
    forked_world_free(&world);
}

/* ---- a kernel that does not know RENAME_NOREPLACE ---- */

/* Stands before the C library's: answers as an old file system would while `old_kernel` says so. */
static int old_kernel;

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (old_kernel != 0) {
        errno = old_kernel;
        return -1;
    }
    if (flags != 0 && faccessat(to_fd, to, F_OK, 0) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from_fd, from, to_fd, to);
}

Test(disk_real, keeps_the_contract_where_rename_always_replaces)
{
    static const int errors[] = {EINVAL, ENOSYS};
    for (size_t e = 0; e < 2; e++) {
        struct forked_world world;
        char directory[FORKED_PATH + 16];
        forked_world_new(&world);
        old_kernel = errors[e];
        for (size_t i = 0; i < disk_contract_count; i++) {
            forked_next_case(&world, directory);
            world.contract->root = directory;
            disk_contract[i].check(world.contract);
            forked_check(&world, disk_contract[i].name);
        }
        forked_world_free(&world);
    }
}

/* ---- pieces ---- */

static const char *in_root(const struct contract *c, const char *name)
{
    static char paths[2][FORKED_PATH + 64];
    static unsigned next;
    char *path = paths[next++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", c->root, name);
    return path;
}

static void run_one(contract_body body)
{
    struct forked_world world;
    forked_world_new(&world);
    (void)chmod(world.directory, 0755); /* for whoever a case becomes */
    forked_world_run(&world, body);
    forked_world_free(&world);
}

/* ---- limits ---- */

/* A limit on a file's size cuts the write that meets it short; the next one fails. */
static void meets_a_limit(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
    char data[600] = "";
    disk_fd fd = -1;
    size_t written = 0;
    uint64_t size = 0;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    promise(c, setrlimit(RLIMIT_FSIZE, &limit) == 0);
    promise(c, disk_write(disk, fd, data, sizeof data, &written) == OK && written == 600);
    promise(c, disk_write(disk, fd, data, sizeof data, &written) == OK && written == 400);
    promise(c, disk_write(disk, fd, data, sizeof data, &written) == ERR_NO_SPACE);
    promise(c, written == 0);
    promise(c, disk_size(disk, fd, &size) == OK && size == 1000);
    promise(c, disk_close(disk, fd) == OK);
}

Test(disk_real, a_write_that_meets_a_limit_is_short_then_none)
{
    run_one(meets_a_limit);
}

static void writes_to_a_full_device(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    disk_fd fd = -1;
    size_t written = 9;
    promise(c, disk_open(&ports->disk, "/dev/full", DISK_TRUNCATE, &fd) == OK);
    promise(c, disk_write(&ports->disk, fd, "x", 1, &written) == ERR_NO_SPACE);
    promise(c, written == 0);
    promise(c, disk_close(&ports->disk, fd) == OK);
}

Test(disk_real, a_full_device_has_no_space)
{
    run_one(writes_to_a_full_device);
}

static void opens_too_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    disk_fd fds[40];
    int count = 0;
    disk_fd fd = -1;
    enum status status = OK;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    promise(c, setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (count < 40 && (status = disk_open(disk, in_root(c, "a"), DISK_READ, &fd)) == OK) {
        fds[count++] = fd;
    }
    promise(c, status == ERR_IO);
    promise(c, disk_fsync_dir(disk, c->root) == ERR_IO);
    promise(c, disk_lock(disk, in_root(c, "lock")) == ERR_IO);
    promise(c, disk_close(disk, fds[0]) == OK);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == OK);
}

Test(disk_real, without_descriptors_it_is_an_io_error)
{
    run_one(opens_too_many);
}

static void uses_long_names(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    char name[5000];
    disk_fd fd = -1;
    memset(name, 'x', sizeof name - 1);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    promise(c, disk_open(&ports->disk, name, DISK_CREATE_NEW, &fd) == ERR_IO);
    promise(c, disk_mkdir(&ports->disk, name) == ERR_IO);
    name[300] = '\0'; /* a component too long */
    promise(c, disk_open(&ports->disk, in_root(c, name + 1), DISK_CREATE_NEW, &fd) == ERR_IO);
}

Test(disk_real, a_path_that_is_too_long_is_an_io_error)
{
    run_one(uses_long_names);
}

/* ---- forbidden ---- */

/* Root may do everything: it becomes nobody first. False: it cannot. */
static bool become_nobody(void)
{
    return getuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

static void meets_a_locked_door(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    disk_fd fd = -1;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    promise(c, chmod(in_root(c, "a"), 0) == 0);
    promise(c, chmod(c->root, 0555) == 0);
    if (!become_nobody()) {
        c->left[0] = 1;
        return;
    }
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == ERR_READ_ONLY);
    promise(c, disk_open(disk, in_root(c, "b"), DISK_CREATE_NEW, &fd) == ERR_READ_ONLY);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == ERR_READ_ONLY);
    promise(c, disk_unlink(disk, in_root(c, "a")) == ERR_READ_ONLY);
    promise(c, disk_rename(disk, in_root(c, "a"), in_root(c, "b"), false) == ERR_READ_ONLY);
    promise(c, disk_lock(disk, in_root(c, "lock")) == ERR_READ_ONLY);
}

Test(disk_real, what_is_forbidden_says_so)
{
    struct forked_world world;
    forked_world_new(&world);
    (void)chmod(world.directory, 0755);
    forked_world_run(&world, meets_a_locked_door);
    bool skipped = world.contract->left[0] == 1;
    char inside[FORKED_PATH + 16];
    (void)snprintf(inside, sizeof inside, "%s/0", world.directory);
    (void)chmod(inside, 0755);
    forked_world_free(&world);
    if (skipped) {
        cr_skip_test("root cannot become nobody here");
    }
}

/* ---- a file system of our own: small, then read-only; wants root, or a kernel that lets anybody
 * mount in a namespace of its own ---- */

static bool mount_small(const char *where)
{
    bool alone = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    return alone && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("small", where, "tmpfs", 0, "size=64k,nr_inodes=8") == 0;
}

static void fills_it(struct contract *c, const struct disk_port *disk)
{
    static char data[40000];
    disk_fd fd = -1;
    size_t total = 0;
    size_t written = 0;
    enum status status = OK;
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    while (status == OK && total < 200000) {
        status = disk_write(disk, fd, data, sizeof data, &written);
        total += written;
    }
    promise(c, status == ERR_NO_SPACE);
    promise(c, total == 65536); /* the last write was short */
    promise(c, disk_close(disk, fd) == OK);
    for (int i = 0; i < 20 && status != OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%d", i);
        status = disk_mkdir(disk, in_root(c, name)) == ERR_NO_SPACE ? OK : ERR_NO_SPACE;
    }
    promise(c, status == OK); /* no inode left either */
    promise(c, disk_unlink(disk, in_root(c, "a")) == OK);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_CREATE_NEW, &fd) == OK);
    promise(c, disk_close(disk, fd) == OK);
}

static void lives_on_a_small_one(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct disk_port *disk = &ports->disk;
    disk_fd fd = -1;
    if (!mount_small(c->root)) {
        c->left[0] = errno;
        return;
    }
    fills_it(c, disk);
    promise(c, mount("small", c->root, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    promise(c, disk_open(disk, in_root(c, "b"), DISK_CREATE_NEW, &fd) == ERR_READ_ONLY);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_TRUNCATE, &fd) == ERR_READ_ONLY);
    promise(c, disk_mkdir(disk, in_root(c, "d")) == ERR_READ_ONLY);
    promise(c, disk_rename(disk, in_root(c, "a"), in_root(c, "b"), false) == ERR_READ_ONLY);
    promise(c, disk_unlink(disk, in_root(c, "a")) == ERR_READ_ONLY);
    promise(c, disk_lock(disk, in_root(c, "lock")) == ERR_READ_ONLY);
    promise(c, disk_open(disk, in_root(c, "a"), DISK_READ, &fd) == OK);
    promise(c, disk_close(disk, fd) == OK);
}

Test(disk_real, a_small_file_system_fills_and_a_read_only_one_says_so)
{
    struct forked_world world;
    forked_world_new(&world);
    forked_world_run(&world, lives_on_a_small_one);
    int64_t error = world.contract->left[0];
    forked_world_free(&world);
    if (error != 0) {
        cr_skip_test("nothing can be mounted here: %s", strerror((int)error));
    }
}
