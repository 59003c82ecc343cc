/* What the contract suites share. A suite is a table of cases; a case runs pieces of itself inside
 * processes that the caller provides, fake or real, and notes the first promise that was broken. A
 * suite knows no test framework: it runs on fibers, and in forked processes.
 *
 * Every case wants a fresh, empty place. */
#ifndef ENGINE_PORTS_CONTRACT_H
#define ENGINE_PORTS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/ports/ports.h"

/* A piece of a case, run inside a process on its ports. */
typedef void (*contract_body)(void *argument, const struct ports *ports);

struct contract {
    const char *root; /* an empty directory ("/shared/contract"), or a prefix of keys */
    void *self;
    /* Run `body` in a fresh process to its end, and the process, too. */
    void (*run)(void *self, contract_body body, void *argument);
    /* Run `body` in a process that then stays alive until kill_held. One at a time. */
    void (*run_and_hold)(void *self, contract_body body, void *argument);
    void (*kill_held)(void *self); /* as kill -9 */
    char broken[256];              /* what failed first; empty: the contract holds */
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
