#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sink/delta_sink.h"
#include "engine/sink/delta_stats.h"
#include "engine/sink/delta_test_world.h"
#include "engine/sink/parquet.h"

static const char table_path[] = "/shared/tables/delays";
static const struct field fields[] = {{"origin", TYPE_STRING}, {"delay", TYPE_INT}};
static const struct schema schema = {.fields = fields, .count = 2};

static struct columns *rows_of(struct arena *arena, size_t count)
{
    struct columns *columns = columns_new(arena, &schema, count);
    columns->rows = count;
    for (size_t row = 0; row < count; row++) {
        columns->columns[0].present[row] = 1;
        columns->columns[1].present[row] = row % 3 != 0;
        columns->columns[0].values.strings[row] = bytes_of_text(row % 2 == 0 ? "ORD" : "DFW");
        columns->columns[1].values.ints[row] = row % 3 != 0 ? (int32_t)row : 0;
    }
    return columns;
}

static enum status write_rows(struct world *world,
                              const struct columns *rows,
                              uint64_t key,
                              struct arena *arena,
                              struct delta_file *file)
{
    struct diag diag = {0};
    const struct delta_output output = {.ports = &world->ports,
                                        .store = world->store,
                                        .table = table_path,
                                        .task = 7,
                                        .name_keys = {key, 0},
                                        .rows = rows};
    return delta_write_file(&output, arena, file, &diag);
}

Test(delta_write, the_file_is_there_as_described)
{
    struct world *world = world_new(STORE_DISK);
    struct arena arena = {0};
    struct columns *rows = rows_of(&arena, 10000);
    struct delta_file file;
    cr_assert(eq(int, write_rows(world, rows, 1, &arena, &file), OK));

    cr_assert(eq(int, strncmp(file.path, "part-00007-", 11), 0));
    char uuid[UUID_TEXT_SIZE] = "";
    memcpy(uuid, file.path + 11, UUID_TEXT_SIZE - 1);
    cr_assert(uuid_valid(uuid), "%s", file.path);
    cr_assert(eq(str, file.path + 11 + 36, "-c000.snappy.parquet"));

    char path[192];
    (void)snprintf(path, sizeof path, "%s/%s", table_path, file.path);
    struct world_file *written = world_find(world, path);
    cr_assert(written != NULL);
    cr_assert(eq(u64, file.size, written->content.size));
    cr_assert(eq(u64, file.content_hash, hash_bytes(written->content.data, file.size)));
    cr_assert(eq(u64, file.rows_hash, delta_rows_hash(rows)));
    cr_assert(eq(i64, file.rows, 10000));
    cr_assert(eq(i64, file.modified_ms, INT64_C(978307200000)));
    cr_assert(eq(int, strncmp(file.stats, "{\"numRecords\":10000,", 20), 0));
    cr_assert(eq(i64, world->rows_spent, 10000));
    cr_assert(eq(i64, world->bytes_spent, 10000 * (4 + 3 + 4)));
    arena_free(&arena);
}

Test(delta_write, no_rows_no_file)
{
    struct world *world = world_new(STORE_DISK);
    struct arena arena = {0};
    struct delta_file file;
    cr_assert(eq(int, write_rows(world, rows_of(&arena, 0), 1, &arena, &file), OK));
    cr_assert(file.path == NULL);
    cr_assert(eq(i64, file.rows, 0));
    cr_assert(eq(sz, world->file_count, 0));
    arena_free(&arena);
}

/* Nothing but name and time may depend on anything but the rows; and what is charged or traced not
 * on the compression. */
Test(delta_write, attempts_have_names_of_their_own_and_equal_content)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct arena arena = {0};
    struct columns *rows = rows_of(&arena, 100);
    struct delta_file first;
    struct delta_file second;
    struct delta_file later;
    cr_assert(eq(int, write_rows(world, rows, 1, &arena, &first), OK));
    cr_assert(eq(int, write_rows(world, rows, 2, &arena, &second), OK));
    world->now_us++;
    cr_assert(eq(int, write_rows(world, rows, 1, &arena, &later), OK));
    cr_assert(ne(str, first.path, second.path));
    cr_assert(ne(str, first.path, later.path)); /* keys that come again are no harm */
    cr_assert(eq(u64, first.content_hash, later.content_hash));

    int64_t bytes_before = world->bytes_spent;
    parquet_set_snappy_literals(true);
    struct delta_file literal;
    cr_assert(eq(int, write_rows(world, rows, 3, &arena, &literal), OK));
    parquet_set_snappy_literals(false);
    cr_assert(ne(u64, literal.content_hash, first.content_hash));
    cr_assert(eq(u64, literal.rows_hash, first.rows_hash));
    cr_assert(eq(str, literal.stats, first.stats));
    cr_assert(eq(i64, world->bytes_spent - bytes_before, bytes_before / 3));
    arena_free(&arena);
}
