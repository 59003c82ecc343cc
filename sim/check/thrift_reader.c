#include "sim/check/thrift_reader.h"

enum { NESTING_MAX = 32 };

static bool fail(struct cursor *cursor)
{
    cursor->failed = true;
    return false;
}

bool compact_next(struct compact_fields *fields)
{
    struct cursor *cursor = fields->cursor;
    uint8_t head = cursor_byte(cursor);
    if (cursor->failed || head == COMPACT_STOP) {
        return false;
    }
    fields->type = head & 0x0f;
    int64_t id = fields->id + (head >> 4);
    if (head >> 4 == 0) {
        id = cursor_zigzag(cursor);
    }
    if (cursor->failed || id < 0 || id > INT16_MAX || fields->type == COMPACT_STOP ||
        fields->type > COMPACT_STRUCT) {
        return fail(cursor);
    }
    fields->id = (int16_t)id;
    return true;
}

/* What is open while something is skipped: `left` values of `type` (and, in a map, of `other` in
 * turn), or a struct (left is not counted). */
struct open_value {
    int type;
    int other;
    uint64_t left;
};

static void skip_scalar(struct cursor *cursor, int type, bool in_container)
{
    if (type == COMPACT_I8 || ((type == COMPACT_TRUE || type == COMPACT_FALSE) && in_container)) {
        cursor_byte(cursor);
    } else if (type == COMPACT_I16 || type == COMPACT_I32 || type == COMPACT_I64) {
        cursor_varint(cursor);
    } else if (type == COMPACT_DOUBLE) {
        cursor_le64(cursor);
    } else if (type == COMPACT_BINARY) {
        cursor_take(cursor, cursor_varint(cursor));
    } else if (type != COMPACT_TRUE && type != COMPACT_FALSE) {
        cursor->failed = true;
    }
}

/* The head of a list, set or map: what it holds and how many values. */
static struct open_value open_container(struct cursor *cursor, int type)
{
    struct open_value open = {.type = COMPACT_STOP};
    if (type == COMPACT_MAP) {
        uint64_t count = cursor_varint(cursor);
        uint8_t types = count == 0 ? 0 : cursor_byte(cursor);
        open = (struct open_value){types >> 4, types & 0x0f, count * 2};
        if (count > cursor_left(cursor)) {
            cursor->failed = true;
        }
        return open;
    }
    uint8_t head = cursor_byte(cursor);
    open.type = head & 0x0f;
    open.other = open.type;
    open.left = head >> 4;
    if (open.left == 15) {
        open.left = cursor_varint(cursor);
    }
    if (open.left > cursor_left(cursor)) { /* each element takes a byte at least */
        cursor->failed = true;
    }
    return open;
}

enum { CONTAINER = 0x100 }; /* told from a struct, whose fields are walked */

/* The next value to skip: an element or a field of the innermost that has one; what has none is
 * closed. False: nothing is open any more. */
static bool next_open(struct cursor *cursor, struct open_value *stack, size_t *depth, int *type)
{
    while (*depth > 0 && !cursor->failed) {
        struct open_value *open = &stack[*depth - 1];
        struct compact_fields fields = {.cursor = cursor};
        if ((open->type & CONTAINER) == 0 && compact_next(&fields)) {
            *type = fields.type;
            return true;
        }
        if ((open->type & CONTAINER) != 0 && open->left > 0) {
            bool is_key = (open->left & 1) == 0;
            open->left--;
            *type = is_key ? open->type & 0xff : open->other;
            return true;
        }
        (*depth)--;
    }
    return false;
}

void compact_skip(struct cursor *cursor, int type)
{
    struct open_value stack[NESTING_MAX];
    size_t depth = 0;
    do {
        bool element = depth > 0 && (stack[depth - 1].type & CONTAINER) != 0;
        if (cursor->failed || depth == NESTING_MAX) {
            cursor->failed = true;
        } else if (type == COMPACT_STRUCT) {
            stack[depth++] = (struct open_value){.type = COMPACT_STRUCT};
        } else if (type == COMPACT_LIST || type == COMPACT_SET || type == COMPACT_MAP) {
            stack[depth] = open_container(cursor, type);
            stack[depth++].type |= CONTAINER;
        } else {
            skip_scalar(cursor, type, element);
        }
    } while (next_open(cursor, stack, &depth, &type));
}

int64_t compact_integer(struct compact_fields *fields)
{
    if (fields->type == COMPACT_I8) {
        return (int8_t)cursor_byte(fields->cursor);
    }
    if (fields->type < COMPACT_I16 || fields->type > COMPACT_I64) {
        fail(fields->cursor);
        return 0;
    }
    return cursor_zigzag(fields->cursor);
}

struct bytes compact_binary(struct compact_fields *fields)
{
    if (fields->type != COMPACT_BINARY) {
        fail(fields->cursor);
        return bytes_of(NULL, 0);
    }
    return cursor_take(fields->cursor, cursor_varint(fields->cursor));
}

size_t compact_list(struct compact_fields *fields, int element)
{
    if (fields->type != COMPACT_LIST) {
        fail(fields->cursor);
        return 0;
    }
    struct open_value open = open_container(fields->cursor, COMPACT_LIST);
    if (fields->cursor->failed || (open.type != element && open.left > 0)) {
        fail(fields->cursor);
        return 0;
    }
    return (size_t)open.left;
}
