/* Shuffle blocks between two executors, over a network that breaks and disks that fail. "one" has
 * the blocks; "two" fetches them in a fiber of its own, while its main fiber hears the network. */
#include "engine/shuffle/block_transfer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "engine/checkpoint/store.h"
#include "engine/driver/messages.h"
#include "sim/fakes/network.h"
#include "sim/fakes/storage.h"

enum { PARTITIONS = 3, LARGE = 2500000, FETCHES_MAX = 8 };

#define SILENCE_US (20 * US_PER_SECOND)

static const struct block_id id = {.session = 5, .batch = 1, .map_task = 0, .map_attempt = 0};

struct world;

struct node {
    struct world *world;
    const char *name;
    uint32_t machine;
    fiber_entry entry;
    uint32_t incarnation;
    struct sim_process *process;
    struct block_transfer *transfer;
    size_t accepted; /* connections */
};

struct fetch {
    struct world *world;
    int64_t begins_us; /* since the world's start */
    int64_t partition;
    int64_t map_attempt;
    const char *address;
    bool ended;
    enum status status;
    bool right;
    int64_t took_us;
};

struct world {
    struct kernel *kernel;
    struct fake_network *network;
    struct fake_storage *storage;
    struct node one;
    struct node two;
    struct fetch fetches[FETCHES_MAX];
    size_t fetch_count;
    const char *lie; /* what a lying peer does */
};

static void fill(struct buf *blocks)
{
    buf_text(&blocks[0], "a small block");
    for (int i = 0; i < LARGE / 8; i++) {
        buf_le64(&blocks[2], hash_mix64((uint64_t)i));
    }
}

static void drop(struct buf *blocks)
{
    for (size_t i = 0; i < PARTITIONS; i++) {
        buf_free(&blocks[i]);
    }
}

/* ---- processes ---- */

static const struct ports *ports(void)
{
    return current_process->ports;
}

static void hear(struct node *node)
{
    for (;;) {
        struct network_event event = {0};
        cr_assert(eq(int, network_next(&ports()->network, INT64_MAX, &event), OK));
        node->accepted += event.kind == NETWORK_ACCEPTED;
        block_transfer_event(node->transfer, &event);
    }
}

static void write_blocks(void)
{
    struct buf blocks[PARTITIONS] = {0};
    fill(blocks);
    cr_assert(eq(int, blocks_write(&ports()->disk, "/local/x", &id, blocks, PARTITIONS), OK));
    drop(blocks);
}

/* The first incarnation writes the blocks; later ones find what is left of them. */
static void serves(void *argument)
{
    struct node *node = argument;
    cr_assert(eq(int, network_listen(&ports()->network, node->name), OK));
    node->transfer = block_transfer_new(ports(), node->name, "/local/x");
    if (node->incarnation == 1) {
        write_blocks();
    }
    hear(node);
}

static void fetch_entry(void *argument)
{
    struct fetch *fetch = argument;
    struct world *world = fetch->world;
    struct buf block = {0};
    struct buf blocks[PARTITIONS] = {0};
    int64_t begins_us = kernel_start_us(world->kernel) + fetch->begins_us;
    clock_sleep_until(&ports()->clock, begins_us);
    struct block_source source = {.id = id,
                                  .address = fetch->address,
                                  .partition = fetch->partition,
                                  .silence_max_us = SILENCE_US};
    source.id.map_attempt = fetch->map_attempt;
    fetch->status = block_transfer_fetch(world->two.transfer, &source, &block);
    fetch->took_us = clock_now_us(&ports()->clock) - begins_us;
    fill(blocks);
    fetch->right =
        fetch->status == OK && bytes_equal(buf_bytes(&block), buf_bytes(&blocks[fetch->partition]));
    drop(blocks);
    buf_free(&block);
    fetch->ended = true;
}

static void fetches(void *argument)
{
    struct node *node = argument;
    struct world *world = node->world;
    node->transfer = block_transfer_new(ports(), node->name, "/local/x");
    for (size_t i = 0; i < world->fetch_count; i++) {
        (void)fibers_spawn(&ports()->fibers, fetch_entry, &world->fetches[i]);
    }
    hear(node);
}

/* ---- the world ---- */

static void connect_ports(void *owner, struct sim_process *process)
{
    struct node *node = owner;
    fake_network_connect(node->world->network, process);
    fake_storage_connect(node->world->storage, process);
}

