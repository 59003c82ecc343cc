#include "engine/ports/objects_contract.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/arena.h"

enum { KEY_SIZE = 256 };

/* "<root>/<name>"; at most four live at a time. */
static const char *in_root(const struct contract *contract, const char *name)
{
    static char keys[4][KEY_SIZE];
    static unsigned next;
    char *key = keys[next++ % 4];
    (void)snprintf(key, KEY_SIZE, "%s/%s", contract->root, name);
    return key;
}

static bool object_is(const struct objects_port *objects, const char *key, const char *text)
{
    struct arena arena = {0};
    struct bytes found = {0};
    bool same = objects_get(objects, key, &arena, &found) == OK && bytes_equal_text(found, text);
    arena_free(&arena);
    return same;
}

static void puts_and_gets(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    struct arena arena = {0};
    struct bytes found = {0};
    promise(c, objects_get(objects, in_root(c, "a"), &arena, &found) == ERR_NOT_FOUND);
    promise(c, objects_put(objects, in_root(c, "a"), bytes_of_text("old and long")) == OK);
    promise(c, object_is(objects, in_root(c, "a"), "old and long"));
    promise(c, objects_put(objects, in_root(c, "a"), bytes_of_text("new")) == OK);
    promise(c, object_is(objects, in_root(c, "a"), "new"));
    promise(c, objects_put(objects, in_root(c, "empty"), bytes_of_text("")) == OK);
    promise(c, object_is(objects, in_root(c, "empty"), ""));
    arena_free(&arena);
}

static void check_puts_and_gets(struct contract *c)
{
    c->run(c->self, puts_and_gets, c);
}

static void put_once(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("1")) == OK);
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("2")) == ERR_EXISTS);
    /* The same bytes are no exception. */
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("1")) == ERR_EXISTS);
    promise(c, object_is(objects, in_root(c, "a"), "1"));
    promise(c, objects_remove(objects, in_root(c, "a")) == OK);
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("3")) == OK);
    promise(c, object_is(objects, in_root(c, "a"), "3"));
}

static void check_put_once(struct contract *c)
{
    c->run(c->self, put_once, c);
}

static void removes(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    struct arena arena = {0};
    struct bytes found = {0};
    promise(c, objects_remove(objects, in_root(c, "a")) == OK); /* not there */
    promise(c, objects_put(objects, in_root(c, "a"), bytes_of_text("1")) == OK);
    promise(c, objects_remove(objects, in_root(c, "a")) == OK);
    promise(c, objects_get(objects, in_root(c, "a"), &arena, &found) == ERR_NOT_FOUND);
    arena_free(&arena);
}

static void check_removes(struct contract *c)
{
    c->run(c->self, removes, c);
}

static void lists(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    static const char *const names[] = {"d/2", "d/10", "d/e/1", "d-", "da", "d/1"};
    static const char *const sorted[] = {"d/1", "d/10", "d/2", "d/e/1"};
    struct arena arena = {0};
    struct object_entry *entries = NULL;
    size_t count = 0;
    promise(c, objects_list(objects, in_root(c, "d/"), &arena, &entries, &count) == OK);
    promise(c, count == 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        promise(c, objects_put(objects, in_root(c, names[i]), bytes_of_text(names[i])) == OK);
    }
    promise(c, objects_list(objects, in_root(c, "d/"), &arena, &entries, &count) == OK);
    promise(c, count == 4);
    for (size_t i = 0; i < count; i++) {
        promise(c, strcmp(entries[i].key, in_root(c, sorted[i])) == 0);
        promise(c, entries[i].size == strlen(sorted[i]));
    }
    arena_free(&arena);
}

static void check_lists(struct contract *c)
{
    c->run(c->self, lists, c);
}

/* ---- more than one process ---------------------------------------------------------------------
 */

static void put_first(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("1")) == OK);
}

static void put_second(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct objects_port *objects = &ports->objects;
    promise(c, objects_put_if_absent(objects, in_root(c, "a"), bytes_of_text("2")) == ERR_EXISTS);
    promise(c, object_is(objects, in_root(c, "a"), "1"));
}

static void check_others(struct contract *c)
{
    c->run_and_hold(c->self, put_first, c);
    c->run(c->self, put_second, c);
    c->kill_held(c->self);
    c->run(c->self, put_second, c);
}

const struct contract_case objects_contract[] = {
    {"a reader sees the last put, whole", check_puts_and_gets},
    {"put-if-absent has one winner", check_put_once},
    {"removing what is not there is fine", check_removes},
    {"a list is sorted and keeps to its prefix", check_lists},
    {"others see it, and it survives its writer", check_others},
};
const size_t objects_contract_count = sizeof objects_contract / sizeof objects_contract[0];
