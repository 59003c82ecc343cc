#include "reports/text.h"

#include <string.h>

/* The size of the UTF-8 sequence at `text`, 1 to 4; 0 when there is none (overlong forms,
 * surrogates and what lies behind U+10FFFF are none). */
static size_t sequence_size(const uint8_t *text, size_t left)
{
    static const struct {
        uint8_t first_low;
        uint8_t first_high;
        uint8_t second_low;
        uint8_t second_high;
        uint8_t size;
    } forms[] = {/* Unicode 15, table 3-7 */
                 {0x00, 0x7f, 0, 0, 1},
                 {0xc2, 0xdf, 0x80, 0xbf, 2},
                 {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3},
                 {0xee, 0xef, 0x80, 0xbf, 3},
                 {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4},
                 {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high) {
            continue;
        }
        size_t size = forms[i].size;
        bool good =
            size <= left &&
            (size < 2 || (text[1] >= forms[i].second_low && text[1] <= forms[i].second_high));
        for (size_t k = 2; good && k < size; k++) {
            good = (text[k] & 0xc0) == 0x80;
        }
        return good ? size : 0;
    }
    return 0;
}

/* C0, DEL, C1 (U+0080 to U+009F), what turns the direction of text (U+202A to U+202E, U+2066 to
 * U+2069), and the two noncharacters that XML forbids. */
static bool is_control(const uint8_t *text, size_t size)
{
    return (size == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
           (size == 2 && text[0] == 0xc2 && text[1] < 0xa0) ||
           (size == 3 && text[0] == 0xe2 &&
            ((text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
             (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9))) ||
           (size == 3 && text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe);
}

/* Append one sequence or a '?', and say how many bytes were read. */
static size_t put_one(struct buf *out, const uint8_t *text, size_t left)
{
    size_t size = sequence_size(text, left);
    if (size == 0 || is_control(text, size)) {
        buf_byte(out, '?');
        return size == 0 ? 1 : size;
    }
    buf_append(out, text, size);
    return size;
}

void text_terminal(struct buf *out, struct bytes text)
{
    for (size_t at = 0; at < text.size;) {
        at += put_one(out, text.data + at, text.size - at);
    }
}

void text_xml(struct buf *out, const char *text)
{
    struct bytes all = bytes_of_text(text);
    for (size_t at = 0; at < all.size;) {
        switch (all.data[at]) {
        case '&':
            buf_text(out, "&amp;");
            at++;
            break;
        case '<':
            buf_text(out, "&lt;");
            at++;
            break;
        case '>':
            buf_text(out, "&gt;");
            at++;
            break;
        case '"':
            buf_text(out, "&quot;");
            at++;
            break;
        case '\'':
            buf_text(out, "&apos;");
            at++;
            break;
        case '\n':
            buf_byte(out, '\n');
            at++;
            break;
        default:
            at += put_one(out, all.data + at, all.size - at);
        }
    }
}

void text_csv(struct buf *out, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted) {
        buf_byte(out, '"');
    }
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            buf_byte(out, '"');
        }
        buf_byte(out, (uint8_t)*text);
    }
    if (quoted) {
        buf_byte(out, '"');
    }
}

static bool is_plain(char c, const char *others)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

void text_plot(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buf_byte(out, is_plain(*text, " ._:@-") ? (uint8_t)*text : '?');
    }
}

void text_shell(struct buf *out, const char *text)
{
    bool plain = *text != '\0';
    for (const char *c = text; *c != '\0'; c++) {
        plain = plain && is_plain(*c, "._/-+=,:@");
    }
    if (plain) {
        buf_text(out, text);
        return;
    }
    buf_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_text(out, "'\\''");
        } else {
            buf_byte(out, (uint8_t)*text);
        }
    }
    buf_byte(out, '\'');
}
