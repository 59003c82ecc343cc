/* What a pipeline says about options: source.options, trigger, options, and what overrides them. */
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/plan/plan_compile.h"

/* Where each sort of option stands, and which were seen there: names that differ in case only are
 * one option twice. */
struct option_group {
    const char *path;
    enum option_scope scope;
    size_t count; /* of those seen */
    bool seen[OPTIONS_MAX];
};

static const char *scope_path(enum option_scope scope)
{
    static const char *const paths[] = {[OPTION_SOURCE] = "source.options",
                                        [OPTION_QUERY] = "options",
                                        [OPTION_TRIGGER] = "trigger"};
    return paths[scope];
}

/* The value of an option as text; NULL when JSON of this type is no option's value. */
static const char *value_text(struct arena *arena, json_t *value)
{
    if (json_is_string(value)) {
        return strlen(json_string_value(value)) == json_string_length(value)
                   ? json_string_value(value)
                   : NULL;
    }
    if (json_is_boolean(value)) {
        return json_is_true(value) ? "true" : "false";
    }
    return json_is_integer(value)
               ? arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value))
               : NULL;
}

/* Misplaced or there twice. */
static enum status check_place(struct compiler *compiler,
                               struct option_group *group,
                               const char *path,
                               const char *name)
{
    int index = options_find(name);
    struct option_description option;
    if (index < 0 || !options_describe((size_t)index, &option)) {
        return OK; /* options_set knows what to say */
    }
    if (option.scope != group->scope) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             "INVALID_OPTION",
                             path,
                             true,
                             "option \"%s\" stands in %s",
                             option.name,
                             scope_path(option.scope));
    }
    require(index < OPTIONS_MAX);
    if (group->seen[index]) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             "INVALID_OPTION",
                             path,
                             true,
                             "option \"%s\" is there already (its name ignores case)",
                             option.name);
    }
    group->seen[index] = true;
    group->count++;
    return OK;
}

static enum status compile_option(struct compiler *compiler,
                                  struct option_group *group,
                                  const char *name,
                                  json_t *value)
{
    char path[DOCUMENT_PATH_SIZE];
    compile_path(path, group->path, name);
    TRY(check_place(compiler, group, path, name));
    const char *text = value_text(compiler->arena, value);
    if (text == NULL) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             "INVALID_OPTION",
                             path,
                             false,
                             "option \"%.100s\": expected a text, a whole number, true or false",
                             name);
    }
    struct diag inner = {0};
    enum status status = options_set(&compiler->plan->options, compiler->arena, name, text, &inner);
    if (status == OK) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         inner.error_class,
                         path,
                         options_find(name) < 0,
                         "%s",
                         inner.text);
}

static enum status compile_group(struct compiler *compiler, json_t *object, enum option_scope scope)
{
    struct option_group group = {.path = scope_path(scope), .scope = scope};
    if (object == NULL) {
        return OK;
    }
    TRY(compile_check_object(compiler, object, group.path));
    void *member = json_object_iter(object);
    for (; member != NULL; member = json_object_iter_next(object, member)) {
        const char *name = json_object_iter_key(member);
        if (strcmp(name, "note") != 0) {
            TRY(compile_option(compiler, &group, name, json_object_iter_value(member)));
        }
    }
    if (scope == OPTION_TRIGGER && group.count != 1) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             "INVALID_OPTION",
                             group.path,
                             false,
                             group.count == 0
                                 ? "expected {\"processingTime\": \"10s\"} or "
                                   "{\"availableNow\": true}"
                                 : "processingTime and availableNow contradict each other: "
                                   "name one");
    }
    return OK;
}

/* An error in what overrides the file: the file is not at fault, the place is set.NAME. */
static enum status
fail_override(struct compiler *compiler, const char *name, const struct diag *inner)
{
    if (!compiler->diag->set) {
        char path[DOCUMENT_PATH_SIZE] = "set";
        document_path_member(path, name);
        (void)snprintf(compiler->diag->path, sizeof compiler->diag->path, "%.191s", path);
    }
    return diag_fail(compiler->diag, inner->error_class, "%s", inner->text);
}

