#include "engine/sink/thrift.h"

#include "engine/base/check.h"

struct thrift thrift_begin(struct buf *out)
{
    return (struct thrift){.out = out, .depth = 1};
}

static void open_struct(struct thrift *thrift)
{
    require(thrift->depth < THRIFT_DEPTH_MAX);
    thrift->last_id[thrift->depth++] = 0;
}

void thrift_end(struct thrift *thrift)
{
    require(thrift->depth > 0);
    thrift->depth--;
    buf_byte(thrift->out, 0);
}

static void field(struct thrift *thrift, int16_t id, enum thrift_type type)
{
    require(thrift->depth > 0);
    int16_t *last = &thrift->last_id[thrift->depth - 1];
    require(id > *last);
    int delta = id - *last;
    if (delta <= 15) {
        buf_byte(thrift->out, (uint8_t)(delta << 4 | (int)type));
    } else {
        buf_byte(thrift->out, (uint8_t)type);
        buf_zigzag(thrift->out, id);
    }
    *last = id;
}

static void binary(struct thrift *thrift, struct bytes value)
{
    buf_varint(thrift->out, value.size);
    buf_append(thrift->out, value.data, value.size);
}

void thrift_bool(struct thrift *thrift, int16_t id, bool value)
{
    field(thrift, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_i32(struct thrift *thrift, int16_t id, int32_t value)
{
    field(thrift, id, THRIFT_I32);
    buf_zigzag(thrift->out, value);
}

void thrift_i64(struct thrift *thrift, int16_t id, int64_t value)
{
    field(thrift, id, THRIFT_I64);
    buf_zigzag(thrift->out, value);
}

void thrift_binary(struct thrift *thrift, int16_t id, struct bytes value)
{
    field(thrift, id, THRIFT_BINARY);
    binary(thrift, value);
}

void thrift_text(struct thrift *thrift, int16_t id, const char *value)
{
    thrift_binary(thrift, id, bytes_of_text(value));
}

void thrift_struct(struct thrift *thrift, int16_t id)
{
    field(thrift, id, THRIFT_STRUCT);
    open_struct(thrift);
}

void thrift_empty_struct(struct thrift *thrift, int16_t id)
{
    thrift_struct(thrift, id);
    thrift_end(thrift);
}

void thrift_list(struct thrift *thrift, int16_t id, enum thrift_type element, size_t count)
{
    field(thrift, id, THRIFT_LIST);
    if (count < 15) {
        buf_byte(thrift->out, (uint8_t)(count << 4 | (size_t)element));
    } else {
        buf_byte(thrift->out, (uint8_t)(0xf0 | (int)element));
        buf_varint(thrift->out, count);
    }
}

void thrift_element_struct(struct thrift *thrift)
{
    open_struct(thrift);
}

void thrift_element_i32(struct thrift *thrift, int32_t value)
{
    buf_zigzag(thrift->out, value);
}

void thrift_element_text(struct thrift *thrift, const char *value)
{
    binary(thrift, bytes_of_text(value));
}