static void start(struct node *node)
{
    node->process = kernel_spawn(node->world->kernel,
                                 &(struct sim_process_config){.role = ROLE_EXECUTOR,
                                                              .name = node->name,
                                                              .machine = node->machine,
                                                              .incarnation = node->incarnation++,
                                                              .entry = node->entry,
                                                              .argument = node,
                                                              .owner = node,
                                                              .connect = connect_ports});
}

static void world_new(struct world *world, bool noise)
{
    struct kernel_config config = {.seed = 3, .noise = noise, .start_us = 978307200000000};
    *world = (struct world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "machine 0");
    (void)kernel_machine_add(world->kernel, "machine 1");
    world->network = fake_network_new(world->kernel);
    world->storage = fake_storage_new(world->kernel);
    world->one = (struct node){.world = world, .name = "one", .entry = serves};
    world->two = (struct node){.world = world, .name = "two", .machine = 1, .entry = fetches};
}

static struct fetch *add_fetch(struct world *world, int64_t begins_us, int64_t partition)
{
    require(world->fetch_count < FETCHES_MAX);
    struct fetch *fetch = &world->fetches[world->fetch_count++];
    *fetch = (struct fetch){
        .world = world, .begins_us = begins_us, .partition = partition, .address = "one"};
    return fetch;
}

static void run(struct world *world)
{
    start(&world->one);
    start(&world->two);
    int64_t until_us = kernel_start_us(world->kernel) + 10 * US_PER_MINUTE;
    (void)kernel_run(world->kernel, NULL, NULL, until_us);
    cr_assert(
        not(kernel_violation(world->kernel)->set), "%s", kernel_violation(world->kernel)->evidence);
    for (size_t i = 0; i < world->fetch_count; i++) {
        cr_assert(world->fetches[i].ended, "fetch %zu never ended", i);
    }
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static void at(struct world *world, int64_t time_us, kernel_callback callback, uint64_t argument)
{
    kernel_at(world->kernel, kernel_start_us(world->kernel) + time_us, callback, world, argument);
}

static void kill_one(void *context, uint64_t argument)
{
    kernel_kill(((struct world *)context)->kernel, ((struct world *)context)->one.process);
}

static void crash_machine(void *context, uint64_t fate)
{
    struct world *world = context;
    kernel_machine_down(world->kernel, 0, (enum machine_fate)fate, UNSYNCED_KEPT);
}

static void start_one(void *context, uint64_t argument)
{
    start(&((struct world *)context)->one);
}

static void pause_node(void *context, uint64_t two)
{
    struct world *world = context;
    kernel_pause(world->kernel, two ? world->two.process : world->one.process);
}

static void resume_node(void *context, uint64_t two)
{
    struct world *world = context;
    kernel_resume(world->kernel, two ? world->two.process : world->one.process);
}

static void cut_one(void *context, uint64_t cut)
{
    struct world *world = context;
    fake_network_partition(world->network, world->one.process, cut == 1);
}

/* ---- what is there ---- */

Test(block_transfer, blocks_come_whole_also_in_pieces)
{
    for (int noise = 0; noise < 2; noise++) {
        struct world world;
        world_new(&world, noise);
        for (int64_t i = 0; i < PARTITIONS; i++) {
            (void)add_fetch(&world, 1000000, i);
        }
        run(&world);
        for (int64_t i = 0; i < PARTITIONS; i++) {
            cr_assert(eq(int, world.fetches[i].status, OK));
            cr_assert(world.fetches[i].right, "partition %d", (int)i);
        }
    }
}

Test(block_transfer, one_connection_is_made_and_kept)
{
    struct world world;
    world_new(&world, false);
    for (int64_t i = 0; i < 4; i++) { /* two at a time */
        (void)add_fetch(&world, 1000000 + (i / 2) * 5000000, 0);
    }
    run(&world);
    for (size_t i = 0; i < 4; i++) {
        cr_assert(world.fetches[i].right);
    }
    /* Both of the first two connected, not knowing of each other; one connection was given up. */
    cr_assert(eq(sz, world.one.accepted, 2));
    cr_assert(lt(i64, world.fetches[2].took_us, world.fetches[0].took_us));
}

Test(block_transfer, what_is_not_there_is_not_found)
{
    struct world world;
    world_new(&world, false);
    add_fetch(&world, 1000000, 0)->map_attempt = 1;
    (void)add_fetch(&world, 1000000, PARTITIONS - 1);
    struct fetch *own = add_fetch(&world, 1000000, 0);
    own->address = "two"; /* its own disk has none */
    struct fetch *nobody = add_fetch(&world, 1000000, 0);
    nobody->address = "three";
    run(&world);
    cr_assert(eq(int, world.fetches[0].status, ERR_NOT_FOUND));
    cr_assert(eq(int, world.fetches[1].status, OK));
    cr_assert(eq(int, own->status, ERR_NOT_FOUND));
    cr_assert(eq(int, nobody->status, ERR_BROKEN));
}

static void fetches_its_own(void *argument)
{
    write_blocks();
    fetches(argument);
}

Test(block_transfer, its_own_blocks_come_from_the_disk)
{
    struct world world;
    world_new(&world, false);
    world.two.entry = fetches_its_own;
    add_fetch(&world, 1000000, 2)->address = "two";
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(eq(sz, world.one.accepted, 0));
}

/* ---- damage ---- */

static void flip_last_byte(void)
{
    const char *path = "/local/x/shuffle/0000000000000005-1-0-0.data";
    struct store *store = store_new(ports(), STORE_DISK);
    struct arena arena = {0};
    struct bytes content;
    cr_assert(eq(int, store_get(store, path, &arena, &content), OK));
    uint8_t *damaged = arena_copy(&arena, content.data, content.size);
    damaged[content.size - 1] ^= 1;
    cr_assert(eq(int, store_put_over(store, path, bytes_of(damaged, content.size)), OK));
    arena_free(&arena);
}

static void serves_damaged(void *argument)
{
    write_blocks();
    flip_last_byte();
    ((struct node *)argument)->incarnation = 2;
    serves(argument);
}

Test(block_transfer, a_damaged_block_is_noticed_on_both_ways)
{
    struct world world;
    world_new(&world, false);
    world.one.entry = serves_damaged;
    world.two.entry = fetches_its_own;
    (void)add_fetch(&world, 1000000, 2);
    (void)add_fetch(&world, 1000000, 0);
    run(&world);
    cr_assert(eq(int, world.fetches[0].status, ERR_CORRUPT));
    cr_assert(world.fetches[1].right, "another block of the same file is whole");
}

/* ---- breaks ---- */

Test(block_transfer, a_dead_peer_is_broken_and_its_successor_is_asked_anew)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 0);
    (void)add_fetch(&world, 3000000, 0); /* nobody listens */
    (void)add_fetch(&world, 5000000, 2); /* the files of the first incarnation are still there */
    at(&world, 2000000, kill_one, 0);
    at(&world, 4000000, start_one, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(eq(int, world.fetches[1].status, ERR_BROKEN));
    cr_assert(world.fetches[2].right);
}

