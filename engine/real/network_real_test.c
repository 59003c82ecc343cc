/* The network over sockets keeps its contract; and what only a socket can be asked. */
#include "engine/ports/network_contract.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/base/units.h"
#include "engine/real/forked_world.h"

enum { ADDRESS_SIZE = FORKED_PATH + 64 };

/* ---- the contract ---- */

Test(network_real, keeps_the_contract_over_unix_sockets)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char addresses[2][ADDRESS_SIZE];
    forked_world_new(&world);
    for (size_t i = 0; i < network_contract_count; i++) {
        forked_next_case(&world, directory);
        for (int which = 0; which < 2; which++) {
            (void)snprintf(addresses[which], ADDRESS_SIZE, "unix:%s/%d", directory, which);
            world.contract->address[which] = addresses[which];
        }
        network_contract[i].check(world.contract);
        forked_check(&world, network_contract[i].name);
    }
    forked_world_free(&world);
}

/* A port where nobody listens, below those that connections are given: a socket that connects to
 * one of these may meet itself. */
static int free_port(void)
{
    static int next;
    next = next == 0 ? getpid() % 9000 : next;
    for (;;) {
        int port = 20000 + next++ % 9000;
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
        (void)close(fd);
        if (bound) {
            return port;
        }
    }
}

Test(network_real, keeps_the_contract_over_tcp)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char addresses[2][ADDRESS_SIZE];
    forked_world_new(&world);
    for (size_t i = 0; i < network_contract_count; i++) {
        forked_next_case(&world, directory);
        for (int which = 0; which < 2; which++) {
            (void)snprintf(addresses[which], ADDRESS_SIZE, "127.0.0.1:%d", free_port());
            world.contract->address[which] = addresses[which];
        }
        network_contract[i].check(world.contract);
        forked_check(&world, network_contract[i].name);
    }
    forked_world_free(&world);
}

/* ---- what is no frame ---- */

static int64_t in_us(const struct ports *ports, int64_t from_now_us)
{
    return clock_now_us(&ports->clock) + from_now_us;
}

/* A bare socket, connected to the Unix socket at address[0]. */
static int bare_socket(const struct contract *c, const struct ports *ports)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", c->address[0] + strlen("unix:"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < 2000; i++) {
        if (connect(fd, (const struct sockaddr *)&name, sizeof name) == 0) {
            return fd;
        }
        clock_sleep_until(&ports->clock, in_us(ports, 5000));
    }
    return -1;
}

static void say_slowly(int fd, const struct ports *ports, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ssize_t sent = send(fd, bytes + i, 1, MSG_NOSIGNAL);
        require(sent == 1);
        clock_sleep_until(&ports->clock, in_us(ports, 3000));
    }
}

static bool next_is(const struct ports *ports, enum network_event_kind kind, const char *text)
{
    struct network_event event = {.kind = NETWORK_ACCEPTED};
    int64_t until_us = in_us(ports, 20 * US_PER_SECOND);
    return network_next(&ports->network, until_us, &event) == OK && event.kind == kind &&
           bytes_equal_text(event.message, text);
}

static void hears_pieces(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    promise(c, next_is(ports, NETWORK_ACCEPTED, ""));
    promise(c, next_is(ports, NETWORK_MESSAGE, "whole"));
    promise(c, next_is(ports, NETWORK_MESSAGE, ""));
    promise(c, next_is(ports, NETWORK_MESSAGE, "x"));
    promise(c, next_is(ports, NETWORK_BROKEN, "")); /* half a frame is nothing */
}

static void says_pieces(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    static const char bytes[] = "\0\0\0\5whole\0\0\0\0\0\0\0\1x\0\0\0\5half";
    int fd = bare_socket(c, ports);
    say_slowly(fd, ports, bytes, sizeof bytes - 1);
    (void)close(fd);
}

static void hears_nonsense(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    promise(c, next_is(ports, NETWORK_ACCEPTED, ""));
    promise(c, next_is(ports, NETWORK_MESSAGE, "ok"));
    promise(c, next_is(ports, NETWORK_BROKEN, ""));
    struct network_event event;
    promise(c, network_next(&ports->network, in_us(ports, 50000), &event) == ERR_TIMEOUT);
}

