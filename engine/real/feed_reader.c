#include "engine/real/feed_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/real/pacing.h"

enum { CHUNK_SIZE = 256 << 10 };

static enum status
fail_at(const struct feed_reader *reader, int64_t line, struct diag *diag, const char *text)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", reader->file);
        diag->line = (int)line;
    }
    return diag_fail(diag, "FEED_FILE", "%s", text);
}

enum status feed_reader_open(struct feed_reader *reader, const char *file, struct diag *diag)
{
    *reader = (struct feed_reader){.file = file, .fd = open(file, O_RDONLY | O_CLOEXEC)};
    struct stat stat;
    if (reader->fd < 0 || fstat(reader->fd, &stat) != 0) {
        char text[256];
        (void)snprintf(text, sizeof text, "cannot be read: %s", strerror(errno));
        return fail_at(reader, 0, diag, text);
    }
    if (!S_ISREG(stat.st_mode)) {
        return fail_at(reader,
                       0,
                       diag,
                       "is no regular file, expected one: a restart reads it from the beginning");
    }
    if (stat.st_size == 0) {
        return fail_at(reader, 0, diag, "is empty, expected one record value a line");
    }
    return OK;
}

void feed_reader_close(struct feed_reader *reader)
{
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    reader->fd = -1;
    buf_free(&reader->buf);
}

/* Read one more chunk behind what is there. */
static enum status fill(struct feed_reader *reader, struct diag *diag)
{
    size_t left = reader->buf.size - reader->at;
    if (reader->at > 0) {
        memmove(reader->buf.data, reader->buf.data + reader->at, left);
        reader->buf.size = left;
        reader->at = 0;
    }
    uint8_t *room = buf_extend(&reader->buf, CHUNK_SIZE);
    ssize_t got = -1;
    do {
        got = read(reader->fd, room, CHUNK_SIZE);
    } while (got < 0 && errno == EINTR);
    reader->buf.size = left + (got > 0 ? (size_t)got : 0);
    reader->ended = got == 0;
    if (got < 0) {
        char text[256];
        (void)snprintf(text, sizeof text, "cannot be read: %s", strerror(errno));
        return fail_at(reader, reader->lines + 1, diag, text);
    }
    return OK;
}

enum status
feed_reader_next(struct feed_reader *reader, struct bytes *line, bool *found, struct diag *diag)
{
    size_t searched = 0;
    const uint8_t *newline = NULL;
    for (;;) {
        size_t left = reader->buf.size - reader->at;
        if (left > searched) {
            newline = memchr(reader->buf.data + reader->at + searched, '\n', left - searched);
        }
        searched = left;
        if (newline != NULL || reader->ended || left > PACING_VALUE_MAX) {
            break;
        }
        TRY(fill(reader, diag));
    }
    *found = searched > 0;
    if (!*found) {
        return OK;
    }
    const uint8_t *start = reader->buf.data + reader->at;
    *line = bytes_of(start, newline == NULL ? searched : (size_t)(newline - start));
    if (line->size > PACING_VALUE_MAX) {
        return fail_at(reader,
                       reader->lines + 1,
                       diag,
                       "the line is longer than a Kafka record may be, expected less than 1 MB");
    }
    reader->at += line->size + (newline != NULL);
    reader->lines++;
    return OK;
}
