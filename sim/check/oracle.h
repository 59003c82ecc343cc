/* What the table must hold, computed without the engine: the pipeline's own text, the record bytes
 * that the fake broker's history gives, Spark's rules for JSON, SQL's for expressions. Row at a
 * time. The expected rows of a record depend on (pipeline, record bytes) only, so they are computed
 * once a scenario, for every workload line, and looked up in each of its runs.
 *
 * It takes from the engine batch *end offsets* and nothing else. It calls none of its code. */
#ifndef SIM_CHECK_ORACLE_H
#define SIM_CHECK_ORACLE_H

#include "scenarios/loader/scenario.h"
#include "sim/check/oracle_keys.h"
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

/* What one record becomes: `row` of a stateless query's ORACLE_ROW, `input` of every record that
 * passed the filter, `error` (Spark's class) of ORACLE_FAILS. */
struct oracle_line {
    enum oracle_verdict verdict;
    struct row row;
    struct oracle_input input;
    const char *error;
};
/* Of a workload's line; lives as long as the oracle. */
const struct oracle_line *oracle_line(const struct oracle *oracle, size_t workload, size_t line);
/* The same for bytes that are no workload line; its memory is `arena`'s, texts may borrow from
 * `value`. */
void oracle_record(const struct oracle *oracle,
                   struct bytes value,
                   struct arena *arena,
                   struct oracle_line *line);

const struct oracle_pipeline *oracle_pipeline(const struct oracle *oracle);

/* The table's row of what `select` reads: a source row, or a group (its key and its results). NULL
 * with the row in `arena`, or the class of Spark's error. */
const char *oracle_select(const struct oracle *oracle,
                          const struct value *cells,
                          struct arena *arena,
                          struct row *row);

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
