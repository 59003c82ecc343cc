/* Shared by the parts of the plan compiler (plan.c, plan_columns.c, plan_window.c,
 * plan_aggregation.c, plan_options.c): the document being read, the plan being made, and how all of
 * them complain. */
#ifndef ENGINE_PLAN_PLAN_COMPILE_H
#define ENGINE_PLAN_PLAN_COMPILE_H

#include "engine/base/document.h"
#include "engine/plan/plan.h"

#define PLAN_ERROR "INVALID_PIPELINE"

enum { COLUMNS_MAX = 1000 };

struct compiler {
    struct arena *arena;
    struct document document;
    const struct option_override *overrides; /* a NULL name ends them; may be NULL */
    struct plan *plan;
    struct field *output_fields; /* of plan->output, while they are being made */
    struct diag *diag;
};

/* A key that the grammar knows, or that people will try; `why` is NULL for the first sort. */
struct known_key {
    const char *name;
    const char *why;
};

/* Every key of the object at `path` must be in `keys` (a NULL name ends them). */
MUST_CHECK enum status compile_check_keys(struct compiler *compiler,
                                          json_t *object,
                                          const char *path,
                                          const struct known_key *keys);

/* `value`, which stands at `path`, must be an object; NULL says that nothing stands there. */
MUST_CHECK enum status
compile_check_object(struct compiler *compiler, json_t *value, const char *path);

/* The text of member `key` of the object at `path`, copied into the arena; an error when it is
 * missing (unless `standard` is given), empty, or no string. */
MUST_CHECK enum status compile_text(struct compiler *compiler,
                                    json_t *object,
                                    const char *path,
                                    const char *key,
                                    const char *standard,
                                    const char **text);

/* The same, and it must be one of `words`, in any case. The first one is the standard where the key
 * is missing; one that has a `why` is refused with it. Gives the index in `words`. */
MUST_CHECK enum status compile_word(struct compiler *compiler,
                                    json_t *object,
                                    const char *path,
                                    const char *key,
                                    const struct known_key *words,
                                    size_t *index);

/* "path.key" in the form that document_fail reads. */
void compile_path(char path[DOCUMENT_PATH_SIZE], const char *parent, const char *key);

/* An expression over `schema`, its complaints put at `path`. `text` begins `skipped` bytes behind
 * the start of what stands there. */
MUST_CHECK enum status compile_expression(struct compiler *compiler,
                                          const char *path,
                                          const struct schema *schema,
                                          struct bytes text,
                                          size_t skipped,
                                          struct expression **expression);

/* {"as": name, "is": expression} at `path`: both texts. */
MUST_CHECK enum status compile_named(struct compiler *compiler,
                                     json_t *item,
                                     const char *path,
                                     const char **name,
                                     const char **text);

/* No column of this name twice, also not in another case, nor as a struct: every look-up ignores
 * case, as Spark's does. `at_key`: the name is the key at `path`. */
MUST_CHECK enum status compile_check_name(struct compiler *compiler,
                                          const struct schema *schema,
                                          const char *path,
                                          const char *name,
                                          bool at_key);

/* A column by its name as an expression: backquoted, a backquote in it doubled. */
struct bytes quoted_name(struct arena *arena, const char *name);

/* source.schema -> plan->source. */
MUST_CHECK enum status compile_schema(struct compiler *compiler, json_t *schema);
/* filter -> plan->filter; NULL: none. */
MUST_CHECK enum status compile_filter(struct compiler *compiler, json_t *filter);
/* withWatermark -> plan->watermark; NULL: none. */
MUST_CHECK enum status compile_watermark(struct compiler *compiler, json_t *watermark);
/* The window of groupBy, which stands at `path`. */
MUST_CHECK enum status
compile_window(struct compiler *compiler, json_t *object, const char *path, struct window *window);
/* groupBy and agg -> plan->aggregation; NULL for both: none. */
MUST_CHECK enum status
compile_aggregation(struct compiler *compiler, json_t *group_by, json_t *agg);
/* Does sink.outputMode go with what the plan does? Spark's UnsupportedOperationChecker. */
MUST_CHECK enum status compile_check_mode(struct compiler *compiler);
/* select -> plan->projections, plan->output; NULL: every column (of the source, or the groups). */
MUST_CHECK enum status compile_select(struct compiler *compiler, json_t *select);

/* source.options, trigger, options, then the overrides -> plan->options. */
MUST_CHECK enum status compile_options(struct compiler *compiler, json_t *root);

#endif
