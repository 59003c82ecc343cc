/* The logs and `metadata` of a checkpoint in a store, over disk and over objects. */
#include "engine/checkpoint/metadata_log.h"
#include "sim/fakes/storage_world.h"

#define CHECKPOINT "/shared/ck"
#define LOG        CHECKPOINT "/offsets"
#define ID_A       "ab7bcd9a-4146-45d3-933d-a615b381c3be"
#define ID_B       "00000000-4146-45d3-933d-a615b381c3be"

static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};

/* ---- lists ------------------------------------------------------------------------------------
 */

static void list_ids(void *argument, const struct ports *ports)
{
    static const char *const names[] = {"10",
                                        "9",
                                        "0",
                                        "007",
                                        "-1",
                                        "+5",
                                        ".3.crc",
                                        "3x",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "d/4"};
    const enum store_kind *kind = argument;
    struct store *store = store_new(ports, *kind);
    struct arena arena = {0};
    int64_t *ids = NULL;
    size_t count = 99;
    require(metadata_log_list(store, LOG, &arena, &ids, &count) == OK);
    require(count == 0); /* a missing directory is empty */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = store_path(&arena, LOG, names[i]);
        require(store_put_new(store, path, bytes_of_text("")) == OK);
    }
    require(metadata_log_list(store, LOG, &arena, &ids, &count) == OK);
    require(count == 4);
    require(ids[0] == 0);
    require(ids[1] == 9);
    require(ids[2] == 10);
    require(ids[3] == INT64_MAX);
    arena_free(&arena);
}

Test(store_logs, a_log_lists_its_ids_by_number_and_nothing_else)
{
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        enum store_kind kind = kinds[i];
        storage_world_new(&world, 1, false);
        storage_world_run(&world, list_ids, &kind);
        storage_world_free(&world);
    }
}

static void list_files(void *argument, const struct ports *ports)
{
    static const char filling[64];
    const enum store_kind *kind = argument;
    struct store *store = store_new(ports, *kind);
    struct arena arena = {0};
    struct store_entry *entries = NULL;
    size_t count = 0;
    for (int i = 40; i > 0; i--) {
        const char *path = arena_printf(&arena, "/shared/t/%02d", i * 7 % 41);
        require(store_put_unique(store, path, bytes_of(filling, (size_t)i)) == OK);
    }
    require(store_put_new(store, "/shared/t/d/x", bytes_of_text("")) == OK);
    require(store_list(store, "/shared/t", &arena, &entries, &count) == OK);
    require(count == 40);
    for (size_t i = 1; i < count; i++) {
        require(strcmp(entries[i - 1].name, entries[i].name) < 0);
    }
    require(store_remove(store, "/shared/t/07") == OK);
    require(store_remove(store, "/shared/t/07") == OK);
    struct bytes content;
    require(store_get(store, "/shared/t/07", &arena, &content) == ERR_NOT_FOUND);
    require(store_get(store, "/shared/t/14", &arena, &content) == OK);
    require(content.size == 2);
    arena_free(&arena);
}

Test(store_logs, a_store_lists_one_level_by_name)
{
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        enum store_kind kind = kinds[i];
        storage_world_new(&world, 3, true);
        storage_world_run(&world, list_files, &kind);
        storage_world_free(&world);
    }
}

/* ---- metadata ---------------------------------------------------------------------------------
 */

struct asked {
    enum store_kind kind;
    const char *fresh_id;
    enum status status;
    char id[UUID_TEXT_SIZE];
    bool created;
    struct diag diag;
};

static void get_id(void *argument, const struct ports *ports)
{
    struct asked *asked = argument;
    struct arena arena = {0};
    struct store *store = store_new(ports, asked->kind);
    asked->diag = (struct diag){0};
    asked->status = stream_metadata_get(
        store, CHECKPOINT, asked->fresh_id, &arena, asked->id, &asked->created, &asked->diag);
    arena_free(&arena);
}

static struct asked ask(struct storage_world *world, enum store_kind kind, const char *fresh_id)
{
    struct asked asked = {.kind = kind, .fresh_id = fresh_id, .status = ERR_INVALID};
    storage_world_run(world, get_id, &asked);
    return asked;
}

static void write_file(void *argument, const struct ports *ports)
{
    const char *const *file = argument; /* path, content, kind */
    struct store *store = store_new(ports, file[2][0] == 'd' ? STORE_DISK : STORE_OBJECTS);
    require(store_put_new(store, file[0], bytes_of_text(file[1])) == OK);
}

