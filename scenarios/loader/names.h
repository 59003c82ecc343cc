/* The names that scenario files may use, as NULL-terminated lists in the order of the enums they
 * stand for: made from the tables of the engine and of faults/, never written twice. */
#ifndef SCENARIOS_LOADER_NAMES_H
#define SCENARIOS_LOADER_NAMES_H

#include <stddef.h>

extern const char *const names_verbs[];    /* enum fault_verb */
extern const char *const names_kinds[];    /* enum fault_kind */
extern const char *const names_points[];   /* enum failpoint */
extern const char *const names_targets[];  /* one of each form, for suggestions */
extern const char *const names_run_ends[]; /* enum run_end */
extern const char *const names_events[];   /* enum engine_event */
extern const char *const names_operations[];
extern const char *const names_before_after[];
extern const char *const names_unsynced[]; /* enum unsynced */
extern const char *const names_damages[];  /* enum damage */
extern const char *const names_end[];
extern const char *const names_storages[]; /* enum store_kind */
extern const char *const names_state_stores[];
extern const char *const names_never[];
extern const char *const names_nothing[];
extern const char *const names_causes[];  /* enum lost_cause, without "nothing" */
extern const char *const names_resumes[]; /* as EVENT_QUERY_RESUMED counts */
extern const char *const names_reports[];
extern const char *const names_milestones[];
extern const char *const names_supervisor_ends[];

/* Index of `text` in a list; the list's length when it is not there. */
size_t name_index(const char *const *names, const char *text);

#endif
