/* Options by their names: finding, explaining, and what to say of a name that is none. */
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/options_table.h"

static const char *const kind_names[] = {
    [KIND_TEXT] = "text",
    [KIND_BOOL] = "bool",
    [KIND_INT] = "int",
    [KIND_DURATION] = "duration",
    [KIND_MILLISECONDS] = "milliseconds",
    [KIND_SIZE] = "size",
    [KIND_OFFSETS] = "offsets",
    [KIND_INTERVAL] = "duration",
    [KIND_NOW] = "bool",
    [KIND_ONLY] = "only",
    [KIND_SECRET] = "secret",
    [KIND_ISOLATION] = "word",
    [KIND_PROTOCOL] = "word",
    [KIND_MECHANISM] = "word",
    [KIND_ENDPOINT] = "word",
    [KIND_COMPRESSION] = "word",
    [KIND_PROVIDER] = "class",
    [KIND_KIB] = "KiB",
    [KIND_MIB] = "MiB",
    [KIND_RATIO] = "ratio",
};

static bool same_name(const char *known, const char *name)
{
    return strncmp(known, "spark.", 6) == 0 ? strcmp(known, name) == 0 : fold_equal(known, name);
}

int options_find(const char *name)
{
    for (size_t i = 0; options_table[i].name != NULL; i++) {
        if (same_name(options_table[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static const struct simulated_option *find_simulated(const char *name)
{
    for (const struct simulated_option *one = options_simulated; one->name != NULL; one++) {
        if (same_name(one->name, name)) {
            return one;
        }
    }
    return NULL;
}

bool options_describe(size_t index, struct option_description *description)
{
    for (size_t i = 0; i <= index; i++) {
        if (options_table[i].name == NULL) {
            return false;
        }
    }
    const struct option *option = &options_table[index];
    const struct simulated_option *simulated = find_simulated(option->name);
    bool limited = option->kind == KIND_INT || option->kind == KIND_KIB || option->kind == KIND_MIB;
    *description = (struct option_description){
        .name = option->name,
        .kind = kind_names[option->kind],
        .standard = option->standard == NULL ? "" : option->standard,
        .help = option->help,
        .min = limited ? option->min : 0,
        .max = limited ? option->max : 0,
        .scope = option->scope,
        .secret = option->kind == KIND_SECRET,
        .real_only = simulated == NULL ? NULL : simulated->why,
    };
    return true;
}

enum status options_check_simulated(const char *name, const char *value, struct diag *diag)
{
    const struct simulated_option *simulated = find_simulated(name);
    if (simulated == NULL) {
        return OK;
    }
    if (simulated->value == NULL) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"%s\" is for the real world only: %s",
                         simulated->name,
                         simulated->why);
    }
    if (fold_equal(simulated->value, value)) {
        return OK;
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"%s\" is \"%.200s\", which is for the real world only: %s; the "
                     "simulator has %s",
                     simulated->name,
                     value,
                     simulated->why,
                     simulated->value);
}

/* ---- names that are none ------------------------------------------------------------------- */

/* What people write before an option's own name: its place in the file, or nothing. */
static const char *known_with(struct arena *arena, const char *name)
{
    static const char *const places[] = {"source.options.", "options.", "trigger.", NULL};
    for (const char *const *place = places; *place != NULL; place++) {
        size_t size = strlen(*place);
        if (strncmp(name, *place, size) == 0 && options_find(name + size) >= 0) {
            return options_table[options_find(name + size)].name;
        }
    }
    int index = options_find(arena_printf(arena, KAFKA_PREFIX "%s", name));
    return index < 0 ? NULL : options_table[index].name;
}

enum status options_refuse_name(struct arena *arena, const char *name, struct diag *diag)
{
    static const char *const places[] = {"sink.", "source.", ""};
    for (const struct refused_option *refused = options_refused; refused->name != NULL; refused++) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            size_t size = strlen(places[i]);
            if (strncmp(name, places[i], size) == 0 && same_name(refused->name, name + size)) {
                return diag_fail(diag,
                                 "INVALID_OPTION",
                                 "option \"%s\" cannot apply: %s",
                                 refused->name,
                                 refused->why);
            }
        }
    }
    const char *candidates[OPTIONS_MAX + 1] = {0};
    for (size_t i = 0; options_table[i].name != NULL; i++) {
        require(i < OPTIONS_MAX);
        candidates[i] = options_table[i].name;
    }
    const char *nearest = known_with(arena, name);
    nearest = nearest == NULL ? diag_nearest(name, candidates) : nearest;
    if (nearest != NULL) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "unknown option \"%.100s\"; did you mean \"%s\"?",
                         name,
                         nearest);
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "unknown option \"%.100s\"; `aftershock list` names every option",
                     name);
}