Test(block_transfer, death_in_the_middle_of_a_block_is_heard_at_once)
{
    struct world world;
    world_new(&world, false);
    struct fetch *fetch = add_fetch(&world, 1000000, 2);
    at(&world, 1003000, kill_one, 0);
    run(&world);
    cr_assert(eq(int, fetch->status, ERR_BROKEN));
    cr_assert(lt(i64, fetch->took_us, 1000000));
}

/* Nobody says that a machine has crashed. The kept connection shows it when it is used, and a new
 * one finds the executor that was started again. */
Test(block_transfer, a_kept_connection_to_a_crashed_machine_is_made_anew)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 0);
    (void)add_fetch(&world, 5000000, 0);
    at(&world, 2000000, crash_machine, MACHINE_CRASHED);
    at(&world, 4000000, start_one, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(world.fetches[1].right);
}

Test(block_transfer, a_lost_machine_has_no_blocks_for_its_successor)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 0);
    (void)add_fetch(&world, 60000000, 0);
    at(&world, 2000000, crash_machine, MACHINE_LOST);
    at(&world, 4000000, start_one, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(eq(int, world.fetches[1].status, ERR_NOT_FOUND));
}

Test(block_transfer, a_partition_breaks_it_and_its_end_heals_it)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 0);
    (void)add_fetch(&world, 2000100, 2);
    (void)add_fetch(&world, 90000000, 2);
    at(&world, 2000000, cut_one, 1);
    at(&world, 80000000, cut_one, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(eq(int, world.fetches[1].status, ERR_BROKEN));
    cr_assert(world.fetches[2].right);
}

/* ---- silence ---- */

Test(block_transfer, a_peer_that_sleeps_too_long_is_given_up)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 0);
    (void)add_fetch(&world, 3000000, 0);
    (void)add_fetch(&world, 100000000, 0);
    at(&world, 2000000, pause_node, 0);
    at(&world, 60000000, resume_node, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
    cr_assert(eq(int, world.fetches[1].status, ERR_TIMEOUT));
    cr_assert(ge(i64, world.fetches[1].took_us, SILENCE_US));
    cr_assert(le(i64, world.fetches[1].took_us, SILENCE_US + US_PER_SECOND));
    cr_assert(world.fetches[2].right, "its late answers are nobody's");
}

