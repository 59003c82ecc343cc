#include "engine/ports/network_contract.h"

#include "engine/ports/network_pieces_contract.h"

static void together(struct contract *c, contract_body first, contract_body second)
{
    const contract_body bodies[] = {first, second};
    c->run_together(c->self, bodies, 2, c);
}

/* ---- what arrives ---------------------------------------------------------------------------- */

enum { ORDER_COUNT = 500 };

static size_t order_size(uint32_t number)
{
    return number * 7919 % 6000;
}

static void hears_all(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct bytes message = {0};
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL); /* before anything it says */
    promise(c, id != 0);
    for (uint32_t i = 0; i < ORDER_COUNT; i++) {
        promise(c, take(ports, NETWORK_MESSAGE, &message) == id);
        promise(c, is_pattern(message, i, order_size(i)));
    }
    promise(c, say(ports, id, "all") == OK);
    promise(c, take(ports, NETWORK_BROKEN, NULL) == id);
    promise(c, silent(ports));
}

static void tells_all(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id id = reach(ports, c->address[0]);
    promise(c, id != 0);
    for (uint32_t i = 0; i < ORDER_COUNT; i++) {
        promise(c, send_pattern(ports, id, i, order_size(i)) == OK);
    }
    promise(c, take_text(ports, id, "all"));
    network_close(&ports->network, id);
    promise(c, silent(ports)); /* one's own close is no news */
}

static void check_order(struct contract *c)
{
    together(c, hears_all, tells_all);
}

static const size_t sizes[] = {0, 1, 4095, 65536, 65537, MESSAGE_SIZE_MAX, 0};
enum { SIZES_COUNT = sizeof sizes / sizeof sizes[0] };

static void echoes(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct bytes message = {0};
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL);
    promise(c, id != 0);
    for (uint32_t i = 0; i < SIZES_COUNT; i++) {
        promise(c, take(ports, NETWORK_MESSAGE, &message) == id);
        promise(c, network_send(&ports->network, id, message) == OK); /* lent is lent */
    }
    promise(c, take(ports, NETWORK_BROKEN, NULL) == id);
}

static void sends_sizes(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct bytes message = {0};
    connection_id id = reach(ports, c->address[0]);
    promise(c, id != 0);
    for (uint32_t i = 0; i < SIZES_COUNT; i++) {
        promise(c, send_pattern(ports, id, i, sizes[i]) == OK);
    }
    for (uint32_t i = 0; i < SIZES_COUNT; i++) {
        promise(c, take(ports, NETWORK_MESSAGE, &message) == id);
        promise(c, is_pattern(message, i, sizes[i]));
    }
}

static void check_sizes(struct contract *c)
{
    together(c, echoes, sends_sizes);
}

enum { LARGE_COUNT = 4, LARGE_SIZE = 5 << 20 };

static void exchange(struct contract *c, const struct ports *ports, connection_id id)
{
    struct bytes message = {0};
    for (uint32_t i = 0; i < LARGE_COUNT; i++) {
        promise(c, send_pattern(ports, id, i, LARGE_SIZE) == OK);
    }
    for (uint32_t i = 0; i < LARGE_COUNT; i++) {
        promise(c, take(ports, NETWORK_MESSAGE, &message) == id);
        promise(c, is_pattern(message, i, LARGE_SIZE));
    }
}

static void exchanges_as_server(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL);
    promise(c, id != 0);
    exchange(c, ports, id);
    promise(c, take_text(ports, id, "got all"));
    promise(c, say(ports, id, "so did I") == OK);
    promise(c, take(ports, NETWORK_BROKEN, NULL) == id);
}

static void exchanges_as_client(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id id = reach(ports, c->address[0]);
    promise(c, id != 0);
    exchange(c, ports, id);
    promise(c, say(ports, id, "got all") == OK);
    promise(c, take_text(ports, id, "so did I"));
}