/* One byte more than a message may have; the other side hangs up on it. */
static void says_nonsense(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    static const char bytes[] = "\0\0\0\2ok\1\0\0\1xxxx";
    char byte = ' ';
    int fd = bare_socket(c, ports);
    promise(c, send(fd, bytes, sizeof bytes - 1, MSG_NOSIGNAL) == sizeof bytes - 1);
    ssize_t got = recv(fd, &byte, 1, 0);
    promise(c, got == 0 || (got < 0 && errno == ECONNRESET));
    (void)close(fd);
}

static void check_bare(contract_body listener, contract_body speaker)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char address[ADDRESS_SIZE];
    forked_world_new(&world);
    forked_next_case(&world, directory);
    (void)snprintf(address, sizeof address, "unix:%s/0", directory);
    world.contract->address[0] = address;
    const contract_body bodies[] = {listener, speaker};
    forked_together(&world, bodies, 2, world.contract);
    forked_check(&world, "");
    forked_world_free(&world);
}

Test(network_real, a_frame_may_come_byte_by_byte_and_half_of_one_is_nothing)
{
    check_bare(hears_pieces, says_pieces);
}

Test(network_real, an_absurd_length_ends_the_connection)
{
    check_bare(hears_nonsense, says_nonsense);
}

/* ---- descriptors ---- */

enum { MANY = 1000 };

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void accepts_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    int before = descriptors();
    for (int i = 0; i < 2 * MANY; i++) {
        struct network_event event = {.kind = NETWORK_MESSAGE};
        promise(c, network_next(&ports->network, in_us(ports, 20 * US_PER_SECOND), &event) == OK);
        promise(c, event.kind == NETWORK_ACCEPTED || event.kind == NETWORK_BROKEN);
        if (event.kind == NETWORK_BROKEN) {
            network_close(&ports->network, event.connection);
        }
    }
    promise(c, descriptors() == before);
}

static void connects_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    int fd = bare_socket(c, ports); /* somebody listens; the first of the many */
    (void)close(fd);
    int before = descriptors();
    int64_t until_us = in_us(ports, 60 * US_PER_SECOND);
    connection_id id = 0;
    for (int i = 1; i < MANY; i++) {
        promise(c, network_connect(&ports->network, c->address[0], until_us, &id) == OK);
        network_close(&ports->network, id);
    }
    promise(c, descriptors() == before);
    for (int i = 0; i < 100; i++) {
        promise(c, network_connect(&ports->network, c->address[1], until_us, &id) == ERR_BROKEN);
    }
    promise(c, descriptors() == before);
}

Test(network_real, a_thousand_connections_leave_no_descriptor)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char addresses[2][ADDRESS_SIZE];
    forked_world_new(&world);
    forked_next_case(&world, directory);
    for (int which = 0; which < 2; which++) {
        (void)snprintf(addresses[which], ADDRESS_SIZE, "unix:%s/%d", directory, which);
        world.contract->address[which] = addresses[which];
    }
    const contract_body bodies[] = {accepts_many, connects_many};
    forked_together(&world, bodies, 2, world.contract);
    forked_check(&world, "");
    forked_world_free(&world);
}

/* ---- signals ---- */

static void ignored(int signal)
{
    (void)signal;
}

static void waits_under_signals(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct network_event event;
    struct sigaction action = {.sa_handler = ignored};
    promise(c, sigaction(SIGUSR1, &action, NULL) == 0);
    promise(c, network_listen(&ports->network, c->address[0]) == OK);
    pid_t self = getpid();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            struct timespec pause = {.tv_nsec = 500000};
            (void)kill(self, SIGUSR1);
            (void)nanosleep(&pause, NULL);
        }
        _exit(0);
    }
    for (int i = 0; i < 5; i++) {
        int64_t deadline_us = in_us(ports, 30000);
        promise(c, network_next(&ports->network, deadline_us, &event) == ERR_TIMEOUT);
        promise(c, clock_now_us(&ports->clock) >= deadline_us);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}

Test(network_real, a_signal_ends_no_wait)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char address[ADDRESS_SIZE];
    forked_world_new(&world);
    forked_next_case(&world, directory);
    (void)snprintf(address, sizeof address, "unix:%s/0", directory);
    world.contract->address[0] = address;
    forked_run(&world, waits_under_signals, world.contract);
    forked_check(&world, "");
    forked_world_free(&world);
}
