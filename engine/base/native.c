#include "engine/base/native.h"

#include "engine/base/check.h"
#include "engine/base/process.h"

void native_hold(struct native *native)
{
    require(native->link == NULL);
    require(native->abandon != NULL);
    native->next = current_process->natives;
    native->link = &current_process->natives;
    if (native->next != NULL) {
        native->next->link = &native->next;
    }
    current_process->natives = native;
}

void native_let_go(struct native *native)
{
    require(native->link != NULL);
    require(*native->link == native);
    *native->link = native->next;
    if (native->next != NULL) {
        native->next->link = native->link;
    }
    native->next = NULL;
    native->link = NULL;
}

void native_drop(struct process *process)
{
    while (process->natives != NULL) {
        struct native *native = process->natives;
        process->natives = native->next;
        if (native->next != NULL) {
            native->next->link = &process->natives;
        }
        native->next = NULL;
        native->link = NULL;
        native->abandon(native);
    }
}

size_t native_count(const struct process *process)
{
    size_t count = 0;
    for (const struct native *native = process->natives; native != NULL; native = native->next) {
        count++;
    }
    return count;
}
