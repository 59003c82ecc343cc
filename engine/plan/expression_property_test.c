/* Random expressions over random rows: the compiled form against a slow one that walks the tree a
 * row at a time and evaluates an operand only when Spark would. The text that is compiled has no
 * more parentheses than the tree needs (and sometimes a few more), so that precedence and
 * associativity are under test too. Seeded: the same expressions on every run. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/plan/expression.h"

enum { EXPRESSIONS = 4000, ROWS = 64, TREE_MAX = 64 };

static const struct field fields[] = {{"i1", TYPE_INT},
                                      {"i2", TYPE_INT},
                                      {"l1", TYPE_LONG},
                                      {"l2", TYPE_LONG},
                                      {"d1", TYPE_DOUBLE},
                                      {"d2", TYPE_DOUBLE},
                                      {"s1", TYPE_STRING},
                                      {"s2", TYPE_STRING},
                                      {"b1", TYPE_BOOLEAN},
                                      {"b2", TYPE_BOOLEAN}};
enum { FIELDS = sizeof fields / sizeof fields[0] };
static const struct schema schema = {fields, FIELDS};

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state = hash_mix64(state);
    return state % below;
}

/* ---- trees ---------------------------------------------------------------------------------- */

enum sort { LEAF_COLUMN, LEAF_LITERAL, BINARY, NEGATION, NOT, IS_NULL, IS_NOT_NULL };

struct tree {
    enum sort sort;
    const char *symbol; /* of BINARY; the text of a literal */
    int precedence;     /* 1 or, 2 and, 3 not, 4 comparison, 5 +, 6 *, 7 minus, 8 a leaf */
    size_t column;
    enum type type;
    int left;
    int right;
};

static struct tree trees[TREE_MAX];
static int tree_count;

static int tree_new(struct tree tree)
{
    cr_assert(lt(int, tree_count, TREE_MAX));
    trees[tree_count] = tree;
    return tree_count++;
}

static int leaf(enum type type)
{
    static const char *const ints[] = {"0", "1", "-1", "7", "2147483647", "-2147483648"};
    static const char *const longs[] = {"0L", "3L", "-5L", "9223372036854775807"};
    static const char *const doubles[] = {"0.0", "-0.0", "1.5", "-2.25", "1e300"};
    static const char *const strings[] = {"''", "'a'", "'ab'", "'b'"};
    static const char *const booleans[] = {"true", "false"};
    if (draw(4) != 0) {
        size_t column = draw(FIELDS);
        while (fields[column].type != type) {
            column = (column + 1) % FIELDS;
        }
        return tree_new(
            (struct tree){.sort = LEAF_COLUMN, .precedence = 8, .column = column, .type = type});
    }
    const char *text = type == TYPE_INT      ? ints[draw(6)]
                       : type == TYPE_LONG   ? longs[draw(4)]
                       : type == TYPE_DOUBLE ? doubles[draw(5)]
                       : type == TYPE_STRING ? strings[draw(4)]
                                             : booleans[draw(2)];
    return tree_new(
        (struct tree){.sort = LEAF_LITERAL, .symbol = text, .precedence = 8, .type = type});
}

static enum type number_type(void)
{
    return (enum type)(TYPE_INT + draw(3));
}

static int grow(enum type type, int depth);

static int binary(
    const char *symbol, int precedence, enum type type, enum type left, enum type right, int depth)
{
    int a = grow(left, depth - 1);
    int b = grow(right, depth - 1);
    return tree_new((struct tree){.sort = BINARY,
                                  .symbol = symbol,
                                  .precedence = precedence,
                                  .type = type,
                                  .left = a,
                                  .right = b});
}

static int unary(enum sort sort, int precedence, enum type type, enum type operand, int depth)
{
    int a = grow(operand, depth - 1);
    return tree_new((struct tree){.sort = sort, .precedence = precedence, .type = type, .left = a});
}

static int grow_number(enum type type, int depth)
{
    static const char *const symbols[] = {"+", "-", "*", "%", "/"};
    uint64_t kind = draw(6);
    if (kind == 5) {
        return unary(NEGATION, 7, type, type, depth);
    }
    /* One operand has the type, the other that or a narrower one; % of doubles stands elsewhere. */
    if (type == TYPE_DOUBLE) {
        kind = kind == 3 ? 4 : kind;
    } else if (kind == 4) {
        kind = 3;
    }
    enum type other = (enum type)(TYPE_INT + draw((uint64_t)(type - TYPE_INT) + 1));
    bool first = draw(2) == 0;
    int precedence = kind < 2 ? 5 : 6;
    enum type left = first ? type : other;
    enum type right = first ? other : type;
    return binary(symbols[kind], precedence, type, left, right, depth);
}

