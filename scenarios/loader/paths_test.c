#include "scenarios/loader/paths.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*  <tree>/secret.txt
 *  <tree>/root/aftershock.json, root/top.txt, root/in/scenario.json, root/in/here.txt
 *  <tree>/root/in/link-in -> ../top.txt, link-out -> ../../secret.txt, folder-out -> ../..
 *  <tree>/root/in/pipe, a FIFO that nobody writes to */
static char tree[] = "/tmp/aftershock-paths-XXXXXX";
static struct arena arena;
static struct diag diag;
static struct paths paths;

static const char *under(const char *path)
{
    return arena_printf(&arena, "%s/%s", tree, path);
}

static void put(const char *path, const char *content)
{
    FILE *file = fopen(under(path), "w");
    cr_assert(ne(ptr, file, NULL));
    cr_assert(ge(int, fputs(content, file), 0));
    cr_assert(zero(int, fclose(file)));
}

static void make_tree(void)
{
    cr_assert(ne(ptr, mkdtemp(tree), NULL));
    cr_assert(zero(int, mkdir(under("root"), 0700)));
    cr_assert(zero(int, mkdir(under("root/in"), 0700)));
    put("secret.txt", "secret");
    put("root/aftershock.json", "{}");
    put("root/top.txt", "top");
    put("root/in/scenario.json", "{}");
    put("root/in/here.txt", "here");
    cr_assert(zero(int, symlink("../top.txt", under("root/in/link-in"))));
    cr_assert(zero(int, symlink("../../secret.txt", under("root/in/link-out"))));
    cr_assert(zero(int, symlink("../..", under("root/in/folder-out"))));
    cr_assert(zero(int, mkfifo(under("root/in/pipe"), 0600)));
}

static void drop_tree(void)
{
    static const char *const names[] = {"root/in/pipe",
                                        "root/in/folder-out",
                                        "root/in/link-out",
                                        "root/in/link-in",
                                        "root/in/here.txt",
                                        "root/in/scenario.json",
                                        "root/top.txt",
                                        "root/aftershock.json",
                                        "secret.txt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(under(names[i]));
    }
    (void)rmdir(under("root/in"));
    (void)rmdir(under("root"));
    (void)rmdir(tree);
    arena_free(&arena);
}
TestSuite(paths, .init = make_tree, .fini = drop_tree);

static void find(void)
{
    cr_assert(eq(int, paths_find(&arena, under("root/in/scenario.json"), NULL, &paths, &diag), OK));
}

static void reads(const char *path, const char *content)
{
    struct bytes bytes = {0};
    const char *why = paths_read(&paths, &arena, path, &bytes);
    cr_assert(zero(ptr, why), "%s: %s", path, why);
    cr_assert(bytes_equal_text(bytes, content), "%s", path);
}

static void refuses(const char *path, const char *reason)
{
    struct bytes bytes = {0};
    const char *why = paths_read(&paths, &arena, path, &bytes);
    cr_assert(ne(ptr, why, NULL), "%s is read", path);
    cr_assert(ne(ptr, strstr(why, reason), NULL), "%s: %s", path, why);
    cr_assert(zero(ptr, bytes.data));
}

Test(paths, below_the_root_everything_is_read)
{
    find();
    reads("here.txt", "here");
    reads("./here.txt", "here");
    reads("../top.txt", "top");
    reads("../in/../in//here.txt", "here");
    reads("link-in", "top");
}

Test(paths, nothing_leaves_the_root)
{
    find();
    refuses("../../secret.txt", "leaves the root");
    refuses("../../root/top.txt", "leaves the root");
    refuses("../../nothing-here.txt", "leaves the root");
    refuses("in/../../../secret.txt", "leaves the root");
    refuses("link-out", "by a symbolic link");
    refuses("folder-out/secret.txt", "by a symbolic link");
    refuses(under("root/in/here.txt"), "absolute");
    refuses("/etc/passwd", "absolute");
}

Test(paths, only_plain_files_are_read)
{
    find();
    refuses("pipe", "not a plain file");
    refuses("..", "not a plain file");
    refuses("none.txt", "no such file");
    refuses("here.txt/x", "Not a directory");
}

Test(paths, a_root_that_is_given_holds)
{
    cr_assert(
        eq(int,
           paths_find(&arena, under("root/in/scenario.json"), under("root/in"), &paths, &diag),
           OK));
    reads("here.txt", "here");
    refuses("../top.txt", "leaves the root");
    cr_assert(eq(int, paths_find(&arena, under("root/in/scenario.json"), tree, &paths, &diag), OK));
    reads("../../secret.txt", "secret");
}

Test(paths, a_scenario_outside_its_root_is_refused)
{
    cr_assert(
        eq(int, paths_find(&arena, under("secret.txt"), under("root"), &paths, &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "not below the root"), NULL));
}

Test(paths, without_a_marker_there_is_no_root)
{
    cr_assert(eq(int, paths_find(&arena, under("secret.txt"), NULL, &paths, &diag), ERR_FAILED));
    cr_assert(ne(ptr, strstr(diag.text, "aftershock.json"), NULL));
}

Test(paths, a_root_or_folder_that_is_not_there)
{
    cr_assert(eq(int, paths_find(&arena, under("no/x.json"), NULL, &paths, &diag), ERR_FAILED));
    diag = (struct diag){0};
    cr_assert(
        eq(int, paths_find(&arena, under("secret.txt"), under("no"), &paths, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.file, under("no")));
}
