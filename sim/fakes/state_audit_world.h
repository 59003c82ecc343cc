/* For tests that audit what a provider left in a storage world: the rules of state_audit.h, in a
 * process of the simulator. */
#ifndef SIM_FAKES_STATE_AUDIT_WORLD_H
#define SIM_FAKES_STATE_AUDIT_WORLD_H

#include "engine/state/state_audit.h"
#include "sim/fakes/state_world.h"

struct auditing {
    struct state_audit audit;
    enum store_kind kind;
    struct state_findings findings; /* its lists are gone with the process */
    char last[512];                 /* finding; the first one that is fatal, if there is any */
    size_t fatal;
    bool done;
};

static void run_audit(void *argument, const struct ports *ports)
{
    struct auditing *auditing = argument;
    struct arena arena = {0};
    struct state_findings *findings = &auditing->findings;
    auditing->audit.store = store_new(ports, auditing->kind);
    *findings = (struct state_findings){.arena = &arena};
    state_audit_partition(&auditing->audit, 0, findings);
    for (size_t i = 0; i < findings->count; i++) {
        const struct state_finding *finding = &findings->items[i];
        (void)snprintf(auditing->last,
                       sizeof auditing->last,
                       "%s %s: %s",
                       state_rule_name(finding->rule),
                       finding->file,
                       finding->text);
        auditing->fatal += finding->severity == STATE_FATAL;
        if (finding->severity == STATE_FATAL) {
            break;
        }
    }
    arena_free(&arena);
    auditing->done = true;
}

/* Looks at the versions that recovery may need when `newest` is the last one that was reported. */
static inline struct auditing
auditing_new(const struct plan *plan, enum store_kind kind, int64_t newest)
{
    int64_t retained = plan->options.min_batches_to_retain;
    int64_t oldest = newest > retained ? newest - retained : newest > 0;
    return (struct auditing){.audit = {.checkpoint = CHECKPOINT,
                                       .provider = plan->options.state_provider,
                                       .partitions = 1,
                                       .oldest = oldest,
                                       .newest = newest},
                             .kind = kind};
}

/* The next batch finds what it needs. */
static inline void audit_finds_no_harm(const struct auditing *auditing)
{
    const struct state_audit *audit = &auditing->audit;
    const struct state_findings *findings = &auditing->findings;
    int64_t needed = audit->newest > 0 ? audit->newest - audit->oldest + 1 : 0;
    cr_assert(eq(sz, auditing->fatal, 0), "%s", auditing->last);
    cr_assert(eq(i64, findings->versions, needed));
    cr_assert(ge(i64, findings->files, findings->versions));
}

/* ... and nothing is wrong with all that lies beside it. How often a snapshot was held against what
 * the changes up to it give. */
static inline int64_t audit_finds_nothing(const struct auditing *auditing)
{
    cr_assert(eq(sz, auditing->findings.count, 0), "%s", auditing->last);
    audit_finds_no_harm(auditing);
    return auditing->findings.compared;
}

#endif
