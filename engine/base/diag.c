#include "engine/base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

enum { NAME_SIZE_MAX = 96 };

enum status diag_fail(struct diag *diag, const char *error_class, const char *format, ...)
{
    require(error_class != NULL);
    if (diag->set) {
        return ERR_FAILED;
    }
    diag->set = true;
    (void)snprintf(diag->error_class, sizeof diag->error_class, "%s", error_class);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(diag->text, sizeof diag->text, format, arguments);
    va_end(arguments);
    return ERR_FAILED;
}

void diag_format(const struct diag *diag, char *out, size_t size)
{
    char place[320] = "";
    if (diag->file[0] != '\0' && diag->line > 0) {
        (void)snprintf(place, sizeof place, "%s:%d:%d: ", diag->file, diag->line, diag->column);
    } else if (diag->file[0] != '\0') {
        (void)snprintf(place, sizeof place, "%s: ", diag->file);
    }
    (void)snprintf(out,
                   size,
                   "%s%s%s%s [%s]",
                   place,
                   diag->path,
                   diag->path[0] == '\0' ? "" : ": ",
                   diag->text,
                   diag->error_class);
}

/* Levenshtein distance by one rolling row. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > NAME_SIZE_MAX || b_length > NAME_SIZE_MAX) {
        return SIZE_MAX;
    }
    size_t row[NAME_SIZE_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) {
                best = row[j] + 1;
            }
            if (row[j - 1] + 1 < best) {
                best = row[j - 1] + 1;
            }
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *diag_nearest(const char *name, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (; *candidates != NULL; candidates++) {
        size_t distance = edit_distance(name, *candidates);
        if (distance < best && distance <= (strlen(*candidates) + 2) / 3) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}
