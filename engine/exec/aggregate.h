/* Aggregation: which groups a row belongs to, and how buffers of a group are filled, merged and
 * turned into results. The map side aggregates its rows partially; the reduce side merges what the
 * maps sent, in map-task order, so that a task that runs again makes the same bits. Pure. */
#ifndef ENGINE_EXEC_AGGREGATE_H
#define ENGINE_EXEC_AGGREGATE_H

#include "engine/exec/cell.h"
#include "engine/exec/columns.h"
#include "engine/exec/unsafe_row.h"
#include "engine/plan/plan.h"

/* The windows that hold `time_us`, in ascending order of their start: at most
 * ceil(length / slide). Floor division, also before 1970 (SPARK-39347). Gives how many (0: a window
 * would reach beyond int64, which only a number in place of a timestamp can name); starts[] has
 * room for windows_max(window). */
size_t windows_of(const struct window *window, int64_t time_us, int64_t *starts);
size_t windows_max(const struct window *window);

/* The greatest event time, floored to milliseconds, of rows [0, input->rows) in the watermark's
 * column; INT64_MIN when none has one. */
int64_t event_time_max_ms(const struct watermark *watermark, const struct columns *input);

/* A map of group -> buffers, in the order in which groups were first met. */
struct groups;
struct groups *groups_new(struct arena *arena, const struct aggregation *aggregation);

/* Put each row into each of its groups. A row without an event time is in no window, and nothing is
 * computed of it. Without grouping columns there is one group, also of no rows: call it at least
 * once then. `scratch` is for this call. Errors: ERR_FAILED with `diag` (ANSI: ARITHMETIC_OVERFLOW,
 * DIVIDE_BY_ZERO). */
MUST_CHECK enum status groups_add(struct groups *groups,
                                  struct arena *scratch,
                                  const struct columns *input,
                                  struct diag *diag);

/* Merge one partial result, both as UnsafeRow bytes, into its group. Errors: ERR_CORRUPT,
 * ERR_FAILED (ANSI). */
MUST_CHECK enum status
groups_merge(struct groups *groups, struct bytes key, struct bytes buffer, struct diag *diag);

size_t groups_count(const struct groups *groups);
/* The i-th group's key as UnsafeRow bytes, its cells, and its buffer cells; valid while `groups`
 * does not change. */
struct group {
    struct bytes key;
    const struct cell *cells;  /* aggregation->key */
    const struct cell *buffer; /* aggregation->buffer */
};
struct group groups_at(const struct groups *groups, size_t index);

/* Is the group behind `threshold_ms`: event_time_key <= threshold_ms * 1000? Equality is late.
 * Never when the key has no event time, or it is null. */
bool group_is_late(const struct aggregation *aggregation,
                   const struct cell *key,
                   int64_t threshold_ms);

#endif
