/* Shuffle files on a disk that fails, tears and forgets. */
#include "engine/shuffle/blocks.h"

#include "engine/base/hash.h"
#include "sim/fakes/storage_world.h"

#define LOCAL       "/local/executor 1"
#define FILE_OF_3_1 LOCAL "/shuffle/000000000000beef-7-3-1.data"

enum { PARTITIONS = 4 };

static const struct block_id id_3_1 = {
    .session = 0xbeef, .batch = 7, .map_task = 3, .map_attempt = 1};

/* What the partitions' blocks hold: partition 1 nothing, 2 a large one. */
static void fill(struct buf *blocks)
{
    buf_text(&blocks[0], "zero");
    for (int i = 0; i < 20000; i++) {
        buf_le64(&blocks[2], hash_mix64((uint64_t)i));
    }
    buf_text(&blocks[3], "three");
}

struct call {
    struct block_id id;
    int64_t partition;
    uint64_t from;
    size_t size_max;
    enum status status;
    struct block_info info;
    size_t got;
    bool right; /* the piece is what was written */
};

static void write_blocks(void *argument, const struct ports *ports)
{
    struct call *call = argument;
    struct buf blocks[PARTITIONS] = {0};
    fill(blocks);
    call->status = blocks_write(&ports->disk, LOCAL, &call->id, blocks, PARTITIONS);
    for (size_t i = 0; i < PARTITIONS; i++) {
        buf_free(&blocks[i]);
    }
}

static void read_block(void *argument, const struct ports *ports)
{
    struct call *call = argument;
    struct buf blocks[PARTITIONS] = {0};
    struct buf piece = {0};
    fill(blocks);
    call->status = blocks_read(&ports->disk,
                               LOCAL,
                               &call->id,
                               call->partition,
                               call->from,
                               call->size_max,
                               &piece,
                               &call->info);
    call->got = piece.size;
    if (call->status == OK) {
        const struct buf *block = &blocks[call->partition];
        call->right =
            call->info.size == block->size && block_whole(buf_bytes(block), &call->info) &&
            call->from + piece.size <= block->size &&
            (piece.size == 0 || memcmp(piece.data, block->data + call->from, piece.size) == 0);
    }
    buf_free(&piece);
    for (size_t i = 0; i < PARTITIONS; i++) {
        buf_free(&blocks[i]);
    }
}

static enum status write_in(struct storage_world *world, const struct block_id *id)
{
    struct call call = {.id = *id, .status = ERR_INVALID};
    storage_world_run(world, write_blocks, &call);
    return call.status;
}

static struct call
read_in(struct storage_world *world, int64_t partition, uint64_t from, size_t size_max)
{
    struct call call = {.id = id_3_1,
                        .partition = partition,
                        .from = from,
                        .size_max = size_max,
                        .status = ERR_INVALID};
    storage_world_run(world, read_block, &call);
    return call;
}

Test(blocks, every_partition_comes_back_whole)
{
    struct storage_world world;
    storage_world_new(&world, 1, true);
    cr_assert(eq(int, write_in(&world, &id_3_1), OK));
    static const size_t sizes[PARTITIONS] = {4, 0, 160000, 5};
    for (int64_t i = 0; i < PARTITIONS; i++) {
        struct call call = read_in(&world, i, 0, SIZE_MAX);
        cr_assert(eq(int, call.status, OK));
        cr_assert(call.right);
        cr_assert(eq(sz, call.got, sizes[i]));
    }
    storage_world_free(&world);
}

Test(blocks, pieces_begin_where_asked_and_end_in_time)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    cr_assert(eq(int, write_in(&world, &id_3_1), OK));
    struct call call = read_in(&world, 2, 70000, 80000);
    cr_assert(call.right);
    cr_assert(eq(sz, call.got, 80000));
    call = read_in(&world, 2, 150000, 80000);
    cr_assert(call.right);
    cr_assert(eq(sz, call.got, 10000));
    call = read_in(&world, 2, 160000, 80000);
    cr_assert(call.right);
    cr_assert(eq(sz, call.got, 0));
    cr_assert(eq(int, read_in(&world, 2, 160001, 1).status, ERR_CORRUPT));
    storage_world_free(&world);
}