static int grow_boolean(int depth)
{
    static const char *const symbols[] = {"=", "<>", "<", "<=", ">", ">=", "<=>"};
    enum type numbers = number_type();
    switch (draw(7)) {
    case 0:
        return binary("and", 2, TYPE_BOOLEAN, TYPE_BOOLEAN, TYPE_BOOLEAN, depth);
    case 1:
        return binary("or", 1, TYPE_BOOLEAN, TYPE_BOOLEAN, TYPE_BOOLEAN, depth);
    case 2:
        return unary(NOT, 3, TYPE_BOOLEAN, TYPE_BOOLEAN, depth);
    case 3:
        return unary(
            draw(2) == 0 ? IS_NULL : IS_NOT_NULL, 4, TYPE_BOOLEAN, (enum type)draw(5), depth);
    case 4:
        return binary(symbols[draw(7)], 4, TYPE_BOOLEAN, TYPE_STRING, TYPE_STRING, depth);
    case 5:
        return binary(symbols[draw(7)], 4, TYPE_BOOLEAN, TYPE_BOOLEAN, TYPE_BOOLEAN, depth);
    default:
        return binary(symbols[draw(7)], 4, TYPE_BOOLEAN, numbers, number_type(), depth);
    }
}

static int grow(enum type type, int depth)
{
    if (depth == 0 || draw(5) == 0 || type == TYPE_STRING) {
        return leaf(type);
    }
    return type == TYPE_BOOLEAN ? grow_boolean(depth) : grow_number(type, depth);
}

/* The text of a tree. `least`: what binds less tightly needs parentheses. A predicate (is null)
 * cannot be an operand of anything but and, or, not. */
static void print(struct buf *out, int index, int least)
{
    const struct tree *tree = &trees[index];
    bool predicate = tree->sort == IS_NULL || tree->sort == IS_NOT_NULL;
    bool open = tree->precedence < least || (predicate && least >= 4) || draw(12) == 0;
    buf_text(out, open ? "(" : "");
    switch (tree->sort) {
    case LEAF_COLUMN:
        buf_text(out, fields[tree->column].name);
        break;
    case LEAF_LITERAL:
        buf_text(out, tree->symbol);
        break;
    case BINARY:
        print(out, tree->left, tree->precedence);
        buf_printf(out, " %s ", tree->symbol);
        print(out, tree->right, tree->precedence + 1);
        break;
    case NEGATION: /* "- -1" would be read as the literal 1 negated twice, which overflows elsewhere
                    */
        buf_text(out, "- (");
        print(out, tree->left, 0);
        buf_text(out, ")");
        break;
    case NOT:
        buf_text(out, "not ");
        print(out, tree->left, 3);
        break;
    case IS_NULL:
    case IS_NOT_NULL:
        print(out, tree->left, 4);
        buf_text(out, tree->sort == IS_NULL ? " is null" : " is not null");
        break;
    }
    buf_text(out, open ? ")" : "");
}

/* ---- the slow evaluator --------------------------------------------------------------------- */

struct value {
    const char *error; /* NULL: none */
    bool null;
    int64_t integer; /* also booleans */
    double real;
    struct bytes string;
};

static const struct value null_value = {.null = true};

static struct value read_cell(const struct columns *rows, size_t column, size_t row)
{
    const struct column *cells = &rows->columns[column];
    struct value value = {.null = !cells->present[row]};
    if (cells->type == TYPE_BOOLEAN) {
        value.integer = cells->values.booleans[row];
    } else if (cells->type == TYPE_INT) {
        value.integer = cells->values.ints[row];
    } else if (cells->type == TYPE_LONG) {
        value.integer = cells->values.longs[row];
    } else if (cells->type == TYPE_DOUBLE) {
        value.real = cells->values.doubles[row];
    } else {
        value.string = cells->values.strings[row];
    }
    return value;
}

static struct value read_literal(const struct tree *tree)
{
    struct value value = {0};
    long long integer = 0;
    if (tree->type == TYPE_BOOLEAN) {
        value.integer = strcmp(tree->symbol, "true") == 0;
    } else if (tree->type == TYPE_STRING) {
        value.string = bytes_of(tree->symbol + 1, strlen(tree->symbol) - 2);
    } else if (tree->type == TYPE_DOUBLE) {
        (void)sscanf(tree->symbol, "%lf", &value.real);
    } else {
        (void)sscanf(tree->symbol, "%lld", &integer);
        value.integer = integer;
    }
    return value;
}

static double as_double(enum type type, struct value value)
{
    return type == TYPE_DOUBLE ? value.real : (double)value.integer;
}

