/* What the cases of network_contract.c are made of: connecting, hearing, saying, with patience. */
#ifndef ENGINE_PORTS_NETWORK_PIECES_CONTRACT_H
#define ENGINE_PORTS_NETWORK_PIECES_CONTRACT_H

#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/ports/contract.h"

enum {
    MESSAGE_SIZE_MAX = 16 << 20, /* what the port promises */
    PATIENCE_S = 30,             /* longer than anything takes that works */
};

static inline int64_t in_us(const struct ports *ports, int64_t from_now_us)
{
    return clock_now_us(&ports->clock) + from_now_us;
}

static inline int64_t patience(const struct ports *ports)
{
    return in_us(ports, PATIENCE_S * US_PER_SECOND);
}

/* Connect to a process that may only be starting. 0: in vain. */
static inline connection_id reach(const struct ports *ports, const char *address)
{
    int64_t until_us = patience(ports);
    connection_id id = 0;
    enum status status = network_connect(&ports->network, address, until_us, &id);
    while (status == ERR_BROKEN && clock_now_us(&ports->clock) < until_us) {
        clock_sleep_until(&ports->clock, in_us(ports, 2000));
        status = network_connect(&ports->network, address, until_us, &id);
    }
    return status == OK ? id : 0;
}

/* The next event, which must be of this kind. 0: it is not; else its connection. */
static inline connection_id
take(const struct ports *ports, enum network_event_kind kind, struct bytes *message)
{
    struct network_event event = {.kind = NETWORK_BROKEN};
    if (network_next(&ports->network, patience(ports), &event) != OK || event.kind != kind) {
        return 0;
    }
    if (message != NULL) {
        *message = event.message;
    }
    return event.connection;
}

static inline bool take_text(const struct ports *ports, connection_id from, const char *text)
{
    struct bytes message = {0};
    return take(ports, NETWORK_MESSAGE, &message) == from && bytes_equal_text(message, text);
}

static inline enum status say(const struct ports *ports, connection_id to, const char *text)
{
    return network_send(&ports->network, to, bytes_of_text(text));
}

/* Nothing comes for a while. */
static inline bool silent(const struct ports *ports)
{
    struct network_event event;
    return network_next(&ports->network, in_us(ports, 100000), &event) == ERR_TIMEOUT;
}

/* Bytes that name their message and their place in it: nothing else looks like them. */
static inline uint8_t pattern(uint32_t number, size_t at)
{
    return (uint8_t)((at * 31 + at / 4096) ^ number * 97);
}

static inline enum status
send_pattern(const struct ports *ports, connection_id to, uint32_t number, size_t size)
{
    uint8_t *data = heap_alloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = pattern(number, i);
    }
    enum status status = network_send(&ports->network, to, bytes_of(data, size));
    memset(data, 0, size); /* it was copied */
    heap_free(data);
    return status;
}

static inline bool is_pattern(struct bytes message, uint32_t number, size_t size)
{
    bool same = message.size == size;
    for (size_t i = 0; same && i < size; i++) {
        same = message.data[i] == pattern(number, i);
    }
    return same;
}

#endif
