#include "sim/cli/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/sort.h"
#include "engine/base/units.h"
#include "sim/cli/cli.h"

/* ---- files ---------------------------------------------------------------------------------- */

const char *inspect_path(struct arena *arena, const char *directory, const char *name)
{
    size_t size = strlen(directory);
    bool slash = size > 0 && directory[size - 1] == '/';
    return arena_printf(arena, "%s%s%s", directory, slash ? "" : "/", name);
}

bool inspect_is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static enum status fail_errno(const char *path, const char *verb, struct diag *diag)
{
    int error = errno;
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag, "USAGE", "it cannot be %s: %s", verb, strerror(error));
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct inspect_entry *)a)->name, ((const struct inspect_entry *)b)->name);
}

enum status inspect_list(struct arena *arena,
                         const char *directory,
                         struct inspect_entry **entries,
                         size_t *count,
                         struct diag *diag)
{
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        return fail_errno(directory, "listed", diag);
    }
    size_t room = 0;
    *count = 0;
    *entries = NULL;
    for (const struct dirent *found = readdir(stream); found != NULL; found = readdir(stream)) {
        struct stat status;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
            fstatat(dirfd(stream), found->d_name, &status, 0) != 0) {
            continue; /* gone meanwhile */
        }
        if (*count == room) {
            room = room == 0 ? 64 : room * 2;
            struct inspect_entry *more = arena_alloc(arena, room * sizeof *more);
            if (*count > 0) {
                memcpy(more, *entries, *count * sizeof *more);
            }
            *entries = more;
        }
        (*entries)[*count] = (struct inspect_entry){
            .name = arena_strdup(arena, found->d_name),
            .directory = S_ISDIR(status.st_mode),
            .size = status.st_size,
            .modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000,
        };
        *count += 1;
    }
    (void)closedir(stream);
    sort_items(*entries, *count, sizeof **entries, compare_entries);
    return OK;
}

enum status inspect_map(const char *path, struct bytes *content, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : fail_errno(path, "read", diag);
    }
    struct stat status;
    *content = bytes_of("", 0);
    enum status result = OK;
    if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : errno;
        result = fail_errno(path, "read", diag);
    } else if (status.st_size > 0) {
        void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            result = fail_errno(path, "read", diag);
        } else {
            *content = bytes_of(data, (size_t)status.st_size);
        }
    }
    (void)close(fd);
    return result;
}

void inspect_unmap(struct bytes content)
{
    if (content.size > 0) {
        void *data = NULL;
        memcpy(&data, &content.data, sizeof data); /* munmap takes what is not const */
        (void)munmap(data, content.size);
    }
}

enum status
inspect_read(struct arena *arena, const char *path, struct bytes *content, struct diag *diag)
{
    struct bytes mapped = {0};
    enum status status = inspect_map(path, &mapped, diag);
    if (status == OK) {
        *content = bytes_of(arena_copy(arena, mapped.data, mapped.size), mapped.size);
        inspect_unmap(mapped);
    }
    return status;
}

/* ---- hints ---------------------------------------------------------------------------------- */

/* The directory above, without a slash at its end; "." for a plain name. */
static const char *parent_of(struct arena *arena, const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    while (size > 0 && path[size - 1] != '/') {
        size--;
    }
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    return size == 0 ? "." : arena_copy(arena, path, size);
}

static bool has(struct arena *arena, const char *path, const char *marker)
{
    return inspect_is_directory(inspect_path(arena, path, marker));
}

/* Above `path`, or one level below it. NULL: nowhere near. */
static const char *find_marker(struct arena *arena, const char *path, const char *marker)
{
    const char *parent = parent_of(arena, path);
    if (has(arena, parent, marker)) {
        return parent;
    }
    struct inspect_entry *entries = NULL;
    size_t count = 0;
    struct diag ignored = {0};
    if (inspect_list(arena, path, &entries, &count, &ignored) != OK) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const char *below = inspect_path(arena, path, entries[i].name);
        if (entries[i].directory && has(arena, below, marker)) {
            return below;
        }
    }
    return NULL;
}

/* The directory beside a `path` that is not there whose name is nearest. */
static const char *find_nearest(struct arena *arena, const char *path)
{
    const char *parent = parent_of(arena, path);
    struct inspect_entry *entries = NULL;
    size_t count = 0;
    struct diag ignored = {0};
    if (inspect_list(arena, parent, &entries, &count, &ignored) != OK) {
        return NULL;
    }
    const char **names = arena_alloc(arena, (count + 1) * sizeof *names);
    size_t directories = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].directory) {
            names[directories++] = entries[i].name;
        }
    }
    const char *slash = strrchr(path, '/');
    const char *nearest = diag_nearest(slash == NULL ? path : slash + 1, names);
    return nearest == NULL ? NULL : inspect_path(arena, parent, nearest);
}

/* Where it may be meant instead, as the end of a sentence. */
static const char *did_you_mean(struct arena *arena, const char *hint)
{
    return hint == NULL ? "" : arena_printf(arena, "; did you mean %s?", hint);
}