Test(block_transfer, a_short_sleep_is_waited_out)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 3000000, 2);
    at(&world, 2000000, pause_node, 0);
    at(&world, 15000000, resume_node, 0);
    run(&world);
    cr_assert(world.fetches[0].right);
}

/* The answer came while the asker slept: time that it did not live through is no silence. */
Test(block_transfer, ones_own_sleep_is_not_the_peers_silence)
{
    struct world world;
    world_new(&world, false);
    (void)add_fetch(&world, 1000000, 2);
    at(&world, 1003000, pause_node, 1);
    at(&world, 120000000, resume_node, 1);
    run(&world);
    cr_assert(world.fetches[0].right);
}

/* ---- peers that speak otherwise ---- */

static void lie(const char *how, const struct message *asked, struct message_block *block)
{
    bool first = asked->fetch.from == 0;
    block->found = true;
    block->size = 10;
    block->hash = hash_bytes("0123456789", 10);
    block->piece = first ? bytes_of_text("01234") : bytes_of_text("56789");
    if (strcmp(how, "request") == 0) {
        block->request++;
    } else if (strcmp(how, "hash") == 0) {
        block->hash++;
    } else if (strcmp(how, "size") == 0) {
        block->size += !first;
    } else if (strcmp(how, "more") == 0) {
        block->piece = bytes_of_text("0123456789x");
    } else if (strcmp(how, "nothing") == 0) {
        block->piece = (struct bytes){0};
    } else if (strcmp(how, "huge") == 0) {
        block->size = INT64_MAX;
        block->piece = first ? bytes_of_text("01234") : (struct bytes){0};
    }
}

static void liar(void *argument)
{
    struct node *node = argument;
    cr_assert(eq(int, network_listen(&ports()->network, node->name), OK));
    for (;;) {
        struct network_event event = {0};
        struct arena arena = {0};
        struct buf out = {0};
        struct message asked;
        struct message answer = {.kind = MESSAGE_BLOCK};
        cr_assert(eq(int, network_next(&ports()->network, INT64_MAX, &event), OK));
        if (event.kind != NETWORK_MESSAGE) {
            continue;
        }
        cr_assert(eq(int, message_decode(&arena, event.message, &asked), OK));
        answer.block.request = asked.fetch.request;
        if (strcmp(node->world->lie, "nonsense") == 0) {
            buf_text(&out, "good morning");
        } else {
            lie(node->world->lie, &asked, &answer.block);
            message_encode(&answer, &out);
        }
        enum status ignored = network_send(&ports()->network, event.connection, buf_bytes(&out));
        maybe(ignored == OK);
        arena_free(&arena);
        buf_free(&out);
    }
}

Test(block_transfer, what_a_peer_says_is_checked)
{
    static const struct {
        const char *lie;
        enum status status;
    } table[] = {{"", OK},
                 {"request", ERR_TIMEOUT},
                 {"hash", ERR_CORRUPT},
                 {"size", ERR_CORRUPT},
                 {"more", ERR_CORRUPT},
                 {"nothing", ERR_CORRUPT},
                 {"huge", ERR_CORRUPT},
                 {"nonsense", ERR_BROKEN}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world world;
        world_new(&world, false);
        world.lie = table[i].lie;
        world.one.entry = liar;
        (void)add_fetch(&world, 1000000, 0);
        run(&world);
        cr_assert(eq(int, world.fetches[0].status, table[i].status), "%s", table[i].lie);
    }
}

static void shouts(void *argument)
{
    struct world *world = ((struct node *)argument)->world;
    connection_id connection = 0;
    struct network_event event = {0};
    clock_sleep_until(&ports()->clock, kernel_start_us(world->kernel) + 1000000);
    cr_assert(eq(int, network_connect(&ports()->network, "one", INT64_MAX, &connection), OK));
    cr_assert(eq(int, network_send(&ports()->network, connection, bytes_of_text("hello")), OK));
    cr_assert(eq(int, network_next(&ports()->network, INT64_MAX, &event), OK));
    cr_assert(eq(int, event.kind, NETWORK_BROKEN));
    world->two.accepted = 99; /* it came to this */
    (void)fibers_park(&ports()->fibers, INT64_MAX);
}

Test(block_transfer, who_asks_in_another_language_is_hung_up_on)
{
    struct world world;
    world_new(&world, false);
    world.two.entry = shouts;
    run(&world);
    cr_assert(eq(sz, world.two.accepted, 99));
}
