/* What a start of the query would do, by the engine's own recovery (engine/driver/recovery.h): the
 * very function that the driver calls, over ports that read files and refuse to change any. No
 * second opinion is written here. */
#ifndef SIM_CLI_RESTART_H
#define SIM_CLI_RESTART_H

#include "engine/driver/recovery.h"
#include "sim/cli/checkpoint_view.h"

struct restart {
    /* By the ids of the logs alone (recovery_decide): holds for any source. */
    bool decided;
    struct recovery_decision decision;
    struct diag refusal;
    /* By reading them too (recovery_run), as the engine starts: not for a new query. */
    bool asked;
    bool starts;
    struct diag engine_refusal;
    int64_t watermark_ms; /* starts: what the batch evicts up to */
};

/* * stateful  the query has state: its format must be one that the engine reads */
void restart_ask(struct checkpoint_view *view, bool stateful, struct restart *restart);

#endif