Test(store_logs, the_query_id_is_made_once)
{
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        struct asked first = ask(&world, kinds[i], ID_A);
        cr_assert(eq(int, first.status, OK), "%s", first.diag.text);
        cr_assert(first.created);
        cr_assert(eq(str, first.id, ID_A));
        cr_assert(eq(
            str, storage_world_look(&world, 0, CHECKPOINT "/metadata"), "{\"id\":\"" ID_A "\"}"));
        cr_assert(eq(sz, strlen("{\"id\":\"" ID_A "\"}"), 45));
        struct asked second = ask(&world, kinds[i], ID_B);
        cr_assert(eq(int, second.status, OK));
        cr_assert(not(second.created));
        cr_assert(eq(str, second.id, ID_A));
        storage_world_free(&world);
    }
}

Test(store_logs, a_lost_reply_does_not_make_a_second_id)
{
    for (int applied = 0; applied < 2; applied++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        world.trigger = (struct storage_trigger){
            .operation = "put_if_absent",
            .nth = 1,
            .times = 1,
            .fault = {.effect = OPERATION_LOSES_REPLY, .applied = applied}};
        struct asked asked = ask(&world, STORE_OBJECTS, ID_A);
        cr_assert(eq(int, asked.status, OK));
        cr_assert(eq(str, asked.id, ID_A));
        storage_world_free(&world);
    }
}

/* The maker dies before the directory is synced; who relies on the id syncs it. */
Test(store_logs, an_id_that_was_relied_upon_survives_its_makers_machine)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = (struct storage_trigger){
        .operation = "rename", .nth = 1, .times = 1, .after = true, .kill = true};
    struct asked asked = ask(&world, STORE_DISK, ID_A);
    cr_assert(eq(int, asked.status, ERR_INVALID)); /* it never came back */
    world.trigger = (struct storage_trigger){0};
    world.machine = 1;
    asked = ask(&world, STORE_DISK, ID_B);
    cr_assert(eq(str, asked.id, ID_A));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    asked = ask(&world, STORE_DISK, ID_B);
    cr_assert(eq(str, asked.id, ID_A));
    storage_world_free(&world);
}

Test(store_logs, a_checkpoint_that_lost_its_metadata_is_refused)
{
    static const char *const logs[] = {LOG "/7", CHECKPOINT "/commits/7"};
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        const char *file[] = {logs[i], "v1", "d"};
        storage_world_new(&world, 1, false);
        storage_world_run(&world, write_file, file);
        struct asked asked = ask(&world, STORE_DISK, ID_A);
        cr_assert(eq(int, asked.status, ERR_FAILED));
        cr_assert(eq(str, asked.diag.error_class, "CHECKPOINT_METADATA_MISSING"));
        cr_assert(ne(ptr, strstr(asked.diag.text, "up to 7"), NULL), "%s", asked.diag.text);
        cr_assert(eq(str, storage_world_look(&world, 0, CHECKPOINT "/metadata"), "<none>"));
        storage_world_free(&world);
    }
}

Test(store_logs, malformed_metadata_is_refused)
{
    static const struct {
        const char *text;
        const char *error_class;
    } table[] = {{"", "INCOMPLETE_LOG"},
                 {"{", "MALFORMED_LOG"},
                 {"[]", "MALFORMED_LOG"},
                 {"{\"id\":7}", "MALFORMED_LOG"},
                 {"{\"id\":\"seven\"}", "MALFORMED_LOG"},
                 {"{\"ID\":\"" ID_A "\"}", "MALFORMED_LOG"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct storage_world world;
        const char *file[] = {CHECKPOINT "/metadata", table[i].text, "o"};
        storage_world_new(&world, 1, false);
        storage_world_run(&world, write_file, file);
        struct asked asked = ask(&world, STORE_OBJECTS, ID_B);
        cr_assert(eq(int, asked.status, ERR_FAILED));
        cr_assert(eq(str, asked.diag.error_class, table[i].error_class), "%s", table[i].text);
        cr_assert(eq(str, asked.diag.file, CHECKPOINT "/metadata"));
        storage_world_free(&world);
    }
}

Test(store_logs, what_cannot_be_read_is_not_missing)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger =
        (struct storage_trigger){.operation = "get",
                                 .nth = 1,
                                 .times = 100,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    struct asked asked = ask(&world, STORE_OBJECTS, ID_A);
    cr_assert(eq(int, asked.status, ERR_FAILED));
    cr_assert(eq(str, asked.diag.error_class, "CHECKPOINT_READ_FAILED"));
    cr_assert(eq(str, storage_world_look(&world, 0, CHECKPOINT "/metadata"), "<none>"));
    storage_world_free(&world);
}
