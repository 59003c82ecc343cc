#include "sim/fakes/network.h"

#include <inttypes.h>
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/kernel/costs.h"

struct world {
    struct kernel *kernel;
    struct fake_network *network;
    struct sim_process *server;
    struct sim_process *client;
    char log[2048];
    fiber_entry client_entry;
};

static void say(struct world *world, const char *who, const char *word)
{
    size_t used = strlen(world->log);
    (void)snprintf(world->log + used, sizeof world->log - used, "%s:%s ", who, word);
}

static int64_t since_start(const struct world *world)
{
    return kernel_now_us(world->kernel) - kernel_start_us(world->kernel);
}

static void connect_ports(void *owner, struct sim_process *process)
{
    fake_network_connect(((struct world *)owner)->network, process);
}

static void gone(void *owner, struct sim_process *process)
{
    cr_assert(eq(sz, fake_network_handles(((struct world *)owner)->network, process), 0));
}

static struct sim_process *
spawn(struct world *world, const char *name, uint32_t machine, fiber_entry entry)
{
    struct sim_process_config config = {.role = ROLE_EXECUTOR,
                                        .name = name,
                                        .machine = machine,
                                        .entry = entry,
                                        .argument = world,
                                        .owner = world,
                                        .ended = gone,
                                        .connect = connect_ports};
    return kernel_spawn(world->kernel, &config);
}

static const struct network_port *port(void)
{
    return &current_process->ports->network;
}

static struct bytes text(const char *words)
{
    return bytes_of_text(words);
}

static void send_words(connection_id id, const char *words)
{
    cr_assert(eq(int, network_send(port(), id, text(words)), OK));
}

/* Accepts, tells what comes, for ever. */
static void server(void *argument)
{
    struct world *world = argument;
    cr_assert(eq(int, network_listen(port(), "server"), OK));
    for (;;) {
        struct network_event event = {0};
        cr_assert(eq(int, network_next(port(), INT64_MAX, &event), OK));
        char word[64] = "accepted";
        if (event.kind == NETWORK_BROKEN) {
            (void)snprintf(word, sizeof word, "broken");
        } else if (event.kind == NETWORK_MESSAGE) {
            (void)snprintf(word,
                           sizeof word,
                           "%.*s",
                           (int)event.message.size,
                           (const char *)event.message.data);
            if (bytes_equal_text(event.message, "ping")) {
                send_words(event.connection, "pong");
            }
        }
        say(world, "server", word);
    }
}

static void world_new(struct world *world, bool noise, fiber_entry client)
{
    struct kernel_config config = {.seed = 21, .noise = noise, .start_us = 1000000};
    *world = (struct world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "machine 0");
    (void)kernel_machine_add(world->kernel, "machine 1");
    world->network = fake_network_new(world->kernel);
    world->server = spawn(world, "server", 0, server);
    world->client = spawn(world, "client", 1, client);
}

static void run_for(struct world *world, int64_t for_us)
{
    enum kernel_stop stop =
        kernel_run(world->kernel, NULL, NULL, kernel_start_us(world->kernel) + for_us);
    cr_assert(ne(int, stop, KERNEL_VIOLATION), "%s", kernel_violation(world->kernel)->evidence);
}