Test(blocks, what_is_not_there_is_not_found)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    cr_assert(eq(int, read_in(&world, 0, 0, 1).status, ERR_NOT_FOUND));
    cr_assert(eq(int, write_in(&world, &id_3_1), OK));
    cr_assert(eq(int, read_in(&world, PARTITIONS, 0, 1).status, ERR_NOT_FOUND));
    cr_assert(eq(int, read_in(&world, -1, 0, 1).status, ERR_NOT_FOUND));
    struct call other = {.id = {.session = 0xbeef, .batch = 7, .map_task = 3, .map_attempt = 2}};
    storage_world_run(&world, read_block, &other);
    cr_assert(eq(int, other.status, ERR_NOT_FOUND));
    storage_world_free(&world);
}

/* ---- damage ---- */

struct overwrite {
    const uint8_t *data;
    size_t size;
};

static void put_bytes_there(void *argument, const struct ports *ports)
{
    const struct overwrite *overwrite = argument;
    disk_fd fd = -1;
    cr_assert(eq(int, disk_open(&ports->disk, FILE_OF_3_1, DISK_TRUNCATE, &fd), OK));
    size_t at = 0;
    while (at < overwrite->size) {
        size_t written = 0;
        cr_assert(
            eq(int,
               disk_write(&ports->disk, fd, overwrite->data + at, overwrite->size - at, &written),
               OK));
        at += written;
    }
    cr_assert(eq(int, disk_close(&ports->disk, fd), OK));
}

/* Read the block of `partition` from a file of these bytes, as whoever fetches it does: is it taken
 * for whole? */
static bool taken(struct storage_world *world, const uint8_t *data, size_t size, int64_t partition)
{
    struct overwrite overwrite = {.data = data, .size = size};
    storage_world_run(world, put_bytes_there, &overwrite);
    struct call call = read_in(world, partition, 0, SIZE_MAX);
    cr_assert(call.status == OK || call.status == ERR_CORRUPT || call.status == ERR_NOT_FOUND);
    return call.status == OK && call.right && call.got == call.info.size;
}

static struct bytes written_file(struct storage_world *world, struct arena *arena)
{
    struct bytes content;
    cr_assert(eq(int, write_in(world, &id_3_1), OK));
    cr_assert(fake_storage_look(world->storage, 0, FILE_OF_3_1, &content));
    return bytes_of(arena_copy(arena, content.data, content.size), content.size);
}

Test(blocks, a_file_that_was_cut_gives_no_block_that_is_not_whole)
{
    struct storage_world world;
    struct arena arena = {0};
    storage_world_new(&world, 1, false);
    struct bytes file = written_file(&world, &arena);
    size_t index_size = 48 + PARTITIONS * 16 + 8;
    cr_assert(taken(&world, file.data, file.size, 3));
    for (size_t size = 0; size < index_size; size += 7) {
        cr_assert(not(taken(&world, file.data, size, 0)), "cut at %zu", size);
    }
    /* The blocks in front of the cut are whole, and may be had. */
    cr_assert(taken(&world, file.data, file.size - 1, 0));
    cr_assert(taken(&world, file.data, file.size - 5, 2));
    cr_assert(not(taken(&world, file.data, file.size - 1, 3)));
    cr_assert(not(taken(&world, file.data, file.size - 6, 2)));
    arena_free(&arena);
    storage_world_free(&world);
}

Test(blocks, a_flipped_bit_anywhere_is_noticed)
{
    struct storage_world world;
    struct arena arena = {0};
    storage_world_new(&world, 1, false);
    struct bytes file = written_file(&world, &arena);
    size_t index_size = 48 + PARTITIONS * 16 + 8;
    uint8_t *damaged = arena_copy(&arena, file.data, file.size);
    for (size_t at = 0; at < index_size; at++) { /* in the index: no block is taken */
        damaged[at] ^= (uint8_t)(1U << at % 8);
        cr_assert(not(taken(&world, damaged, file.size, 0)), "bit in byte %zu", at);
        damaged[at] = file.data[at];
    }
    struct overwrite overwrite = {.data = damaged, .size = file.size};
    damaged[index_size + 2] ^= 4; /* in the block: read_block compares the bytes */
    storage_world_run(&world, put_bytes_there, &overwrite);
    struct call call = read_in(&world, 0, 0, SIZE_MAX);
    cr_assert(eq(int, call.status, OK));
    cr_assert(not(block_whole(bytes_of(damaged + index_size, 4), &call.info)));
    cr_assert(not(call.right));
    arena_free(&arena);
    storage_world_free(&world);
}

