#include "engine/state/state_map.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"

static struct arena arena;
static struct state_map *map;

static void begin(void)
{
    map = state_map_new();
}

static void end(void)
{
    state_map_free(map);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(state_map, .init = begin, .fini = end);

static void put(const char *key, const char *value)
{
    state_map_put(map, bytes_of_text(key), bytes_of_text(value));
}

static bool drop(const char *key)
{
    return state_map_remove(map, bytes_of_text(key));
}

/* "a=1 b=2 " in the order of the keys. */
static const char *content(void)
{
    const struct state_pair *pairs = state_map_sorted(map, &arena);
    struct buf {
        char text[4096];
        size_t size;
    } *out = arena_alloc(&arena, sizeof *out);
    for (int64_t i = 0; i < state_map_count(map); i++) {
        out->size += (size_t)snprintf(out->text + out->size,
                                      sizeof out->text - out->size,
                                      "%.*s=%.*s ",
                                      (int)pairs[i].key.size,
                                      (const char *)pairs[i].key.data,
                                      (int)pairs[i].value.size,
                                      (const char *)pairs[i].value.data);
    }
    return out->text;
}

Test(state_map, put_get_remove)
{
    struct bytes value;
    put("b", "2");
    put("a", "1");
    put("b", "two");
    put("", "empty key");
    put("empty value", "");
    cr_assert(eq(str, content(), "=empty key a=1 b=two empty value= "));
    cr_assert(state_map_get(map, bytes_of_text("b"), &value));
    cr_assert(bytes_equal_text(value, "two"));
    cr_assert(not(state_map_get(map, bytes_of_text("c"), &value)));
    cr_assert(drop(""));
    cr_assert(not(drop("c")));
    cr_assert(eq(i64, state_map_count(map), 3));
    cr_assert(eq(i64, state_map_bytes(map), 2 + 4 + 11));
}

Test(state_map, a_rollback_undoes_in_reverse)
{
    put("a", "1");
    put("b", "2");
    put("c", "3");
    const char *before = content();
    int64_t bytes = state_map_bytes(map);
    state_map_mark(map);
    put("a", "changed");
    put("a", "changed again");
    cr_assert(drop("a"));
    put("a", "a third one");
    cr_assert(drop("b"));
    put("d", "new");
    cr_assert(drop("d"));
    put("d", "newer");
    state_map_rollback(map);
    cr_assert(eq(str, content(), before));
    cr_assert(eq(i64, state_map_bytes(map), bytes));
}

Test(state_map, a_mark_forgets_what_was_before_it)
{
    state_map_mark(map);
    put("a", "1");
    cr_assert(drop("a"));
    put("b", "1");
    state_map_mark(map);
    put("b", "2");
    state_map_rollback(map);
    cr_assert(eq(str, content(), "b=1 "));
}

Test(state_map, what_is_noted_is_freed_with_the_map)
{
    put("a", "1");
    put("b", "1");
    state_map_mark(map);
    put("a", "2");
    cr_assert(drop("b")); /* end() looks at the heap */
}

Test(state_map, a_value_may_be_put_from_the_map_itself)
{
    struct bytes value;
    put("a", "the value");
    cr_assert(state_map_get(map, bytes_of_text("a"), &value));
    state_map_put(map, bytes_of_text("a"), value);
    state_map_put(map, bytes_of_text("b"), value.size == 9 ? bytes_of_text("the value") : value);
    cr_assert(eq(str, content(), "a=the value b=the value "));
}

/* Against a plain table, with marks and rollbacks in between. */
enum { KEYS = 200, ROUNDS = 400, STEPS = 60 };

struct model {
    int values[KEYS]; /* 0: not there */
};

static void check_model(const struct model *model)
{
    int64_t count = 0;
    for (int key = 0; key < KEYS; key++) {
        char text[32];
        struct bytes value = {0};
        (void)snprintf(text, sizeof text, "key %d", key);
        bool there = state_map_get(map, bytes_of_text(text), &value);
        cr_assert(eq(int, there, model->values[key] != 0));
        count += there;
        cr_assert(eq(sz, value.size, there ? (size_t)model->values[key] : 0));
    }
    cr_assert(eq(i64, state_map_count(map), count));
    arena_reset(&arena);
    const struct state_pair *pairs = state_map_sorted(map, &arena);
    for (int64_t i = 1; i < count; i++) {
        cr_assert(lt(int, bytes_compare(pairs[i - 1].key, pairs[i].key), 0));
    }
}

Test(state_map, random_changes_agree_with_a_table)
{
    static const uint8_t bytes[2000];
    struct model now = {0};
    struct model marked = {0};
    uint32_t state = 3;
    state_map_mark(map);
    for (int round = 0; round < ROUNDS; round++) {
        for (int step = 0; step < STEPS; step++) {
            char text[32];
            state = state * 1664525 + 1013904223;
            int key = (int)(state >> 16) % KEYS;
            int size = state % 3 == 0 ? 0 : 1 + (int)(state >> 12) % (round % 50 == 0 ? 1999 : 60);
            (void)snprintf(text, sizeof text, "key %d", key);
            if (size == 0) {
                cr_assert(eq(int, drop(text), now.values[key] != 0));
            } else {
                state_map_put(map, bytes_of_text(text), bytes_of(bytes, (size_t)size));
            }
            now.values[key] = size;
        }
        if (round % 3 == 0) {
            state_map_rollback(map);
            now = marked;
        }
        state_map_mark(map);
        marked = now;
        check_model(&now);
    }
}

/* One row in ten changes a batch; a stream does that for weeks. */
Test(state_map, memory_is_flat_when_the_number_of_rows_is)
{
    size_t after_warm_up = 0;
    for (int batch = 0; batch < 5000; batch++) {
        state_map_mark(map);
        for (int i = 0; i < 20; i++) {
            char text[32];
            (void)snprintf(text, sizeof text, "key %08d", batch * 20 + i);
            put(text, "a value of thirty-two bytes more");
            (void)snprintf(text, sizeof text, "key %08d", batch * 20 + i - 200);
            (void)drop(text);
        }
        if (batch == 100) {
            after_warm_up = process_host.heap.bytes;
        }
        if (batch > 100) {
            cr_assert(le(sz, process_host.heap.bytes, after_warm_up), "batch %d", batch);
        }
    }
    cr_assert(eq(i64, state_map_count(map), 200));
}

/* Keys as rows have them: alike in front, of several lengths, one the beginning of another. */
Test(state_map, keys_come_in_the_order_of_their_bytes)
{
    uint32_t state = 9;
    for (int i = 0; i < 3000; i++) {
        uint8_t key[40] = {0};
        state = state * 1664525 + 1013904223;
        size_t size = 8 + (state >> 8) % 32;
        for (size_t b = 8; b < size; b++) {
            state = state * 1664525 + 1013904223;
            key[b] = (uint8_t)(state >> 30 == 3 ? state >> 16 : 0);
        }
        state_map_put(map, bytes_of(key, size), bytes_of_text("x"));
    }
    const struct state_pair *pairs = state_map_sorted(map, &arena);
    for (int64_t i = 1; i < state_map_count(map); i++) {
        cr_assert(lt(int, bytes_compare(pairs[i - 1].key, pairs[i].key), 0));
    }
}
