/* What the table must hold, computed without the engine: the pipeline's own text, the record bytes
 * that the fake broker's history gives, Spark's rules for JSON, SQL's for expressions. Row at a
 * time. The expected rows of a record depend on (pipeline, record bytes) only, so they are computed
 * once a scenario, for every workload line, and looked up in each of its runs.
 *
 * It takes from the engine batch *end offsets* and nothing else. It calls none of its code. */
#ifndef SIM_CHECK_ORACLE_H
#define SIM_CHECK_ORACLE_H

#include "scenarios/loader/scenario.h"
#include "sim/check/value.h"

struct oracle; /* immutable once made */

/* Evaluate every workload line of `scenario`. Memory of the current process (the host, when it is
 * shared by runs). Runs on the thread's own stack. A pipeline that the engine compiled and that
 * this cannot is a broken invariant of ours: oracle_error says what; never NULL. */
struct oracle *oracle_new(const struct scenario *scenario);
void oracle_free(struct oracle *oracle);
/* NULL, or why this pipeline cannot be judged: a check failure of every run. */
const char *oracle_error(const struct oracle *oracle);

enum oracle_verdict {
    ORACLE_DROPPED, /* the filter did not keep it */
    ORACLE_ROW,
    ORACLE_FAILS /* the batch can never be committed (FAILFAST, ANSI) */
};

/* What one record becomes. `*row` is set for ORACLE_ROW, `*error` (Spark's class) for ORACLE_FAILS.
 */
enum oracle_verdict oracle_line(
    const struct oracle *oracle, size_t workload, size_t line, struct row *row, const char **error);
/* The same for bytes that are no workload line; the row's memory is `arena`'s. */
enum oracle_verdict oracle_record(const struct oracle *oracle,
                                  struct bytes value,
                                  struct arena *arena,
                                  struct row *row,
                                  const char **error);

/* Columns of the table, in order. */
size_t oracle_column_count(const struct oracle *oracle);
const char *oracle_column_name(const struct oracle *oracle, size_t column);
enum type oracle_column_type(const struct oracle *oracle, size_t column);

const char *oracle_topic(const struct oracle *oracle);
const char *oracle_table(const struct oracle *oracle);
/* The text of an option: of the pipeline, with `overrides` on top (NULL-named end), or the
 * scenario's `set` when that is NULL; names without regard to case. NULL: not given. */
const char *oracle_option(const struct oracle *oracle,
                          const struct option_override *overrides,
                          const char *name);

#endif