/* Of a directory that has no `marker`. */
static void fail_directory(
    struct arena *arena, const char *path, const char *marker, const char *what, struct diag *diag)
{
    bool table = strcmp(marker, "_delta_log") == 0;
    if (has(arena, path, table ? "offsets" : "_delta_log")) {
        (void)diag_fail(diag,
                        "USAGE",
                        "this is no %s but a %s: aftershock %s %s",
                        what,
                        table ? "checkpoint" : "Delta table",
                        table ? "checkpoint" : "table",
                        path);
        return;
    }
    (void)diag_fail(diag,
                    "USAGE",
                    "it has no %s, so it is no %s%s",
                    marker,
                    what,
                    did_you_mean(arena, find_marker(arena, path, marker)));
}

enum status
inspect_fail_marker(const char *path, const char *marker, const char *what, struct diag *diag)
{
    struct arena arena = {0};
    struct stat status;
    bool there = stat(path, &status) == 0;
    (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    if (there && S_ISDIR(status.st_mode)) {
        fail_directory(&arena, path, marker, what, diag);
    } else {
        (void)diag_fail(diag,
                        "USAGE",
                        "%s, expected the directory of a %s%s",
                        there ? "this is a file" : "there is nothing",
                        what,
                        did_you_mean(&arena, there ? NULL : find_nearest(&arena, path)));
    }
    arena_free(&arena);
    return ERR_FAILED;
}

/* ---- text ----------------------------------------------------------------------------------- */

void text_table_cell(struct text_table *table, const char *cell)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->cells = heap_realloc(table->cells, table->capacity * sizeof *table->cells);
    }
    table->cells[table->count++] = cell;
}

void text_table_line(struct text_table *table, const char *line)
{
    require(table->columns > 1);
    text_table_cell(table, line);
    while (table->count % table->columns != 0) {
        text_table_cell(table, NULL);
    }
}

static bool is_line(const struct text_table *table, size_t row)
{
    return table->cells[row * table->columns + 1] == NULL;
}

/* Characters, not bytes. */
static size_t width_of(const char *cell)
{
    size_t width = 0;
    for (; *cell != '\0'; cell++) {
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    }
    return width;
}

static void put_spaces(size_t count)
{
    for (; count > 0; count--) {
        (void)putchar(' ');
    }
}

static void put_row(const struct text_table *table, const size_t *widths, size_t row)
{
    const char *const *cells = table->cells + row * table->columns;
    if (is_line(table, row)) {
        cli_put(stdout, cells[0]);
        return;
    }
    size_t owed = 0; /* spaces before the next cell that is not empty: no line ends in one */
    for (size_t c = 0; c < table->columns; c++) {
        size_t width = width_of(cells[c]);
        bool right = (table->right >> c & 1) != 0;
        if (width > 0) {
            put_spaces(owed + (right ? widths[c] - width : 0));
            cli_put(stdout, cells[c]);
            owed = 0;
        }
        owed += (width > 0 && right ? 0 : widths[c] - width) + 2;
    }
}

void text_table_print(struct text_table *table, const char *indent)
{
    enum { COLUMNS_MAX = 32 };
    size_t widths[COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t width = is_line(table, i / table->columns) ? 0 : width_of(table->cells[i]);
        size_t c = i % table->columns;
        widths[c] = width > widths[c] ? width : widths[c];
    }
    for (size_t row = 0; row < table->count / table->columns; row++) {
        (void)fputs(indent, stdout);
        put_row(table, widths, row);
        (void)putchar('\n');
    }
    heap_free(table->cells);
    *table = (struct text_table){.columns = table->columns};
}

void inspect_say(const char *format, ...)
{
    struct arena arena = {0};
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_alloc(&arena, (size_t)size + 1);
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    /* cli_put takes the newline for a steering character. */
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        cli_put(stdout, line);
        if (end == NULL) {
            break;
        }
        (void)putchar('\n');
        line = end + 1;
    }
    arena_free(&arena);
}

void inspect_print_json(const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    require(text != NULL);
    (void)puts(text);
    heap_free(text);
}

const char *inspect_size(struct arena *arena, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    int64_t tenths = bytes < INT64_MAX / 10 ? bytes * 10 : bytes;
    while (tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]) {
        tenths /= 1024;
        unit++;
    }
    if (unit == 0) {
        return arena_printf(arena, "%lld B", (long long)bytes);
    }
    return arena_printf(
        arena, "%lld.%lld %s", (long long)(tenths / 10), (long long)(tenths % 10), units[unit]);
}

const char *inspect_time(struct arena *arena, int64_t time_ms)
{
    char text[40];
    if (time_ms < 0 || time_ms > INT64_MAX / US_PER_MS) {
        return "-";
    }
    timestamp_format(time_ms * US_PER_MS, 3, text);
    return arena_strdup(arena, text);
}

const char *inspect_members(struct arena *arena, json_t *object)
{
    struct buf out = {0};
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        json_t *value = json_object_iter_value(at);
        buf_printf(&out, "%s%s=", out.size == 0 ? "" : " ", json_object_iter_key(at));
        if (json_is_string(value)) {
            buf_text(&out, json_string_value(value));
        } else {
            char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
            buf_text(&out, text == NULL ? "?" : text);
            heap_free(text);
        }
    }
    const char *kept = out.size == 0 ? "" : arena_copy(arena, out.data, out.size);
    buf_free(&out);
    return kept;
}
