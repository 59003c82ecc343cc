#include "engine/driver/executors.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

void executors_free(struct executors *executors)
{
    heap_free(executors->entries);
    *executors = (struct executors){0};
}

struct executor_entry *executors_find(struct executors *executors, connection_id connection)
{
    for (size_t i = 0; i < executors->count; i++) {
        if (executors->entries[i].connection == connection) {
            return &executors->entries[i];
        }
    }
    return NULL;
}

struct executor_entry *executors_named(struct executors *executors, const char *name)
{
    for (size_t i = 0; i < executors->count; i++) {
        if (strncmp(executors->entries[i].name, name, EXECUTOR_NAME_SIZE - 1) == 0) {
            return &executors->entries[i];
        }
    }
    return NULL;
}

struct executor_entry *executors_register(struct executors *executors,
                                          connection_id connection,
                                          const struct executor_identity *identity,
                                          int64_t slots,
                                          bool *known)
{
    require(connection != 0);
    require(slots > 0);
    struct executor_entry *entry = executors_find(executors, connection);
    *known = entry != NULL;
    if (entry != NULL) {
        return entry;
    }
    if (executors->count == EXECUTORS_MAX || strlen(identity->address) >= EXECUTOR_ADDRESS_SIZE) {
        return NULL;
    }
    if (executors->count == executors->capacity) {
        executors->capacity = executors->capacity == 0 ? 8 : 2 * executors->capacity;
        executors->entries =
            heap_realloc(executors->entries, executors->capacity * sizeof *executors->entries);
    }
    entry = &executors->entries[executors->count++];
    *entry = (struct executor_entry){
        .id = ++executors->last_id, .connection = connection, .slots = slots};
    (void)snprintf(entry->name, sizeof entry->name, "%s", identity->name);
    (void)snprintf(entry->address, sizeof entry->address, "%s", identity->address);
    return entry;
}

/* Entries are in the order of their ids. */
struct executor_entry *executors_with_id(struct executors *executors, int64_t id)
{
    size_t low = 0;
    size_t high = executors->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (executors->entries[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < executors->count && executors->entries[low].id == id;
    return found ? &executors->entries[low] : NULL;
}

void executors_remove(struct executors *executors, connection_id connection)
{
    struct executor_entry *entry = executors_find(executors, connection);
    if (entry == NULL) {
        return;
    }
    size_t index = (size_t)(entry - executors->entries);
    executors->count--;
    memmove(entry, entry + 1, (executors->count - index) * sizeof *entry);
}

struct executor_entry *executors_free_slot(struct executors *executors)
{
    struct executor_entry *best = NULL;
    for (size_t i = 0; i < executors->count; i++) {
        struct executor_entry *entry = &executors->entries[i];
        int64_t left = entry->slots - entry->running;
        if (left > 0 && (best == NULL || left > best->slots - best->running)) {
            best = entry;
        }
    }
    return best;
}

struct executor_entry *
executors_silent(struct executors *executors, int64_t now_us, int64_t timeout_us)
{
    for (size_t i = 0; i < executors->count; i++) {
        if (executors->entries[i].heard_us + timeout_us <= now_us) {
            return &executors->entries[i];
        }
    }
    return NULL;
}

int64_t executors_deadline(const struct executors *executors, int64_t timeout_us)
{
    int64_t deadline = INT64_MAX;
    for (size_t i = 0; i < executors->count; i++) {
        if (executors->entries[i].heard_us + timeout_us < deadline) {
            deadline = executors->entries[i].heard_us + timeout_us;
        }
    }
    return deadline;
}