static int
compare(const struct tree *left, const struct tree *right, struct value a, struct value b)
{
    if (left->type == TYPE_STRING) {
        return bytes_compare(a.string, b.string);
    }
    if (left->type != TYPE_DOUBLE && right->type != TYPE_DOUBLE) {
        return a.integer < b.integer ? -1 : a.integer > b.integer;
    }
    double x = as_double(left->type, a);
    double y = as_double(right->type, b);
    if (isnan(x) || isnan(y)) {
        return isnan(x) && isnan(y) ? 0 : isnan(x) ? 1 : -1;
    }
    return x < y ? -1 : x > y;
}

static bool holds(const char *symbol, int order)
{
    bool less = strchr(symbol, '<') != NULL && order < 0;
    bool greater = strchr(symbol, '>') != NULL && order > 0;
    bool equal = strchr(symbol, '=') != NULL && order == 0;
    return strcmp(symbol, "<=>") == 0 ? order == 0 : less || greater || equal;
}

__extension__ typedef __int128 wide;

static struct value arithmetic(const struct tree *tree, struct value a, struct value b)
{
    struct value result = {0};
    char symbol = tree->symbol[0];
    if (tree->type == TYPE_DOUBLE) {
        double x = as_double(trees[tree->left].type, a);
        double y = as_double(trees[tree->right].type, b);
        if (symbol == '/' && y == 0) {
            return (struct value){.error = "DIVIDE_BY_ZERO"};
        }
        result.real = symbol == '+' ? x + y : symbol == '-' ? x - y : symbol == '*' ? x * y : x / y;
        return result;
    }
    if (symbol == '%' && b.integer == 0) {
        return (struct value){.error = "DIVIDE_BY_ZERO"};
    }
    wide x = a.integer;
    wide y = b.integer;
    wide exact = symbol == '+' ? x + y : symbol == '-' ? x - y : symbol == '*' ? x * y : x % y;
    wide limit = tree->type == TYPE_INT ? INT32_MAX : INT64_MAX;
    if (exact > limit || exact < -limit - 1) {
        return (struct value){.error = "ARITHMETIC_OVERFLOW"};
    }
    result.integer = (int64_t)exact;
    return result;
}

static struct value evaluate(const struct columns *rows, size_t row, int index);

/* and, or: the right operand only when the left one leaves the result open. */
static struct value logic(const struct columns *rows, size_t row, const struct tree *tree)
{
    bool decides = strcmp(tree->symbol, "or") == 0;
    struct value a = evaluate(rows, row, tree->left);
    if (a.error != NULL || (!a.null && (a.integer != 0) == decides)) {
        return a;
    }
    struct value b = evaluate(rows, row, tree->right);
    if (b.error != NULL || (!b.null && (b.integer != 0) == decides)) {
        return b;
    }
    return a.null || b.null ? null_value : b;
}

static struct value two(const struct columns *rows, size_t row, const struct tree *tree)
{
    char symbol = tree->symbol[0];
    if (symbol == 'a' || symbol == 'o') {
        return logic(rows, row, tree);
    }
    bool right_first = symbol == '/' || symbol == '%';
    bool null_safe = strcmp(tree->symbol, "<=>") == 0;
    struct value first = evaluate(rows, row, right_first ? tree->right : tree->left);
    if (first.error != NULL || (first.null && !null_safe)) {
        return first.error != NULL ? first : null_value;
    }
    struct value second = evaluate(rows, row, right_first ? tree->left : tree->right);
    if (second.error != NULL || (second.null && !null_safe)) {
        return second.error != NULL ? second : null_value;
    }
    if (null_safe && (first.null || second.null)) {
        return (struct value){.integer = first.null && second.null};
    }
    struct value a = right_first ? second : first;
    struct value b = right_first ? first : second;
    if (tree->precedence == 4) {
        int order = compare(&trees[tree->left], &trees[tree->right], a, b);
        return (struct value){.integer = holds(tree->symbol, order)};
    }
    return arithmetic(tree, a, b);
}

static struct value evaluate(const struct columns *rows, size_t row, int index)
{
    const struct tree *tree = &trees[index];
    if (tree->sort == LEAF_COLUMN) {
        return read_cell(rows, tree->column, row);
    }
    if (tree->sort == LEAF_LITERAL) {
        return read_literal(tree);
    }
    if (tree->sort == BINARY) {
        return two(rows, row, tree);
    }
    struct value operand = evaluate(rows, row, tree->left);
    if (operand.error != NULL) {
        return operand;
    }
    if (tree->sort == IS_NULL || tree->sort == IS_NOT_NULL) {
        return (struct value){.integer = operand.null == (tree->sort == IS_NULL)};
    }
    if (operand.null) {
        return null_value;
    }
    if (tree->sort == NOT) {
        return (struct value){.integer = operand.integer == 0};
    }
    int64_t least = tree->type == TYPE_INT ? INT32_MIN : INT64_MIN;
    if (tree->type != TYPE_DOUBLE && operand.integer == least) {
        return (struct value){.error = "ARITHMETIC_OVERFLOW"};
    }
    return tree->type == TYPE_DOUBLE ? (struct value){.real = -operand.real}
                                     : (struct value){.integer = -operand.integer};
}

