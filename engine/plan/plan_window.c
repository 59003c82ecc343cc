/* What a pipeline says about event time: withWatermark, and the window of groupBy. The rules and
 * the classes of errors are Spark's (EventTimeWatermark, TimeWindow.checkInputDataTypes). */
#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/plan/plan_compile.h"

/* A row is copied into each of its windows. */
enum { WINDOWS_MAX = 1000 };
#define WINDOW_LENGTH_MAX (INT64_C(36500) * US_PER_DAY)

/* A duration with its unit; a minus may stand in front. */
static enum status compile_duration(struct compiler *compiler,
                                    json_t *object,
                                    const char *path,
                                    const char *key,
                                    const char *standard,
                                    int64_t *duration_us)
{
    const char *text = NULL;
    TRY(compile_text(compiler, object, path, key, standard, &text));
    require(text != NULL);
    const char *number = text + strspn(text, " ");
    bool negative = *number == '-';
    if (duration_parse(number + negative, duration_us)) {
        *duration_us = negative ? -*duration_us : *duration_us;
        return OK;
    }
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, key);
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         place,
                         false,
                         "\"%.64s\" is no duration; expected such as \"5 minutes\" or \"10s\" "
                         "(no months: their length differs)",
                         text);
}

/* A column of the source that holds event times. */
static enum status compile_time_column(
    struct compiler *compiler, json_t *object, const char *path, const char *key, size_t *column)
{
    const struct schema *source = &compiler->plan->source;
    const char *name = NULL;
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, key);
    TRY(compile_text(compiler, object, path, key, NULL, &name));
    struct expression *expression = NULL;
    struct bytes text = quoted_name(compiler->arena, name);
    TRY(compile_expression(compiler, place, source, text, 0, &expression));
    bool known = expression_is_column(expression, column);
    require(known);
    if (expression_type(expression) == TYPE_TIMESTAMP) {
        return OK;
    }
    bool watermark = strcmp(key, "eventTime") == 0;
    return document_fail(&compiler->document,
                         compiler->diag,
                         watermark ? "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"
                                   : "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                         place,
                         false,
                         "the %s \"%.100s\" has the type %s; expected a timestamp: declare the "
                         "column so in source.schema",
                         watermark ? "event time" : "time column of a window",
                         name,
                         type_name(expression_type(expression)));
}

enum status compile_watermark(struct compiler *compiler, json_t *object)
{
    static const struct known_key keys[] = {
        {"eventTime", NULL}, {"delayThreshold", NULL}, {"note", NULL}, {NULL, NULL}};
    static const char path[] = "withWatermark";
    if (object == NULL) {
        return OK;
    }
    struct watermark *watermark = arena_alloc(compiler->arena, sizeof *watermark);
    int64_t delay_us = 0;
    if (json_is_array(object)) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             path,
                             false,
                             "several watermarks are not built yet; expected one object, such as "
                             "{\"eventTime\": \"t\", \"delayThreshold\": \"10 minutes\"}");
    }
    TRY(compile_check_object(compiler, object, path));
    TRY(compile_check_keys(compiler, object, path, keys));
    TRY(compile_time_column(compiler, object, path, "eventTime", &watermark->column));
    TRY(compile_duration(compiler, object, path, "delayThreshold", NULL, &delay_us));
    if (delay_us < 0) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "withWatermark.delayThreshold",
                             false,
                             "delay threshold should not be negative; expected such as \"0 "
                             "seconds\" or \"10 minutes\"");
    }
    watermark->delay_ms = delay_us / US_PER_MS;
    compiler->plan->watermark = watermark;
    return OK;
}

static enum status
fail_window(struct compiler *compiler, const char *path, const char *key, const char *text)
{
    bool range = strcmp(key, "startTime") != 0 && strstr(text, "greater than 0") != NULL;
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, key);
    return document_fail(&compiler->document,
                         compiler->diag,
                         range ? "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"
                               : "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
                         place,
                         false,
                         "%s",
                         text);
}

static enum status
check_window(struct compiler *compiler, const char *path, const struct window *window)
{
    if (window->length_us <= 0 || window->length_us > WINDOW_LENGTH_MAX) {
        return fail_window(compiler,
                           path,
                           "windowDuration",
                           "windowDuration must be greater than 0 and at most 36500 days");
    }
    if (window->slide_us <= 0) {
        return fail_window(compiler, path, "slideDuration", "slideDuration must be greater than 0");
    }
    if (window->slide_us > window->length_us) {
        return fail_window(compiler,
                           path,
                           "slideDuration",
                           "slideDuration must be at most windowDuration: rows between two windows "
                           "would be in none");
    }
    int64_t start_us = window->start_us < 0 ? -window->start_us : window->start_us;
    if (start_us >= window->slide_us) {
        return fail_window(compiler,
                           path,
                           "startTime",
                           "startTime must be less than slideDuration (without it: than "
                           "windowDuration), whatever its sign");
    }
    if (window->length_us / window->slide_us >= WINDOWS_MAX) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             path,
                             false,
                             "a row would be in more than %d windows: lengthen slideDuration or "
                             "shorten windowDuration",
                             WINDOWS_MAX);
    }
    return OK;
}

enum status
compile_window(struct compiler *compiler, json_t *object, const char *path, struct window *window)
{
    static const struct known_key keys[] = {{"timeColumn", NULL},
                                            {"windowDuration", NULL},
                                            {"slideDuration", NULL},
                                            {"startTime", NULL},
                                            {"note", NULL},
                                            {"gapDuration", "session windows are not built yet"},
                                            {NULL, NULL}};
    TRY(compile_check_object(compiler, object, path));
    TRY(compile_check_keys(compiler, object, path, keys));
    TRY(compile_time_column(compiler, object, path, "timeColumn", &window->column));
    TRY(compile_duration(compiler, object, path, "windowDuration", NULL, &window->length_us));
    window->slide_us = window->length_us;
    if (json_object_get(object, "slideDuration") != NULL) {
        TRY(compile_duration(compiler, object, path, "slideDuration", NULL, &window->slide_us));
    }
    TRY(compile_duration(compiler, object, path, "startTime", "0 seconds", &window->start_us));
    return check_window(compiler, path, window);
}