/* Neither side reads before it has sent everything, and that is more than any buffer holds. */
static void check_both_ways(struct contract *c)
{
    together(c, exchanges_as_server, exchanges_as_client);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void listens(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    promise(c, network_listen(&ports->network, c->address[0]) == ERR_EXISTS);
}

static void finds_taken(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id id = 0;
    promise(c, network_listen(&ports->network, c->address[0]) == ERR_EXISTS);
    promise(c, network_listen(&ports->network, c->address[1]) == OK);
    promise(c, network_connect(&ports->network, c->address[0], patience(ports), &id) == OK);
}

static void finds_nobody(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id id = 0;
    for (int i = 0; i < 2; i++) {
        enum status status = network_connect(&ports->network, c->address[i], patience(ports), &id);
        promise(c, status == ERR_BROKEN);
    }
    promise(c, silent(ports));
}

static void check_addresses(struct contract *c)
{
    c->run(c->self, finds_nobody, c);
    c->run_and_hold(c->self, listens, c);
    c->run(c->self, finds_taken, c);
    c->kill_held(c->self);
    c->run(c->self, finds_nobody, c);
    c->run(c->self, listens, c); /* free after a death ... */
    c->run(c->self, listens, c); /* ... and after an end */
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void waits_in_vain(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct network_event event;
    promise(c, network_next(&ports->network, 0, &event) == ERR_TIMEOUT);
    promise(c, network_next(&ports->network, in_us(ports, -1), &event) == ERR_TIMEOUT);
    for (int i = 0; i < 5; i++) {
        int64_t deadline_us = in_us(ports, 20000);
        promise(c, network_next(&ports->network, deadline_us, &event) == ERR_TIMEOUT);
        promise(c, clock_now_us(&ports->clock) >= deadline_us);
    }
}

static void check_deadline(struct contract *c)
{
    c->run(c->self, waits_in_vain, c);
}

static void answers_once(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL);
    promise(c, take_text(ports, id, "ask"));
    promise(c, say(ports, id, "answer") == OK);
    c->left[0] = 1;
    promise(c, take(ports, NETWORK_BROKEN, NULL) == id);
}

static void is_busy(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct network_event event = {.kind = NETWORK_BROKEN};
    connection_id id = reach(ports, c->address[0]);
    promise(c, say(ports, id, "ask") == OK);
    int64_t deadline_us = in_us(ports, 20000);
    int64_t until_us = patience(ports);
    while (c->left[0] == 0 && clock_now_us(&ports->clock) < until_us) {
        clock_spend(&ports->clock, SPEND_ROWS_MAX, 1 << 20);
    }
    while (clock_now_us(&ports->clock) < deadline_us + 50000) { /* the wire takes a while */
        clock_spend(&ports->clock, SPEND_ROWS_MAX, 1 << 20);
    }
    promise(c, network_next(&ports->network, deadline_us, &event) == OK);
    promise(c, event.connection == id && bytes_equal_text(event.message, "answer"));
}

/* Who was busy beyond its deadline hears what came meanwhile, and takes nothing for silence. */
static void check_unread(struct contract *c)
{
    together(c, answers_once, is_busy);
}

struct aside {
    const struct ports *ports;
    struct fiber *main;
    int steps;
    bool done;
};

static void steps_aside(void *argument)
{
    struct aside *aside = argument;
    const struct ports *ports = aside->ports;
    for (int i = 0; i < 3; i++) {
        clock_sleep_until(&ports->clock, in_us(ports, 5000));
        aside->steps++;
    }
    fibers_wake(&ports->fibers, aside->main);
    aside->done = true;
}

static void waits_beside(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct network_event event;
    struct aside aside = {.ports = ports, .main = fiber_current()};
    (void)fibers_spawn(&ports->fibers, steps_aside, &aside);
    int64_t deadline_us = in_us(ports, 300000);
    promise(c, network_next(&ports->network, deadline_us, &event) == ERR_TIMEOUT);
    promise(c, aside.steps == 3 && aside.done);
    promise(c, clock_now_us(&ports->clock) >= deadline_us);   /* a wake is no event */
    promise(c, fibers_park(&ports->fibers, patience(ports))); /* nor is it lost */
}

static void check_beside(struct contract *c)
{
    c->run(c->self, waits_beside, c);
}

/* ---- ends ------------------------------------------------------------------------------------ */

enum { LAST_WORDS = 20 };

/* What arrives of a peer that went away: the first so many of its messages, whole; then the news,
 * once. */
static void hears_the_end(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct network_event event = {.kind = NETWORK_ACCEPTED};
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL);
    promise(c, take_text(ports, id, "here"));
    promise(c, say(ports, id, "heard") == OK);
    promise(c, network_next(&ports->network, patience(ports), &event) == OK);
    for (uint32_t i = 0; event.kind == NETWORK_MESSAGE; i++) {
        promise(c, event.connection == id && i <= LAST_WORDS);
        size_t size = i < LAST_WORDS ? i * 100 : MESSAGE_SIZE_MAX;
        promise(c, is_pattern(event.message, i, size));
        promise(c, network_next(&ports->network, patience(ports), &event) == OK);
    }
    promise(c, event.kind == NETWORK_BROKEN && event.connection == id);
    promise(c, say(ports, id, "still there?") == ERR_BROKEN);
    promise(c, silent(ports));
    network_close(&ports->network, id);
    promise(c, silent(ports));
}