/* ---- the comparison ------------------------------------------------------------------------- */

static void fill(struct columns *rows)
{
    static const int32_t ints[] = {0, 1, -1, 2, 7, -13, INT32_MAX, INT32_MIN};
    static const int64_t longs[] = {0, 1, -1, 3, 1LL << 40, INT64_MAX, INT64_MIN, -5};
    static const double doubles[] = {
        0.0, -0.0, 1.5, -2.25, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300};
    static const char *const strings[] = {"", "a", "ab", "b", "\xc3\xa4", "a", "Z", "abc"};
    for (size_t c = 0; c < FIELDS; c++) {
        struct column *column = &rows->columns[c];
        for (size_t r = 0; r < ROWS; r++) {
            size_t pick = draw(8);
            column->present[r] = draw(5) != 0;
            if (!column->present[r]) {
                memset((uint8_t *)column->values.longs + r * column_value_size(column->type),
                       0,
                       column_value_size(column->type));
            } else if (column->type == TYPE_BOOLEAN) {
                column->values.booleans[r] = pick % 2 == 0;
            } else if (column->type == TYPE_INT) {
                column->values.ints[r] = ints[pick];
            } else if (column->type == TYPE_LONG) {
                column->values.longs[r] = longs[pick];
            } else if (column->type == TYPE_DOUBLE) {
                column->values.doubles[r] = doubles[pick];
            } else {
                column->values.strings[r] = bytes_of_text(strings[pick]);
            }
        }
    }
    rows->rows = ROWS;
}

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? 1 : bits; /* the sign of NaN is the machine's */
}

static void
expect_cell(const struct column *result, size_t row, struct value expected, const char *text)
{
    struct columns one = {.columns = (struct column *)(uintptr_t)result};
    struct value found = read_cell(&one, 0, row);
    cr_assert(eq(int, found.null, expected.null), "row %zu of %s", row, text);
    cr_assert(
        eq(i64, found.integer, expected.null ? 0 : expected.integer), "row %zu of %s", row, text);
    cr_assert(eq(u64, bits_of(found.real), bits_of(expected.null ? 0 : expected.real)),
              "row %zu of %s",
              row,
              text);
    cr_assert(bytes_equal(found.string, expected.string), "row %zu of %s", row, text);
}

static size_t failed;
static size_t succeeded;

static void compare_one(struct columns *rows, struct arena *arena, int root, const char *text)
{
    struct diag diag = {0};
    struct expression *expression = NULL;
    cr_assert(
        eq(int, expression_compile(arena, bytes_of_text(text), &schema, &expression, &diag), OK),
        "%s: %s",
        text,
        diag.text);
    cr_assert(eq(int, expression_type(expression), trees[root].type), "%s", text);
    struct column result = {.type = trees[root].type};
    result.present = arena_alloc(arena, ROWS);
    result.values.longs = arena_alloc(arena, ROWS * column_value_size(result.type));
    enum status status = expression_evaluate(expression, arena, rows, &result, &diag);
    for (size_t row = 0; row < ROWS; row++) {
        struct value expected = evaluate(rows, row, root);
        if (expected.error != NULL) {
            cr_assert(eq(int, status, ERR_FAILED), "row %zu of %s", row, text);
            cr_assert(eq(str, diag.error_class, (char *)(uintptr_t)expected.error), "%s", text);
            failed++;
            return;
        }
        if (status == OK) {
            expect_cell(&result, row, expected, text);
        }
    }
    cr_assert(eq(int, status, OK), "%s: no row fails", text);
    succeeded++;
}

Test(expression_property, as_a_row_at_a_time)
{
    struct arena fixed = {0};
    struct arena scratch = {0};
    struct columns *rows = columns_new(&fixed, &schema, ROWS);
    struct buf text = {0};
    state = 7;
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        tree_count = 0;
        int root = grow((enum type)draw(5), 1 + (int)draw(4));
        buf_clear(&text);
        print(&text, root, 0);
        buf_byte(&text, 0);
        if (i % 50 == 0) {
            fill(rows);
        }
        compare_one(rows, &scratch, root, (const char *)text.data);
        arena_reset(&scratch);
    }
    cr_assert(gt(sz, failed, EXPRESSIONS / 20));
    cr_assert(gt(sz, succeeded, EXPRESSIONS / 3));
    buf_free(&text);
    arena_free(&fixed);
    arena_free(&scratch);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
