/* What the contract suites share. A suite is a table of cases; a case runs pieces of itself inside
 * processes that the caller provides, fake or real, and notes the first promise that was broken. A
 * suite knows no test framework: it runs on fibers, and in forked processes. Forked processes share
 * the struct contract and nothing else, so whatever pieces tell each other stands in there.
 *
 * Every case wants a fresh, empty place. */
#ifndef ENGINE_PORTS_CONTRACT_H
#define ENGINE_PORTS_CONTRACT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/ports/ports.h"

/* A piece of a case, run inside a process on its ports. */
typedef void (*contract_body)(void *argument, const struct ports *ports);

enum { CONTRACT_LEFT = 8 };

struct contract {
    const char *root;       /* an empty directory ("/shared/contract"), or a prefix of keys */
    const char *address[2]; /* the network suite's: where nobody listens */
    void *self;
    /* Run `body` in a fresh process to its end, and the process, too. */
    void (*run)(void *self, contract_body body, void *argument);
    /* Run `body` in a process that then stays alive until kill_held. One at a time. */
    void (*run_and_hold)(void *self, contract_body body, void *argument);
    void (*kill_held)(void *self); /* as kill -9 */
    /* Run each body in a process of its own, all at the same time, each to its end. */
    void (*run_together)(void *self, const contract_body *bodies, size_t count, void *argument);
    /* End the calling process here and now, as kill -9. Does not return. */
    void (*die)(void *self);
    _Atomic int64_t left[CONTRACT_LEFT]; /* what pieces leave for one another; 0 at first */
    char broken[256];                    /* what failed first; empty: the contract holds */
};

struct contract_case {
    const char *name;
    void (*check)(struct contract *contract);
};

/* Note a broken promise, unless one is noted already. */
static inline void
contract_broken(struct contract *contract, const char *file, int line, const char *text)
{
    const char *base = strrchr(file, '/');
    if (contract->broken[0] == '\0') {
        (void)snprintf(contract->broken,
                       sizeof contract->broken,
                       "%s:%d: %s",
                       base == NULL ? file : base + 1,
                       line,
                       text);
    }
}

#define promise(contract, condition)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            contract_broken((contract), __FILE__, __LINE__, #condition);                           \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#endif