static enum status apply_overrides(struct compiler *compiler)
{
    const struct option_override *override = compiler->overrides;
    const char *trigger = NULL;
    for (; override != NULL && override->name != NULL; override++) {
        struct diag inner = {0};
        struct option_description option = {0};
        enum status status = options_set(
            &compiler->plan->options, compiler->arena, override->name, override->value, &inner);
        if (status != OK) {
            return fail_override(compiler, override->name, &inner);
        }
        bool known = options_describe((size_t)options_find(override->name), &option);
        require(known);
        if (option.scope == OPTION_TRIGGER && trigger != NULL && trigger != option.name) {
            (void)diag_fail(&inner,
                            "INVALID_OPTION",
                            "processingTime and availableNow contradict each other: name one");
            return fail_override(compiler, override->name, &inner);
        }
        trigger = option.scope == OPTION_TRIGGER ? option.name : trigger;
    }
    return OK;
}

/* {"topic": {"0": 23, "1": -2}}: this topic alone; -2 is earliest, -1 latest. */
static enum status check_offsets(json_t *root, const char *topic, struct diag *diag)
{
    const char *shape = "expected {\"topic\": {\"0\": 23, \"1\": -2}}";
    json_t *partitions = json_object_get(root, topic);
    if (!json_is_object(root) || json_object_size(root) != 1 || !json_is_object(partitions)) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "startingOffsets must name the topic \"%.100s\" and no other; %s",
                         topic,
                         shape);
    }
    void *member = json_object_iter(partitions);
    for (; member != NULL; member = json_object_iter_next(partitions, member)) {
        const char *key = json_object_iter_key(member);
        json_t *value = json_object_iter_value(member);
        bool number = key[0] != '\0' && strlen(key) <= 9 &&
                      strspn(key, "0123456789") == strlen(key) && (key[0] != '0' || key[1] == '\0');
        if (!number || !json_is_integer(value) || json_integer_value(value) < -2) {
            return diag_fail(diag,
                             "INVALID_OPTION",
                             "startingOffsets of partition \"%.32s\": expected a partition's "
                             "number and an offset (or -2 earliest, -1 latest); %s",
                             key,
                             shape);
        }
    }
    return json_object_size(partitions) > 0
               ? OK
               : diag_fail(diag, "INVALID_OPTION", "startingOffsets names no partition; %s", shape);
}

static enum status check_starting_offsets(struct compiler *compiler, struct diag *diag)
{
    const struct plan *plan = compiler->plan;
    const char *text = plan->options.starting_offsets;
    struct document document;
    if (strchr(text, '{') == NULL) {
        return OK;
    }
    TRY(document_parse(compiler->arena,
                       "startingOffsets",
                       bytes_of_text(text),
                       "INVALID_OPTION",
                       &document,
                       diag));
    enum status status = check_offsets(document.root, plan->topic, diag);
    document_free(&document);
    return status;
}

/* Whether the last word about an option came from the overrides. */
static bool overridden(const struct compiler *compiler, const char *name)
{
    const struct option_override *override = compiler->overrides;
    for (; override != NULL && override->name != NULL; override++) {
        if (options_find(override->name) == options_find(name)) {
            return true;
        }
    }
    return false;
}

/* What only all options together show. An override that the message names is at fault. */
static enum status check_together(struct compiler *compiler)
{
    struct diag inner = {0};
    if (options_check(&compiler->plan->options, &inner) == OK) {
        return OK;
    }
    const struct option_override *override = compiler->overrides;
    for (; override != NULL && override->name != NULL; override++) {
        struct option_description option;
        bool known = options_describe((size_t)options_find(override->name), &option);
        require(known);
        if (strstr(inner.text, option.name) != NULL) {
            return fail_override(compiler, override->name, &inner);
        }
    }
    return document_fail(
        &compiler->document, compiler->diag, inner.error_class, "options", false, "%s", inner.text);
}

enum status compile_options(struct compiler *compiler, json_t *root)
{
    json_t *source = json_object_get(root, "source");
    options_defaults(&compiler->plan->options);
    TRY(compile_group(compiler, json_object_get(source, "options"), OPTION_SOURCE));
    TRY(compile_group(compiler, json_object_get(root, "trigger"), OPTION_TRIGGER));
    TRY(compile_group(compiler, json_object_get(root, "options"), OPTION_QUERY));
    TRY(apply_overrides(compiler));
    struct diag inner = {0};
    if (check_starting_offsets(compiler, &inner) != OK) {
        if (overridden(compiler, "startingOffsets")) {
            return fail_override(compiler, "startingOffsets", &inner);
        }
        return document_fail(&compiler->document,
                             compiler->diag,
                             inner.error_class,
                             "source.options.startingOffsets",
                             false,
                             "%s",
                             inner.text);
    }
    return check_together(compiler);
}