static void world_free(struct world *world)
{
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static connection_id open_connection(struct world *world)
{
    connection_id id = 0;
    kernel_wait(world->kernel, 10);
    cr_assert(eq(int, network_connect(port(), "server", INT64_MAX, &id), OK));
    cr_assert(ne(u32, id, 0));
    return id;
}

static enum network_event_kind next_kind(int64_t deadline_us)
{
    struct network_event event = {0};
    cr_assert(eq(int, network_next(port(), deadline_us, &event), OK));
    return event.kind;
}

/* ---- what arrives ---- */

static void talker(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    cr_assert(eq(i64, since_start(world), 10 + 2 * cost_base_us(COST_NETWORK_CONNECT, 0)));
    for (int i = 0; i < 5; i++) {
        char word[8];
        (void)snprintf(word, sizeof word, "m%d", i);
        cr_assert(eq(int, network_send(port(), id, text(word)), OK));
        memset(word, 'x', sizeof word); /* it was copied */
    }
    cr_assert(eq(int, network_send(port(), id, text("ping")), OK));
    struct network_event event = {0};
    cr_assert(eq(int, network_next(port(), INT64_MAX, &event), OK));
    cr_assert(eq(int, event.kind, NETWORK_MESSAGE));
    cr_assert(bytes_equal_text(event.message, "pong"));
    cr_assert(eq(u32, event.connection, id));
    say(world, "client", "pong");
    network_close(port(), id);
    cr_assert(eq(int, network_send(port(), id, text("late")), ERR_BROKEN));
    kernel_wait(world->kernel, 100000);
}

Test(network, messages_arrive_in_order_and_whole)
{
    struct world world;
    world_new(&world, false, talker);
    run_for(&world, 50000);
    cr_assert(eq(str,
                 world.log,
                 "server:accepted server:m0 server:m1 server:m2 server:m3 server:m4 "
                 "server:ping client:pong server:broken "));
    world_free(&world);
}

static void sends_many(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    for (int i = 0; i < 60; i++) {
        char word[8];
        (void)snprintf(word, sizeof word, "%02d", i);
        send_words(id, word);
        kernel_wait(world->kernel, 20);
    }
    kernel_wait(world->kernel, 1000000);
}

Test(network, order_holds_with_drawn_delays)
{
    struct world world;
    world_new(&world, true, sends_many);
    run_for(&world, 500000);
    char expected[2048] = "server:accepted ";
    for (int i = 0; i < 60; i++) {
        size_t used = strlen(expected);
        (void)snprintf(expected + used, sizeof expected - used, "server:%02d ", i);
    }
    cr_assert(eq(str, world.log, expected));
    world_free(&world);
}

/* ---- looking and waiting ---- */

static void looks(void *argument)
{
    struct world *world = argument;
    struct network_event event = {0};
    connection_id id = open_connection(world);
    int64_t now = kernel_now_us(world->kernel);
    cr_assert(eq(int, network_next(port(), now - 5, &event), ERR_TIMEOUT));
    cr_assert(eq(i64, kernel_now_us(world->kernel), now), "one look takes no time");
    cr_assert(eq(int, network_next(port(), now + 70, &event), ERR_TIMEOUT));
    cr_assert(eq(i64, kernel_now_us(world->kernel), now + 70));
    send_words(id, "ping");
    kernel_hold(world->kernel, 5000); /* busy: the answer waits, and is no silence */
    cr_assert(eq(int, network_next(port(), now, &event), OK));
    cr_assert(bytes_equal_text(event.message, "pong"));
    /* A wake that is not the network's is kept for whoever parks next. */
    kernel_wake(world->kernel, fiber_current(), world->client);
    now = kernel_now_us(world->kernel);
    cr_assert(eq(int, network_next(port(), now + 70, &event), ERR_TIMEOUT));
    cr_assert(eq(i64, kernel_now_us(world->kernel), now + 70));
    cr_assert(kernel_park(world->kernel, now + 1000));
    cr_assert(eq(i64, kernel_now_us(world->kernel), now + 70));
    say(world, "client", "done");
}

Test(network, next_looks_waits_and_never_takes_unread_for_silence)
{
    struct world world;
    world_new(&world, false, looks);
    run_for(&world, 50000);
    cr_assert(eq(str, world.log, "server:accepted server:ping client:done server:broken "));
    world_free(&world);
}

static void connects_badly(void *argument)
{
    struct world *world = argument;
    connection_id id = 0;
    kernel_wait(world->kernel, 10);
    cr_assert(eq(int, network_connect(port(), "nobody", INT64_MAX, &id), ERR_BROKEN));
    int64_t now = kernel_now_us(world->kernel);
    cr_assert(eq(int, network_connect(port(), "server", now + 100, &id), ERR_TIMEOUT));
    cr_assert(eq(i64, kernel_now_us(world->kernel), now + 100));
    cr_assert(eq(int, network_connect(port(), "server", now + 550, &id), ERR_TIMEOUT));
    cr_assert(eq(int, network_listen(port(), "server"), ERR_EXISTS));
    cr_assert(eq(sz, fake_network_handles(world->network, world->client), 0));
    kernel_wait(world->kernel, 10000);
    say(world, "client", "done");
}

Test(network, a_connection_may_fail_or_come_too_late)
{
    struct world world;
    world_new(&world, false, connects_badly);
    run_for(&world, 50000);
    /* The half-open one: accepted over there, then broken. */
    cr_assert(eq(str, world.log, "server:accepted server:broken client:done "));
    world_free(&world);
}

/* ---- breaks ---- */

static void sends_and_dies(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    send_words(id, "last words");
    kernel_kill(world->kernel, world->client);
}

Test(network, a_dead_process_peer_reads_what_was_sent_then_broken)
{
    struct world world;
    world_new(&world, false, sends_and_dies);
    run_for(&world, 50000);
    cr_assert(eq(str, world.log, "server:accepted server:last words server:broken "));
    world_free(&world);
}

static void kill_server(void *context, uint64_t how)
{
    struct world *world = context;
    if (how == 0) {
        kernel_kill(world->kernel, world->server);
    } else {
        kernel_machine_down(world->kernel, 0, how == 1 ? MACHINE_CRASHED : MACHINE_LOST, 0);
    }
}

static void listens_for_the_end(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    cr_assert(eq(int, next_kind(INT64_MAX), NETWORK_BROKEN));
    char word[32];
    (void)snprintf(word, sizeof word, "%" PRId64, since_start(world));
    say(world, "broken-at", word);
    cr_assert(eq(int, network_send(port(), id, text("x")), ERR_BROKEN));
    connection_id again = 0;
    cr_assert(eq(int, network_connect(port(), "server", INT64_MAX, &again), ERR_BROKEN));
}

Test(network, a_death_is_told_a_machines_end_is_silence)
{
    static const char *const logs[] = {"server:accepted broken-at:6000 ",
                                       "server:accepted broken-at:30005000 ",
                                       "server:accepted broken-at:30005000 "};
    for (uint64_t how = 0; how < 3; how++) {
        struct world world;
        world_new(&world, false, listens_for_the_end);
        kernel_at(world.kernel, kernel_start_us(world.kernel) + 5000, kill_server, &world, how);
        run_for(&world, 60000000);
        cr_assert(eq(int, strcmp(world.log, logs[how]), 0), "%s", world.log);
        world_free(&world);
    }
}

static void keeps_sending(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    struct network_event event = {0};
    enum status status = ERR_TIMEOUT;
    while (status == ERR_TIMEOUT) {
        cr_assert(eq(int, network_send(port(), id, text("beat")), OK), "not known broken yet");
        status = network_next(port(), kernel_now_us(world->kernel) + 4000, &event);
    }
    cr_assert(eq(int, event.kind, NETWORK_BROKEN));
    char word[32];
    (void)snprintf(word, sizeof word, "%" PRId64, since_start(world));
    say(world, "broken-at", word);
}

Test(network, a_rebooted_machine_refuses_the_next_message_a_lost_one_is_silent)
{
    for (uint64_t how = 1; how < 3; how++) {
        struct world world;
        world_new(&world, false, keeps_sending);
        kernel_at(world.kernel, kernel_start_us(world.kernel) + 5000, kill_server, &world, how);
        run_for(&world, 60000000);
        const char *expected = how == 1
                                   ? "server:accepted server:beat server:beat broken-at:9610 "
                                   : "server:accepted server:beat server:beat broken-at:30005000 ";
        cr_assert(eq(int, strcmp(world.log, expected), 0), "%s", world.log);
        world_free(&world);
    }
}

static void cut_client(void *context, uint64_t cut)
{
    struct world *world = context;
    fake_network_partition(world->network, world->client, cut == 1);
}

static void is_cut_off(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    kernel_wait(world->kernel, 5000 - since_start(world) - 100);
    send_words(id, "under way");
    cr_assert(eq(int, next_kind(INT64_MAX), NETWORK_BROKEN));
    cr_assert(eq(int, network_connect(port(), "server", INT64_MAX, &id), ERR_BROKEN));
    kernel_wait(world->kernel, 20000);
    cr_assert(eq(int, network_connect(port(), "server", INT64_MAX, &id), OK));
    send_words(id, "hello again");
    kernel_wait(world->kernel, 20000);
}

Test(network, a_partition_loses_what_is_under_way_and_heals)
{
    struct world world;
    world_new(&world, false, is_cut_off);
    int64_t start = kernel_start_us(world.kernel);
    kernel_at(world.kernel, start + 5000, cut_client, &world, 1);
    kernel_at(world.kernel, start + 15000, cut_client, &world, 0);
    run_for(&world, 40000);
    cr_assert(
        eq(str, world.log, "server:accepted server:broken server:accepted server:hello again "));
    world_free(&world);
}

static void pause_server(void *context, uint64_t resume)
{
    struct world *world = context;
    if (resume == 1) {
        say(world, "world", "resumes");
        kernel_resume(world->kernel, world->server);
    } else {
        say(world, "world", "pauses");
        kernel_pause(world->kernel, world->server);
    }
}

static void talks_to_a_sleeper(void *argument)
{
    struct world *world = argument;
    connection_id id = open_connection(world);
    kernel_wait(world->kernel, 6000);
    send_words(id, "one");
    send_words(id, "two");
    kernel_wait(world->kernel, 40000);
    cr_assert(eq(int, network_send(port(), id, text("three")), OK));
    kernel_wait(world->kernel, 1000);
}

Test(network, a_paused_process_finds_its_messages_later)
{
    struct world world;
    world_new(&world, false, talks_to_a_sleeper);
    int64_t start = kernel_start_us(world.kernel);
    kernel_at(world.kernel, start + 5000, pause_server, &world, 0);
    kernel_at(world.kernel, start + 20000, pause_server, &world, 1);
    run_for(&world, 90000);
    cr_assert(eq(str,
                 world.log,
                 "server:accepted world:pauses world:resumes server:one server:two "
                 "server:three server:broken "));
    world_free(&world);
}

static bool trace_equal_runs(bool noise)
{
    uint64_t counts[2] = {0};
    int64_t ends[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct world world;
        world_new(&world, noise, sends_many);
        run_for(&world, 500000);
        counts[i] = kernel_event_count(world.kernel);
        ends[i] = kernel_now_us(world.kernel);
        world_free(&world);
    }
    return counts[0] == counts[1] && ends[0] == ends[1];
}

Test(network, runs_are_repeatable)
{
    cr_assert(trace_equal_runs(false));
    cr_assert(trace_equal_runs(true));
}
