#include "engine/base/document_index.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/document.h"
#include "engine/base/hash.h"

/* Members and items are found by (parent, key) in one open-addressing table for the whole document,
 * so that a hostile file with a hundred thousand keys costs no square. */
struct document_index {
    struct bytes text;
    struct document_node *nodes;
    size_t count;
    size_t capacity;
    size_t *slots; /* node id, 0: empty (the root is never looked up) */
    size_t slot_mask;
    size_t again;
};

struct document_place document_place_of(struct bytes text, size_t offset)
{
    struct document_place place = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < text.size; i++) {
        if (text.data[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if ((text.data[i] & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* The offset behind a string that begins at `at`, its quotes included; never beyond the text. */
static size_t string_end(struct bytes text, size_t at)
{
    for (at++; at < text.size; at++) {
        if (text.data[at] == '\\') {
            at++;
        } else if (text.data[at] == '"') {
            return at + 1;
        }
    }
    return text.size;
}

struct document_shape document_shape_of(struct bytes text)
{
    struct document_shape shape = {.values_max = 1};
    size_t depth = 0;
    size_t at = 0;
    while (at < text.size) {
        uint8_t c = text.data[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        shape.values_max += c == ',' || c == '{' || c == '[';
        if (c == '{' || c == '[') {
            depth++;
            if (depth == DOCUMENT_DEPTH_MAX + 1 && shape.depth <= DOCUMENT_DEPTH_MAX) {
                shape.too_deep_offset = at;
            }
            shape.depth = depth > shape.depth ? depth : shape.depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
        at++;
    }
    return shape;
}

/* ---- decoding keys -------------------------------------------------------------------------- */

static uint32_t hex4(const uint8_t *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = digits[i];
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        value = value << 4 | (digit & 0xF);
    }
    return value;
}

static size_t utf8_put(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(uint8_t)(lead[length] | code);
    return length;
}

/* Two keys are equal when jansson thinks so: after their escapes are resolved. `out` holds end -
 * begin bytes, quotes included, which is never too few. */
static void decode_string(struct bytes text, size_t begin, size_t end, char *out)
{
    size_t length = 0;
    for (size_t at = begin + 1; at + 1 < end; at++) {
        if (text.data[at] != '\\') {
            out[length++] = (char)text.data[at];
            continue;
        }
        at++;
        uint8_t c = text.data[at];
        static const char from[] = "bfnrt";
        static const char to[] = "\b\f\n\r\t";
        const char *found = c == '\0' ? NULL : strchr(from, c);
        if (c == 'u' && at + 5 < end) {
            uint32_t code = hex4(text.data + at + 1);
            at += 4;
            if (code >= 0xD800 && code < 0xDC00 && at + 7 < end) {
                uint32_t low = hex4(text.data + at + 3);
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                at += 6;
            }
            length += utf8_put(out + length, code);
        } else {
            out[length] = (char)c;
            if (found != NULL) {
                out[length] = to[found - from];
            }
            length++;
        }
    }
    out[length] = '\0';
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool same_step(const struct document_node *a, const struct document_node *b)
{
    if (a->parent != b->parent || (a->key == NULL) != (b->key == NULL)) {
        return false;
    }
    return a->key == NULL ? a->item == b->item : strcmp(a->key, b->key) == 0;
}

static size_t *slot_of(const struct document_index *index, const struct document_node *step)
{
    uint64_t hash = step->key == NULL ? hash_mix64(step->item) : hash_text(step->key);
    size_t slot = (size_t)hash_chain(hash, step->parent) & index->slot_mask;
    while (index->slots[slot] != 0 && !same_step(&index->nodes[index->slots[slot]], step)) {
        slot = (slot + 1) & index->slot_mask;
    }
    return &index->slots[slot];
}

static size_t add_node(struct document_index *index, const struct document_node *node)
{
    require(index->count < index->capacity);
    size_t id = index->count++;
    index->nodes[id] = *node;
    if (id == 0) {
        return id;
    }
    size_t *slot = slot_of(index, node);
    if (*slot == 0) {
        *slot = id;
    } else if (index->again == 0) {
        index->again = id;
    }
    return id;
}

/* ---- the scanner ---------------------------------------------------------------------------- */

struct frame {
    size_t node;
    size_t items;
    bool object;
    const char *key; /* read, its value not yet */
    size_t key_offset;
};

struct scanner {
    struct arena *arena;
    struct document_index *index;
    struct frame frames[DOCUMENT_DEPTH_MAX + 1];
    size_t depth;
};

static size_t scan_value(struct scanner *scanner, size_t at)
{
    struct document_node node = {.value_offset = at, .key_offset = at};
    if (scanner->depth > 0) {
        struct frame *frame = &scanner->frames[scanner->depth - 1];
        node.parent = frame->node;
        if (frame->object) {
            node.key = frame->key;
            node.key_offset = frame->key_offset;
            frame->key = NULL;
        } else {
            node.item = frame->items++;
        }
    }
    return add_node(scanner->index, &node);
}

static bool ends_scalar(uint8_t c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Read one token at `at`; returns the offset behind it. */
static size_t scan_token(struct scanner *scanner, size_t at)
{
    struct bytes text = scanner->index->text;
    uint8_t c = text.data[at];
    if (c == '{' || c == '[') {
        size_t id = scan_value(scanner, at);
        require(scanner->depth < DOCUMENT_DEPTH_MAX);
        scanner->frames[scanner->depth++] = (struct frame){.node = id, .object = c == '{'};
        return at + 1;
    }
    if (c == '}' || c == ']') {
        require(scanner->depth > 0);
        scanner->depth--;
        return at + 1;
    }
    if (c == ',' || c == ':' || ends_scalar(c)) {
        return at + 1;
    }
    if (c == '"') {
        size_t end = string_end(text, at);
        struct frame *frame = scanner->depth > 0 ? &scanner->frames[scanner->depth - 1] : NULL;
        if (frame != NULL && frame->object && frame->key == NULL) {
            char *key = arena_alloc(scanner->arena, end - at);
            decode_string(text, at, end, key);
            frame->key = key;
            frame->key_offset = at;
        } else {
            (void)scan_value(scanner, at);
        }
        return end;
    }
    (void)scan_value(scanner, at);
    while (at < text.size && !ends_scalar(text.data[at])) {
        at++;
    }
    return at;
}

struct document_index *document_index_new(struct arena *arena,
                                          struct bytes text,
                                          const struct document_shape *shape,
                                          size_t *again)
{
    struct document_index *index = arena_alloc(arena, sizeof *index);
    size_t slots = 8;
    while (slots < 2 * shape->values_max) {
        slots *= 2;
    }
    *index = (struct document_index){
        .text = text,
        .nodes = arena_alloc(arena, shape->values_max * sizeof *index->nodes),
        .capacity = shape->values_max,
        .slots = arena_alloc(arena, slots * sizeof *index->slots),
        .slot_mask = slots - 1,
    };
    struct scanner *scanner = arena_alloc(arena, sizeof *scanner);
    scanner->arena = arena;
    scanner->index = index;
    for (size_t at = 0; at < text.size;) {
        at = scan_token(scanner, at);
    }
    require(scanner->depth == 0);
    require(index->count > 0);
    *again = index->again;
    return index;
}

const struct document_node *document_index_node(const struct document_index *index, size_t id)
{
    require(id < index->count);
    return &index->nodes[id];
}

struct bytes document_index_text(const struct document_index *index)
{
    return index->text;
}

size_t document_index_earlier(const struct document_index *index, size_t id)
{
    return *slot_of(index, document_index_node(index, id));
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* Read one step of a path: name, [2] or ["a.b"]. The step's key is written into `key`. Returns the
 * rest of the path, or NULL when it is no path. */
static const char *read_step(const char *path, struct document_node *step, char *key)
{
    size_t length = 0;
    step->key = key;
    if (path[0] != '[') {
        path += path[0] == '.';
        while (path[length] != '\0' && path[length] != '.' && path[length] != '[') {
            length++;
        }
        if (length >= DOCUMENT_PATH_SIZE) {
            return NULL;
        }
        memcpy(key, path, length);
        key[length] = '\0';
        return path + length;
    }
    path++;
    if (path[0] != '"') {
        step->key = NULL;
        step->item = 0;
        while (*path >= '0' && *path <= '9') {
            step->item = step->item * 10 + (size_t)(*path++ - '0');
        }
        return *path == ']' ? path + 1 : NULL;
    }
    struct bytes text = bytes_of_text(path);
    size_t end = string_end(text, 0);
    if (end >= text.size || text.data[end] != ']' || end >= DOCUMENT_PATH_SIZE) {
        return NULL;
    }
    decode_string(text, 0, end, key);
    return path + end + 1;
}

size_t document_index_find(const struct document_index *index, const char *path, bool *exact)
{
    char key[DOCUMENT_PATH_SIZE];
    size_t id = 0;
    while (*path != '\0') {
        struct document_node step = {.parent = id};
        path = read_step(path, &step, key);
        size_t next = path == NULL ? 0 : *slot_of(index, &step);
        if (next == 0) {
            *exact = false;
            return id;
        }
        id = next;
    }
    *exact = true;
    return id;
}

void document_index_path(const struct document_index *index, size_t id, char *out, size_t size)
{
    size_t chain[DOCUMENT_DEPTH_MAX + 1];
    size_t length = 0;
    for (; id != 0; id = index->nodes[id].parent) {
        require(length <= DOCUMENT_DEPTH_MAX);
        chain[length++] = id;
    }
    char path[DOCUMENT_PATH_SIZE] = "";
    while (length > 0) {
        const struct document_node *node = &index->nodes[chain[--length]];
        if (node->key != NULL) {
            document_path_member(path, node->key);
        } else {
            document_path_item(path, node->item);
        }
    }
    (void)snprintf(out, size, "%s", path);
}
