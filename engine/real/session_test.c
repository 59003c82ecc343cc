#include "engine/real/session.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"

static char place[64];

static void make_place(void)
{
    (void)snprintf(place, sizeof place, "/tmp/session-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(place), NULL));
    cr_assert(eq(int, setenv("TMPDIR", place, 1), 0));
}

static void remove_place(void)
{
    remove_tree(place);
    cr_assert(eq(int, access(place, F_OK), -1));
}

static void put_file(const char *directory, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert(ge(int, fd, 0), "%s", path);
    (void)close(fd);
}

static bool exists(const char *directory, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

Test(session, one_driver_a_checkpoint, .init = make_place, .fini = remove_place)
{
    struct session first;
    struct session second;
    struct session other;
    struct diag diag = {0};
    cr_assert(eq(int, session_open(&first, "", "/data/checkpoint", &diag), OK), "%s", diag.text);
    cr_assert(eq(int, session_open(&second, "", "/data/checkpoint", &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "CONCURRENT_QUERY"));
    char owner[32];
    (void)snprintf(owner, sizeof owner, "process %ld,", (long)getpid());
    cr_assert(ne(ptr, strstr(diag.text, owner), NULL), "%s", diag.text);
    diag = (struct diag){0};
    cr_assert(eq(int, session_open(&other, "", "/data/another", &diag), OK));
    session_close(&other);
    session_close(&first);
    cr_assert(eq(int, session_open(&second, "", "/data/checkpoint", &diag), OK));
    session_close(&second);
}

/* However the base is written. */
Test(session, one_directory_is_one_query, .init = make_place, .fini = remove_place)
{
    struct session first;
    struct session second;
    struct diag diag = {0};
    char winding[128];
    (void)snprintf(winding, sizeof winding, "%s/../%s", place, place + strlen("/tmp/"));
    cr_assert(eq(int, session_open(&first, place, "/c", &diag), OK));
    cr_assert(eq(int, session_open(&second, winding, "/c", &diag), ERR_FAILED));
    session_close(&first);
}

Test(session, what_a_killed_driver_left_goes, .init = make_place, .fini = remove_place)
{
    struct session session;
    struct diag diag = {0};
    char deep[256];
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), OK));
    (void)snprintf(deep, sizeof deep, "%s/local/executor-1/shuffle", session.path);
    cr_assert(eq(int, make_path(deep, &diag), OK));
    put_file(deep, "blocks.data");
    put_file(session.path, "driver");
    (void)close(session.lock); /* as its death does */
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), OK));
    cr_assert(not(exists(session.path, "local")));
    cr_assert(not(exists(session.path, "driver")));
    session_close(&session);
    cr_assert(eq(int, access(session.path, F_OK), -1));
}

Test(session, what_is_not_ours_alone_is_refused, .init = make_place, .fini = remove_place)
{
    struct session session;
    struct diag diag = {0};
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), OK));
    char path[SESSION_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s", session.path);
    session_close(&session);
    cr_assert(eq(int, symlink(place, path), 0)); /* somebody guessed the name */
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "not a directory of this user alone"), NULL));
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, mkdir(path, 0700), 0));
    cr_assert(eq(int, chmod(path, 0777), 0));
    diag = (struct diag){0};
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), ERR_FAILED));
}

Test(session, a_tmpdir_that_is_too_long_is_said, .init = make_place, .fini = remove_place)
{
    struct session session;
    struct diag diag = {0};
    char long_place[256];
    (void)snprintf(long_place, sizeof long_place, "%s/%0100d", place, 7);
    cr_assert(eq(int, make_path(long_place, &diag), OK));
    cr_assert(eq(int, setenv("TMPDIR", long_place, 1), 0));
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "too long for the names of sockets"), NULL));
    diag = (struct diag){0};
    cr_assert(eq(int, setenv("TMPDIR", "/no/such/place", 1), 0));
    cr_assert(eq(int, session_open(&session, "", "/c", &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "No such file or directory"), NULL));
}

Test(session, make_path_says_what_is_in_the_way, .init = make_place, .fini = remove_place)
{
    struct diag diag = {0};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file/below", place);
    put_file(place, "file");
    cr_assert(eq(int, make_path(path, &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "Not a directory"), NULL));
    diag = (struct diag){0};
    (void)snprintf(path, sizeof path, "%s/file", place);
    cr_assert(eq(int, make_path(path, &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "is no directory"), NULL));
}
