/* Targets as scenarios write them: a name, perhaps a number behind it, perhaps "machine" behind
 * that; or "topic" and its name. One table reads and prints. */
#include "faults/fault.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

enum { INDEX_DIGITS_MAX = 4 };

struct target_form {
    const char *before;
    const char *after;
    enum target_kind kind;
    bool indexed;
};

static const struct target_form forms[] = {
    {"driver", "", TARGET_DRIVER, false},
    {"second driver", "", TARGET_SECOND_DRIVER, false},
    {"executor ", "", TARGET_EXECUTOR, true},
    {"executor", "", TARGET_EXECUTOR, false},
    {"executors", "", TARGET_EXECUTORS, false},
    {"driver machine", "", TARGET_DRIVER_MACHINE, false},
    {"executor ", " machine", TARGET_EXECUTOR_MACHINE, true},
    {"broker ", "", TARGET_BROKER, true},
    {"broker ", " machine", TARGET_BROKER_MACHINE, true},
    {"storage", "", TARGET_STORAGE, false},
};
static const size_t form_count = sizeof forms / sizeof forms[0];

/* A number from 1, without leading zeros; 0 when there is none. Moves `*text` behind it. */
static uint32_t read_index(const char **text)
{
    const char *at = *text;
    uint32_t index = 0;
    while (*at >= '0' && *at <= '9' && at - *text < INDEX_DIGITS_MAX) {
        index = index * 10 + (uint32_t)(*at - '0');
        at++;
    }
    if (**text == '0') {
        return 0;
    }
    *text = at;
    return index;
}

static const char topic_word[] = "topic ";

bool target_parse(const char *text, struct target *target)
{
    size_t word = sizeof topic_word - 1;
    if (strncmp(text, topic_word, word) == 0 && text[word] != '\0') {
        *target = (struct target){.kind = TARGET_TOPIC, .topic = text + word};
        return true;
    }
    for (const struct target_form *form = forms; form < forms + form_count; form++) {
        size_t length = strlen(form->before);
        if (strncmp(text, form->before, length) != 0) {
            continue;
        }
        const char *rest = text + length;
        uint32_t index = form->indexed ? read_index(&rest) : 0;
        if (strcmp(rest, form->after) == 0 && (index > 0) == form->indexed) {
            *target = (struct target){.kind = form->kind, .index = index};
            return true;
        }
    }
    return false;
}

void target_format(struct target target, char out[TARGET_TEXT_SIZE])
{
    if (target.kind == TARGET_TOPIC) {
        require(target.topic != NULL);
        (void)snprintf(out, TARGET_TEXT_SIZE, "%s%.24s", topic_word, target.topic);
        return;
    }
    for (const struct target_form *form = forms; form < forms + form_count; form++) {
        if (form->kind == target.kind && form->indexed == (target.index > 0)) {
            char index[16] = "";
            if (form->indexed) {
                (void)snprintf(index, sizeof index, "%u", target.index);
            }
            (void)snprintf(out, TARGET_TEXT_SIZE, "%s%s%s", form->before, index, form->after);
            return;
        }
    }
    require(false && "a target of no kind");
}
