#include "engine/real/checkpoint_ends.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/checkpoint/metadata_log.h"
#include "engine/source/initial_offsets.h"

/* The id that a log's file name stands for, or -1 (as metadata_log_list). */
static int64_t id_of(const char *name)
{
    char *end = NULL;
    bool digits = name[0] >= '0' && name[0] <= '9' && (name[0] != '0' || name[1] == '\0');
    errno = 0;
    long long id = digits ? strtoll(name, &end, 10) : -1;
    return digits && errno == 0 && *end == '\0' ? (int64_t)id : -1;
}

/* The highest id in a log, or -1. */
static int64_t newest(const char *directory)
{
    int64_t id = -1;
    DIR *open = opendir(directory);
    const struct dirent *entry = NULL;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        int64_t of = id_of(entry->d_name);
        id = of > id ? of : id;
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return id;
}

static bool read_whole(struct arena *arena, const char *path, struct bytes *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    bool whole = false;
    if (fd >= 0 && fstat(fd, &stat) == 0) {
        uint8_t *data = arena_alloc(arena, (size_t)stat.st_size + 1);
        ssize_t got = read(fd, data, (size_t)stat.st_size);
        *content = bytes_of(data, (size_t)stat.st_size);
        whole = got == stat.st_size; /* written once, visible whole: one read has it all */
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return whole;
}

static bool keep(const char *topic, const struct offsets *found, struct offsets *offsets)
{
    bool same = found->topic != NULL && strcmp(found->topic, topic) == 0;
    if (same) {
        *offsets = *found;
    }
    return same;
}

static bool planned_by(struct arena *arena,
                       const char *checkpoint,
                       int64_t batch,
                       const char *topic,
                       struct offsets *offsets)
{
    const char *path = arena_printf(arena, "%s/offsets/%lld", checkpoint, (long long)batch);
    struct bytes content;
    struct offset_log_entry entry;
    struct offsets found = {0};
    struct diag ignored = {0};
    return read_whole(arena, path, &content) &&
           offset_log_decode(arena, path, content, &entry, &ignored) == OK &&
           offsets_parse(arena, bytes_of_text(entry.sources), &found, &ignored) == OK &&
           keep(topic, &found, offsets);
}

static void
began_at(struct arena *arena, const char *checkpoint, const char *topic, struct offsets *offsets)
{
    const char *path = arena_printf(arena, "%s/sources/0/0", checkpoint);
    struct bytes content;
    struct offsets found = {0};
    struct diag ignored = {0};
    if (read_whole(arena, path, &content) &&
        initial_offsets_decode(arena, path, content, &found, &ignored) == OK) {
        (void)keep(topic, &found, offsets);
    }
}

void checkpoint_ends_read(struct arena *arena,
                          const char *checkpoint,
                          const char *topic,
                          struct checkpoint_ends *ends)
{
    *ends = (struct checkpoint_ends){0};
    int64_t committed = newest(arena_printf(arena, "%s/commits", checkpoint));
    int64_t planned = newest(arena_printf(arena, "%s/offsets", checkpoint));
    if (planned >= 0) {
        (void)planned_by(arena, checkpoint, planned, topic, &ends->planned);
    }
    if (committed < 0 || !planned_by(arena, checkpoint, committed, topic, &ends->consumed)) {
        began_at(arena, checkpoint, topic, &ends->consumed);
    }
}