Test(blocks, a_file_of_another_attempt_is_not_taken_for_ones_own)
{
    struct storage_world world;
    struct arena arena = {0};
    storage_world_new(&world, 1, false);
    struct block_id others[4] = {id_3_1, id_3_1, id_3_1, id_3_1};
    others[0].session++;
    others[1].batch++;
    others[2].map_task++;
    others[3].map_attempt++;
    static const char *const names[4] = {"000000000000bef0-7-3-1",
                                         "000000000000beef-8-3-1",
                                         "000000000000beef-7-4-1",
                                         "000000000000beef-7-3-2"};
    for (size_t i = 0; i < 4; i++) {
        struct bytes content;
        cr_assert(eq(int, write_in(&world, &others[i]), OK));
        const char *path = arena_printf(&arena, LOCAL "/shuffle/%s.data", names[i]);
        cr_assert(fake_storage_look(world.storage, 0, path, &content), "%s", path);
        const uint8_t *copy = arena_copy(&arena, content.data, content.size);
        cr_assert(not(taken(&world, copy, content.size, 0)));
    }
    arena_free(&arena);
    storage_world_free(&world);
}

Test(blocks, after_a_machine_crash_a_block_is_whole_or_not_had)
{
    size_t had = 0;
    size_t lost = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct storage_world world;
        storage_world_new(&world, seed, true);
        cr_assert(eq(int, write_in(&world, &id_3_1), OK));
        enum unsynced fate = seed % 2 == 0 ? UNSYNCED_CUT : UNSYNCED_GARBLED;
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, fate);
        for (int64_t partition = 0; partition < PARTITIONS; partition++) {
            struct call call = read_in(&world, partition, 0, SIZE_MAX);
            /* What block_transfer does: the piece is all of it, and it is held against the hash. */
            bool whole = call.status == OK && call.right && call.got == call.info.size;
            had += whole;
            lost += !whole;
        }
        storage_world_free(&world);
    }
    cr_assert(gt(sz, lost, 0));
    maybe(had > 0);
}

/* ---- failing operations ---- */

Test(blocks, a_failed_write_leaves_no_file)
{
    static const char *const operations[] = {"mkdir", "open", "write", "close"};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        world.trigger =
            (struct storage_trigger){.operation = operations[i],
                                     .nth = 1,
                                     .times = 1,
                                     .fault = {.effect = OPERATION_FAILS, .status = ERR_NO_SPACE}};
        cr_assert(eq(int, write_in(&world, &id_3_1), ERR_NO_SPACE), "%s", operations[i]);
        cr_assert(eq(u32, world.trigger.fired, 1));
        cr_assert(eq(str, storage_world_look(&world, 0, FILE_OF_3_1), "<none>"));
        cr_assert(eq(int, write_in(&world, &id_3_1), OK)); /* later, when it is mended */
        cr_assert(read_in(&world, 2, 0, SIZE_MAX).right);
        storage_world_free(&world);
    }
}

/* ---- cleaning ---- */

struct cleaning {
    uint64_t session;
    int64_t batch;
};

static void clean(void *argument, const struct ports *ports)
{
    const struct cleaning *cleaning = argument;
    blocks_clean(&ports->disk, LOCAL, cleaning->session, cleaning->batch);
}

static struct buf names;

static void add_name(void *context, const char *path, struct bytes content)
{
    buf_printf(&names, "%s ", strrchr(path, '/') + 1);
}

static const char *names_in(struct storage_world *world)
{
    buf_clear(&names);
    fake_storage_each(world->storage, 0, LOCAL, add_name, NULL);
    buf_byte(&names, 0);
    return (const char *)names.data;
}

Test(blocks, cleaning_removes_other_sessions_and_earlier_batches)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct cleaning cleaning = {.session = 2, .batch = 10};
    storage_world_run(&world, clean, &cleaning); /* nothing there yet, not even the directory */
    static const struct block_id ids[] = {
        {1, 10, 0, 0}, {1, 11, 0, 0}, {2, 9, 0, 0}, {2, 9, 1, 3}, {2, 10, 0, 0}, {2, 11, 0, 0}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        cr_assert(eq(int, write_in(&world, &ids[i]), OK));
    }
    world.trigger =
        (struct storage_trigger){.operation = "unlink",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    storage_world_run(&world, clean, &cleaning); /* one could not be removed */
    storage_world_run(&world, clean, &cleaning);
    cr_assert(
        eq(str, names_in(&world), "0000000000000002-10-0-0.data 0000000000000002-11-0-0.data "));
    buf_free(&names);
    storage_world_free(&world);
}