static void last_words(struct contract *c, const struct ports *ports)
{
    connection_id id = reach(ports, c->address[0]);
    promise(c, say(ports, id, "here") == OK);
    promise(c, take_text(ports, id, "heard"));
    for (uint32_t i = 0; i < LAST_WORDS; i++) {
        promise(c, send_pattern(ports, id, i, (size_t)i * 100) == OK);
    }
    promise(c, send_pattern(ports, id, LAST_WORDS, MESSAGE_SIZE_MAX) == OK);
}

static void dies_speaking(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    last_words(c, ports);
    c->die(c->self);
}

static void ends_speaking(void *argument, const struct ports *ports)
{
    last_words(argument, ports);
}

static void check_death(struct contract *c)
{
    together(c, hears_the_end, dies_speaking);
}

static void check_end(struct contract *c)
{
    together(c, hears_the_end, ends_speaking);
}

static void hangs_up(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct bytes message = {0};
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    connection_id id = take(ports, NETWORK_ACCEPTED, NULL);
    promise(c, take(ports, NETWORK_MESSAGE, &message) == id);
    network_close(&ports->network, id);
    network_close(&ports->network, id);         /* nothing to forget any more */
    network_close(&ports->network, id + 9);     /* nor here */
    promise(c, bytes_equal_text(message, "0")); /* lent until the next call of network_next */
    promise(c, say(ports, id, "late") == ERR_BROKEN);
    promise(c, say(ports, id + 9, "never") == ERR_BROKEN);
    promise(c, say(ports, 0, "never") == ERR_BROKEN);
    promise(c, silent(ports)); /* the rest is not heard */
}

static void is_hung_up_on(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id id = reach(ports, c->address[0]);
    for (int i = 0; i < 100; i++) {
        enum status status = say(ports, id, "0");
        promise(c, status == OK || (i > 0 && status == ERR_BROKEN));
    }
    promise(c, take(ports, NETWORK_BROKEN, NULL) == id);
    promise(c, say(ports, id, "0") == ERR_BROKEN);
    promise(c, silent(ports));
}

static void check_close(struct contract *c)
{
    together(c, hangs_up, is_hung_up_on);
}

/* ---- many ------------------------------------------------------------------------------------ */

enum { MANY = 60, ROUNDS = 3 };

static void serves_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id last = 0;
    size_t broken = 0;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    while (broken < (size_t)MANY * ROUNDS) {
        struct network_event event = {.kind = NETWORK_BROKEN};
        promise(c, network_next(&ports->network, patience(ports), &event) == OK);
        if (event.kind == NETWORK_ACCEPTED) {
            promise(c, event.connection > last); /* never used before */
            last = event.connection;
        } else if (event.kind == NETWORK_MESSAGE) {
            promise(c, network_send(&ports->network, event.connection, event.message) == OK);
        } else {
            broken++;
        }
    }
    promise(c, silent(ports));
}

static void opens_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    connection_id last = 0;
    for (int round = 0; round < ROUNDS; round++) {
        connection_id ids[MANY];
        for (uint32_t i = 0; i < MANY; i++) {
            ids[i] = reach(ports, c->address[0]);
            promise(c, ids[i] > last);
            last = ids[i];
            promise(c, send_pattern(ports, ids[i], ids[i], i) == OK);
        }
        for (size_t i = 0; i < MANY; i++) {
            struct bytes message = {0};
            connection_id id = take(ports, NETWORK_MESSAGE, &message);
            promise(c, id >= ids[0] && id <= last);
            promise(c, is_pattern(message, id, message.size)); /* its own answer */
        }
        for (size_t i = 0; i < MANY; i++) {
            network_close(&ports->network, ids[i]);
        }
    }
    promise(c, silent(ports));
}

static void check_many(struct contract *c)
{
    together(c, serves_many, opens_many);
}

const struct contract_case network_contract[] = {
    {"messages keep order, once each, whole", check_order},
    {"a message has 0 to 16 MiB", check_sizes},
    {"both sides may send before they read", check_both_ways},
    {"an address has one listener, and none after its death", check_addresses},
    {"a deadline in the past is one look, a later one is kept", check_deadline},
    {"what lies unread is heard after any deadline", check_unread},
    {"other fibers run while one waits; a wake is kept for them", check_beside},
    {"of a dead peer come whole messages from the first on, then the news", check_death},
    {"and of one that ended", check_end},
    {"a closed connection is heard of by the peer alone", check_close},
    {"many connections, no id twice", check_many},
};
const size_t network_contract_count = sizeof network_contract / sizeof network_contract[0];
