#include "scenarios/loader/explain.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/plan/options.h"
#include "faults/fault.h"
#include "scenarios/loader/keys.h"
#include "scenarios/loader/names.h"

static const char *role_name(enum process_role role)
{
    switch (role) {
    case ROLE_HOST:
        return "host";
    case ROLE_DRIVER:
        return "driver";
    case ROLE_EXECUTOR:
        return "executor";
    }
    return "";
}

void explain_faults(struct buf *out)
{
    for (int verb = 0; verb < FAULT_COUNT; verb++) {
        const struct fault_info *info = fault_info((enum fault_verb)verb);
        buf_printf(out, "  %-12s %s\n  %-12s befalls: ", info->name, info->help, "");
        const char *comma = "";
        for (size_t i = 0; names_targets[i] != NULL; i++) {
            struct target target;
            bool read = target_parse(names_targets[i], &target);
            require(read);
            if ((info->targets & (unsigned)target.kind) != 0) {
                buf_printf(out, "%s%s", comma, names_targets[i]);
                comma = ", ";
            }
        }
        buf_text(out, "\n");
    }
}

void explain_points(struct buf *out)
{
    for (int point = 0; point < FAILPOINT_COUNT; point++) {
        const struct failpoint_info *info = failpoint_info((enum failpoint)point);
        buf_printf(out, "  %-20s %-9s %s\n", info->name, role_name(info->role), info->where);
    }
}

void explain_options(struct buf *out)
{
    struct option_description option;
    for (size_t i = 0; options_describe(i, &option); i++) {
        buf_printf(out, "  %s (%s", option.name, option.kind);
        if (option.standard[0] != '\0') {
            buf_printf(out, ", default %s", option.standard);
        }
        buf_printf(out, ")\n      %s\n", option.help);
        if (option.real_only != NULL) {
            buf_printf(out, "      for the real world only: %s\n", option.real_only);
        }
    }
}

/* ---- keys: tables in the order they are met, each once ---------------------------------------
 */

enum { TABLES_MAX = 64 };

struct table_list {
    const struct key_table *tables[TABLES_MAX];
    const char *where[TABLES_MAX]; /* the key that leads there */
    size_t count;
};

static void meet(struct table_list *list, const struct key_table *table, const char *where)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->tables[i] == table) {
            return;
        }
    }
    require(list->count < TABLES_MAX);
    list->tables[list->count] = table;
    list->where[list->count++] = where;
}

static void meet_tables_of(struct table_list *list, const struct key *key)
{
    const struct key *element = key->element != NULL ? key->element : key;
    if (element->table != NULL) {
        meet(list, element->table, key->name);
    }
    for (size_t i = 0; element->variants != NULL && element->variants[i] != NULL; i++) {
        meet(list, element->variants[i], key->name);
    }
}

static void explain_key(struct buf *out, const struct key *key)
{
    buf_printf(out, "  %-30s %s", key->name, key->help);
    if (key->standard != NULL) {
        buf_printf(out, " (without it: %s)", key->standard);
    }
    buf_text(out, key->required ? " (required)\n" : "\n");
}

void explain_keys(struct buf *out)
{
    struct table_list list = {0};
    meet(&list, &keys_scenario, "");
    for (size_t i = 0; i < list.count; i++) {
        const struct key_table *table = list.tables[i];
        buf_printf(out, "%s%s%s\n", list.where[i], i == 0 ? "" : ": ", table->help);
        for (const struct key *key = table->keys; key->name != NULL; key++) {
            explain_key(out, key);
            meet_tables_of(&list, key);
        }
    }
}
