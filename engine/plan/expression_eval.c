/* The walk over an expression's nodes, block by block of rows: small enough to stay in the cache,
 * large enough to pay the dispatch once for many rows. */
#include "engine/plan/expression_eval.h"

#include "engine/base/check.h"

enum { BLOCK_ROWS = 1024 };

/* The rows of `column` from `start` on. */
static struct column slice(const struct column *column, size_t start)
{
    struct column part = *column;
    part.present += start;
    switch (column->type) {
    case TYPE_BOOLEAN:
        part.values.booleans += start;
        break;
    case TYPE_INT:
        part.values.ints += start;
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        part.values.longs += start;
        break;
    case TYPE_DOUBLE:
        part.values.doubles += start;
        break;
    case TYPE_STRING:
        part.values.strings += start;
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
    return part;
}

static void copy_rows(struct column *to, const struct column *from, size_t rows)
{
    require(to->type == from->type);
    memcpy(to->present, from->present, rows);
    memcpy(to->values.longs, from->values.longs, rows * column_value_size(to->type));
}

static void fill_literal(struct column *column, const struct node *node, size_t rows)
{
    memset(column->present, node->is_null ? STATE_NULL : STATE_VALUE, rows);
    for (size_t i = 0; i < rows && !node->is_null; i++) {
        switch (node->type) {
        case TYPE_BOOLEAN:
            column->values.booleans[i] = node->value.boolean;
            break;
        case TYPE_INT:
            column->values.ints[i] = node->value.integer;
            break;
        case TYPE_LONG:
        case TYPE_TIMESTAMP:
            column->values.longs[i] = node->value.number;
            break;
        case TYPE_DOUBLE:
            column->values.doubles[i] = node->value.real;
            break;
        case TYPE_STRING:
            column->values.strings[i] = node->value.string;
            break;
        case TYPE_COUNT:
            require(node->type < TYPE_COUNT);
        }
    }
}

/* One column a node, with room for a block; those of source columns point into the input later. */
static struct column *
registers_new(const struct expression *expression, struct arena *arena, size_t rows)
{
    struct column *registers = arena_alloc(arena, expression->count * sizeof *registers);
    for (size_t i = 0; i < expression->count; i++) {
        const struct node *node = &expression->nodes[i];
        struct column *column = &registers[i];
        column->type = node->type;
        if (node->kind == NODE_COLUMN) {
            continue;
        }
        column->present = arena_alloc(arena, rows);
        column->values.longs = arena_alloc(arena, rows * column_value_size(node->type));
        if (node->kind == NODE_LITERAL) {
            fill_literal(column, node, rows);
        }
    }
    return registers;
}

static void evaluate_block(const struct expression *expression,
                           struct column *registers,
                           const struct columns *input,
                           size_t start,
                           size_t rows)
{
    for (size_t i = 0; i < expression->count; i++) {
        const struct node *node = &expression->nodes[i];
        if (node->kind == NODE_COLUMN) {
            require(node->field < input->schema->count);
            registers[i] = slice(&input->columns[node->field], start);
            require(registers[i].type == node->type);
        } else if (node->kind != NODE_LITERAL) {
            struct operands operands = {.left = &registers[node->left],
                                        .right = &registers[node->right],
                                        .out = &registers[i],
                                        .rows = rows};
            evaluate_operator(node->kind, &operands);
        }
    }
}

/* The first row that failed, if any, as Spark names it. */
static enum status check_states(const struct expression *expression,
                                const struct column *root,
                                size_t rows,
                                struct diag *diag)
{
    for (size_t i = 0; i < rows; i++) {
        if (root->present[i] == STATE_DIVIDE_BY_ZERO) {
            return diag_fail(
                diag,
                "DIVIDE_BY_ZERO",
                "division by zero in \"%.200s\"; test the divisor first: x <> 0 and ...",
                expression->text);
        }
        if (root->present[i] > STATE_VALUE) {
            return diag_fail(diag,
                             "ARITHMETIC_OVERFLOW",
                             "%s overflow in \"%.200s\"",
                             root->present[i] == STATE_INT_OVERFLOW ? "integer" : "long",
                             expression->text);
        }
    }
    return OK;
}

enum status expression_evaluate(const struct expression *expression,
                                struct arena *arena,
                                const struct columns *input,
                                struct column *result,
                                struct diag *diag)
{
    require(result->type == expression->type);
    size_t block = input->rows < BLOCK_ROWS ? input->rows : BLOCK_ROWS;
    struct column *registers = registers_new(expression, arena, block);
    const struct column *root = &registers[expression->count - 1];
    for (size_t start = 0; start < input->rows; start += block) {
        size_t left = input->rows - start;
        size_t rows = left < block ? left : block;
        evaluate_block(expression, registers, input, start, rows);
        TRY(check_states(expression, root, rows, diag));
        struct column part = slice(result, start);
        copy_rows(&part, root, rows);
    }
    return OK;
}
