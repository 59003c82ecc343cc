#include "engine/real/feed_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/real/pacing.h"

static char path[64];

static void write_file(const void *content, size_t size)
{
    snprintf(path, sizeof path, "/tmp/feed-reader-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(sz, write(fd, content, size), size));
    cr_assert(eq(int, close(fd), 0));
}

Test(feed_reader, lines_as_they_stand)
{
    static const struct {
        const char *content;
        const char *lines[4];
    } cases[] = {
        {"a\nbc\n", {"a", "bc"}},
        {"a\nbc", {"a", "bc"}},
        {"\n", {""}},
        {"\n\nx\r\n", {"", "", "x\r"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].content, strlen(cases[i].content));
        struct feed_reader reader;
        struct diag diag = {0};
        struct bytes line;
        bool found = false;
        cr_assert(eq(int, feed_reader_open(&reader, path, &diag), OK));
        for (size_t k = 0; cases[i].lines[k] != NULL; k++) {
            cr_assert(eq(int, feed_reader_next(&reader, &line, &found, &diag), OK));
            cr_assert(found);
            cr_assert(bytes_equal_text(line, cases[i].lines[k]), "case %zu, line %zu", i, k);
            cr_assert(eq(i64, reader.lines, k + 1));
        }
        for (int again = 0; again < 2; again++) {
            cr_assert(eq(int, feed_reader_next(&reader, &line, &found, &diag), OK));
            cr_assert(not(found), "case %zu", i);
        }
        feed_reader_close(&reader);
        unlink(path);
    }
}

/* Lines of 0 to 999 bytes over several chunks, each byte known. */
Test(feed_reader, lines_across_chunks)
{
    struct buf content = {0};
    for (size_t i = 0; i < 3000; i++) {
        for (size_t k = 0; k < i % 1000; k++) {
            buf_byte(&content, (uint8_t)('a' + i % 26));
        }
        buf_byte(&content, '\n');
    }
    cr_assert(gt(sz, content.size, 1 << 20));
    write_file(content.data, content.size);
    struct feed_reader reader;
    struct diag diag = {0};
    cr_assert(eq(int, feed_reader_open(&reader, path, &diag), OK));
    bool found = true;
    size_t i = 0;
    for (;; i++) {
        struct bytes line;
        cr_assert(eq(int, feed_reader_next(&reader, &line, &found, &diag), OK));
        if (!found) {
            break;
        }
        cr_assert(eq(sz, line.size, i % 1000));
        for (size_t k = 0; k < line.size; k++) {
            cr_assert(eq(int, line.data[k], 'a' + (int)(i % 26)));
        }
    }
    cr_assert(eq(sz, i, 3000));
    feed_reader_close(&reader);
    unlink(path);
    buf_free(&content);
}

Test(feed_reader, the_longest_line_and_one_longer)
{
    for (size_t longer = 0; longer <= 1; longer++) {
        for (int newline = 0; newline <= 1; newline++) {
            struct buf content = {0};
            buf_text(&content, "first\n");
            memset(buf_extend(&content, PACING_VALUE_MAX + longer), 'x', PACING_VALUE_MAX + longer);
            buf_text(&content, newline ? "\nlast\n" : "");
            write_file(content.data, content.size);
            struct feed_reader reader;
            struct diag diag = {0};
            struct bytes line;
            bool found = false;
            cr_assert(eq(int, feed_reader_open(&reader, path, &diag), OK));
            cr_assert(eq(int, feed_reader_next(&reader, &line, &found, &diag), OK));
            enum status status = feed_reader_next(&reader, &line, &found, &diag);
            cr_assert(eq(int, status, longer ? ERR_FAILED : OK));
            cr_assert(eq(int, diag.line, longer ? 2 : 0));
            cr_assert(eq(str, diag.file, longer ? path : ""));
            feed_reader_close(&reader);
            unlink(path);
            buf_free(&content);
        }
    }
}

Test(feed_reader, what_cannot_be_fed)
{
    static const char *const says[] = {"No such file", "no regular file", "is empty"};
    write_file("", 0);
    const char *files[] = {"/nowhere/a.ndjson", "/tmp", path};
    for (size_t i = 0; i < 3; i++) {
        struct feed_reader reader;
        struct diag diag = {0};
        cr_assert(eq(int, feed_reader_open(&reader, files[i], &diag), ERR_FAILED));
        cr_assert(eq(str, diag.error_class, "FEED_FILE"));
        cr_assert(eq(str, diag.file, files[i]));
        cr_assert(ne(ptr, strstr(diag.text, says[i]), NULL), "%s", diag.text);
        feed_reader_close(&reader);
    }
    unlink(path);
}
