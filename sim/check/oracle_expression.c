/* The parser: precedence climbing over Spark's order (SqlBaseParser.g4): or < and < not < is null <
 * comparison < + - < * / % < unary minus. */
#include "sim/check/oracle_expression.h"

#include <stdlib.h>
#include <strings.h>

#include "engine/base/units.h"
#include "sim/check/json_pull.h"
#include "sim/check/oracle_expression_tree.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED_NAME, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    struct bytes text;
};

struct parser {
    struct arena *arena;
    struct bytes text;
    size_t at;
    struct token token; /* the current one */
    const struct schema *schema;
    const char *error;
};

static struct oracle_expression *refuse(struct parser *parser, const char *error)
{
    if (parser->error == NULL) {
        parser->error = error;
    }
    return NULL;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int char_at(const struct parser *parser, size_t at)
{
    return at < parser->text.size ? parser->text.data[at] : -1;
}

static size_t number_end(const struct parser *parser, size_t at)
{
    while (is_digit(char_at(parser, at)) || char_at(parser, at) == '.') {
        at++;
    }
    if (char_at(parser, at) == 'e' || char_at(parser, at) == 'E') {
        size_t digits = at + 1;
        if (char_at(parser, digits) == '+' || char_at(parser, digits) == '-') {
            digits++;
        }
        if (is_digit(char_at(parser, digits))) {
            at = digits;
            while (is_digit(char_at(parser, at))) {
                at++;
            }
        }
    }
    return at;
}

/* The end of a quoted token: a doubled quote stands for one, a backslash takes the next along. */
static size_t quoted_end(struct parser *parser, size_t at, int quote)
{
    while (at < parser->text.size) {
        int c = char_at(parser, at);
        bool escape = c == '\\' && quote == '\'';
        bool doubled = c == quote && char_at(parser, at + 1) == quote;
        if (c == quote && !doubled) {
            return at;
        }
        at += escape || doubled ? 2 : 1;
    }
    refuse(parser, "a quote without end");
    return parser->text.size;
}

static void next_token(struct parser *parser)
{
    while (char_at(parser, parser->at) == ' ' || char_at(parser, parser->at) == '\t' ||
           char_at(parser, parser->at) == '\n' || char_at(parser, parser->at) == '\r') {
        parser->at++;
    }
    size_t begin = parser->at;
    size_t end = begin;
    int c = char_at(parser, begin);
    enum token_kind kind = TOKEN_SIGN;
    if (c < 0) {
        kind = TOKEN_END;
    } else if (is_letter(c)) {
        kind = TOKEN_WORD;
        while (is_letter(char_at(parser, end)) || is_digit(char_at(parser, end)) ||
               (char_at(parser, end) == '.' && is_letter(char_at(parser, end + 1)))) {
            end++; /* window.start is one name here: a struct's members are columns */
        }
    } else if (is_digit(c) || (c == '.' && is_digit(char_at(parser, begin + 1)))) {
        kind = TOKEN_NUMBER;
        end = number_end(parser, begin);
    } else if (c == '\'' || c == '`') {
        kind = c == '`' ? TOKEN_QUOTED_NAME : TOKEN_TEXT;
        end = quoted_end(parser, begin + 1, c);
        parser->token =
            (struct token){kind, bytes_of(parser->text.data + begin + 1, end - begin - 1)};
        parser->at = end + 1;
        return;
    } else {
        static const char *const signs[] = {"<=>", "<=", ">=", "<>", "!=", "=="};
        end = begin + 1;
        for (size_t i = sizeof signs / sizeof signs[0]; i-- > 0;) {
            size_t size = strlen(signs[i]);
            if (parser->text.size - begin >= size &&
                memcmp(parser->text.data + begin, signs[i], size) == 0) {
                end = begin + size; /* the longest stands first in the list, so it wins */
            }
        }
    }
    parser->token = (struct token){kind, bytes_of(parser->text.data + begin, end - begin)};
    parser->at = end;
}

static bool at_word(const struct parser *parser, const char *word)
{
    struct bytes text = parser->token.text;
    return parser->token.kind == TOKEN_WORD && text.size == strlen(word) &&
           strncasecmp((const char *)text.data, word, text.size) == 0;
}

static bool at_sign(const struct parser *parser, const char *sign)
{
    return parser->token.kind == TOKEN_SIGN && bytes_equal_text(parser->token.text, sign);
}

static bool take_word(struct parser *parser, const char *word)
{
    bool there = at_word(parser, word);
    if (there) {
        next_token(parser);
    }
    return there;
}

static struct oracle_expression *node(struct parser *parser, enum oracle_op op, enum type type)
{
    struct oracle_expression *made = arena_alloc(parser->arena, sizeof *made);
    made->op = op;
    made->type = type;
    made->operand = type;
    return made;
}

static struct oracle_expression *literal(struct parser *parser, struct value value)
{
    struct oracle_expression *made = node(parser, OP_LITERAL, value.type);
    made->literal = value;
    return made;
}

static struct oracle_expression *real_number(struct parser *parser, const char *digits)
{
    char *end = NULL;
    double real = strtod(digits, &end);
    if (*end != 0) {
        return refuse(parser, "no number");
    }
    return literal(parser, (struct value){TYPE_DOUBLE, true, .as = {.real = real}});
}

/* Spark reads a whole number as an int when it fits, else as a long; `negative` belongs to it, so
 * that the least ones can be written. A fraction or an exponent is a double here (no decimals). */
static struct oracle_expression *number(struct parser *parser, bool negative)
{
    struct bytes text = parser->token.text;
    int suffix = char_at(parser, parser->at) | 0x20;
    bool is_long = suffix == 'l';
    parser->at += suffix == 'l' || suffix == 'd' ? 1 : 0;
    next_token(parser);
    while (text.size > 1 && text.data[0] == '0' && is_digit(text.data[1])) {
        text = bytes_of(text.data + 1, text.size - 1); /* SQL allows leading zeros, JSON does not */
    }
    char *digits = arena_printf(
        parser->arena, "%s%.*s", negative ? "-" : "", (int)text.size, (const char *)text.data);
    struct json_pull json;
    pull_open(&json, bytes_of_text(digits));
    bool whole = pull_next(&json) == PULL_INTEGER && suffix != 'd' && json.at == json.text.size;
    int64_t value;
    if (!whole) {
        return real_number(parser, digits);
    }
    if (!pull_int64(&json, &value)) {
        return refuse(parser, "a whole number beyond long");
    }
    is_long = is_long || value < INT32_MIN || value > INT32_MAX;
    return literal(parser,
                   (struct value){is_long ? TYPE_LONG : TYPE_INT, true, .as = {.number = value}});
}

/* A text literal's bytes: '' is one quote, a backslash escape is Spark's (unescapeSQLString). */
static struct bytes text_of(struct parser *parser)
{
    struct bytes raw = parser->token.text;
    uint8_t *out = arena_alloc(parser->arena, raw.size + 1);
    size_t size = 0;
    for (size_t at = 0; at < raw.size; at++) {
        uint8_t c = raw.data[at];
        if (c == '\'' && at + 1 < raw.size) {
            at++;
        } else if (c == '\\' && at + 1 < raw.size) {
            static const char letters[] = "nrtb0Z";
            static const char meant[] = "\n\r\t\b\0\x1a";
            c = raw.data[++at];
            const char *found = c == 0 ? NULL : strchr(letters, c);
            c = found == NULL ? c : (uint8_t)meant[found - letters];
        }
        out[size++] = c;
    }
    return bytes_of(out, size);
}

static struct oracle_expression *column(struct parser *parser)
{
    struct bytes name = parser->token.text;
    for (size_t i = 0; i < parser->schema->count; i++) {
        const char *field = parser->schema->fields[i].name;
        if (strlen(field) == name.size &&
            strncasecmp(field, (const char *)name.data, name.size) == 0) {
            struct oracle_expression *made =
                node(parser, OP_COLUMN, parser->schema->fields[i].type);
            made->column = i;
            next_token(parser);
            return made;
        }
    }
    return refuse(parser, "no such column");
}

static struct oracle_expression *parse(struct parser *parser, int level, int depth);

static bool is_numeric(enum type type)
{
    return type == TYPE_INT || type == TYPE_LONG || type == TYPE_DOUBLE;
}

static struct oracle_expression *negate(struct parser *parser, int depth)
{
    if (parser->token.kind == TOKEN_NUMBER) {
        return number(parser, true);
    }
    struct oracle_expression *inner = parse(parser, 8, depth + 1);
    if (inner == NULL || (!is_numeric(inner->type) && inner->type != TYPE_COUNT)) {
        return refuse(parser, "minus of something that is no number");
    }
    /* An untyped null becomes a double where only numbers go. */
    enum type type = inner->type == TYPE_COUNT ? TYPE_DOUBLE : inner->type;
    struct oracle_expression *made = node(parser, OP_NEGATE, type);
    made->left = inner;
    return made;
}

static struct oracle_expression *timestamp(struct parser *parser)
{
    int64_t time_us;
    if (parser->token.kind != TOKEN_TEXT || !timestamp_parse(text_of(parser), &time_us)) {
        return refuse(parser, "no timestamp");
    }
    next_token(parser);
    return literal(parser, (struct value){TYPE_TIMESTAMP, true, .as = {.number = time_us}});
}

static struct oracle_expression *primary(struct parser *parser, int depth)
{
    if (parser->token.kind == TOKEN_NUMBER) {
        return number(parser, false);
    }
    if (parser->token.kind == TOKEN_TEXT) {
        struct value value = {TYPE_STRING, true, .as = {.text = text_of(parser)}};
        next_token(parser);
        return literal(parser, value);
    }
    if (at_sign(parser, "(")) {
        next_token(parser);
        struct oracle_expression *inner = parse(parser, 1, depth + 1);
        if (inner == NULL || !at_sign(parser, ")")) {
            return refuse(parser, "no ')'");
        }
        next_token(parser);
        return inner;
    }
    if (at_sign(parser, "-")) {
        next_token(parser);
        return negate(parser, depth);
    }
    bool yes = at_word(parser, "true");
    if (yes || at_word(parser, "false")) {
        next_token(parser);
        return literal(parser, (struct value){TYPE_BOOLEAN, true, .as = {.boolean = yes}});
    }
    if (take_word(parser, "null")) {
        return literal(parser, (struct value){.type = TYPE_COUNT});
    }
    if (at_word(parser, "timestamp")) {
        struct parser before = *parser;
        next_token(parser);
        if (parser->token.kind == TOKEN_TEXT) {
            return timestamp(parser);
        }
        *parser = before; /* a column of that name */
    }
    if (parser->token.kind == TOKEN_WORD || parser->token.kind == TOKEN_QUOTED_NAME) {
        return column(parser);
    }
    return refuse(parser, "nothing to evaluate");
}

struct infix {
    const char *sign;
    enum oracle_op op;
    int level;
};

static const struct infix infixes[] = {
    {"or", OP_OR, 1},
    {"and", OP_AND, 2},
    {"=", OP_EQUAL, 5},
    {"==", OP_EQUAL, 5},
    {"!=", OP_NOT_EQUAL, 5},
    {"<>", OP_NOT_EQUAL, 5},
    {"<", OP_LESS, 5},
    {"<=", OP_LESS_EQUAL, 5},
    {">", OP_GREATER, 5},
    {">=", OP_GREATER_EQUAL, 5},
    {"<=>", OP_NULL_SAFE_EQUAL, 5},
    {"+", OP_ADD, 6},
    {"-", OP_SUBTRACT, 6},
    {"*", OP_MULTIPLY, 7},
    {"/", OP_DIVIDE, 7},
    {"%", OP_REMAINDER, 7},
};

static const struct infix *infix_at(const struct parser *parser)
{
    for (size_t i = 0; i < sizeof infixes / sizeof infixes[0]; i++) {
        if (at_sign(parser, infixes[i].sign) || at_word(parser, infixes[i].sign)) {
            return &infixes[i];
        }
    }
    return NULL;
}

/* Both sides' common type; false when they have none. */
static bool widen(enum type left, enum type right, enum type *common)
{
    if (left == right || right == TYPE_COUNT) {
        *common = left;
    } else if (left == TYPE_COUNT) {
        *common = right;
    } else if (is_numeric(left) && is_numeric(right)) {
        bool real = left == TYPE_DOUBLE || right == TYPE_DOUBLE;
        *common = real ? TYPE_DOUBLE : TYPE_LONG;
    } else {
        return false;
    }
    return true;
}

/* Beside a timestamp a text literal is one. */
static const struct oracle_expression *as_timestamp(struct parser *parser,
                                                    const struct oracle_expression *side,
                                                    const struct oracle_expression *other)
{
    int64_t time_us;
    bool applies = other->type == TYPE_TIMESTAMP && side->op == OP_LITERAL &&
                   side->type == TYPE_STRING && timestamp_parse(side->literal.as.text, &time_us);
    return applies
               ? literal(parser, (struct value){TYPE_TIMESTAMP, true, .as = {.number = time_us}})
               : side;
}

static struct oracle_expression *join(struct parser *parser,
                                      enum oracle_op op,
                                      const struct oracle_expression *left,
                                      const struct oracle_expression *right)
{
    enum type common;
    bool comparison = op >= OP_EQUAL && op <= OP_NULL_SAFE_EQUAL;
    left = comparison ? as_timestamp(parser, left, right) : left;
    right = comparison ? as_timestamp(parser, right, left) : right;
    if (!widen(left->type, right->type, &common)) {
        return refuse(parser, "two types that have nothing in common");
    }
    bool logic = op == OP_AND || op == OP_OR;
    bool arithmetic = op >= OP_ADD && op <= OP_REMAINDER;
    if (logic && common != TYPE_BOOLEAN && common != TYPE_COUNT) {
        return refuse(parser, "and, or: of something that is not boolean");
    }
    if (arithmetic && !is_numeric(common) && common != TYPE_COUNT) {
        return refuse(parser, "arithmetic of something that is no number");
    }
    if (op == OP_DIVIDE || (arithmetic && common == TYPE_COUNT)) {
        common = TYPE_DOUBLE; /* Spark divides integers as doubles too */
    }
    struct oracle_expression *made = node(parser, op, arithmetic ? common : TYPE_BOOLEAN);
    made->operand = common;
    made->left = left;
    made->right = right;
    return made;
}

static struct oracle_expression *null_test(struct parser *parser,
                                           const struct oracle_expression *left)
{
    bool negated = take_word(parser, "not");
    if (!take_word(parser, "null")) {
        return refuse(parser, "is: null or not null");
    }
    struct oracle_expression *made =
        node(parser, negated ? OP_IS_NOT_NULL : OP_IS_NULL, TYPE_BOOLEAN);
    made->left = left;
    return made;
}

static struct oracle_expression *logical_not(struct parser *parser, int depth)
{
    struct oracle_expression *inner = parse(parser, 3, depth + 1);
    if (inner == NULL || (inner->type != TYPE_BOOLEAN && inner->type != TYPE_COUNT)) {
        return refuse(parser, "not of something that is not boolean");
    }
    struct oracle_expression *made = node(parser, OP_NOT, TYPE_BOOLEAN);
    made->left = inner;
    return made;
}

/* Everything that binds at least as tight as `level`. */
static struct oracle_expression *parse(struct parser *parser, int level, int depth)
{
    if (depth > ORACLE_DEPTH_MAX) {
        return refuse(parser, "nested too deep");
    }
    bool negation = level <= 3 && (at_word(parser, "not") || at_sign(parser, "!"));
    if (negation) {
        next_token(parser);
    }
    struct oracle_expression *left = negation ? logical_not(parser, depth) : primary(parser, depth);
    while (left != NULL && parser->error == NULL) {
        if (level <= 4 && !negation && take_word(parser, "is")) {
            left = null_test(parser, left);
            continue;
        }
        const struct infix *infix = infix_at(parser);
        if (infix == NULL || infix->level < level || (negation && infix->level > 2)) {
            return left;
        }
        next_token(parser);
        struct oracle_expression *right = parse(parser, infix->level + 1, depth + 1);
        if (right == NULL) {
            return NULL;
        }
        left = join(parser, infix->op, left, right);
    }
    return left;
}

struct oracle_expression *oracle_expression_parse(struct arena *arena,
                                                  struct bytes text,
                                                  const struct schema *schema,
                                                  const char **error)
{
    struct parser parser = {.arena = arena, .text = text, .schema = schema};
    next_token(&parser);
    struct oracle_expression *made = parse(&parser, 1, 0);
    if (made != NULL && parser.token.kind != TOKEN_END) {
        made = refuse(&parser, "something behind the expression");
    }
    *error = parser.error;
    return parser.error == NULL ? made : NULL;
}

enum type oracle_expression_result(const struct oracle_expression *expression)
{
    return expression->type;
}

bool oracle_expression_column(const struct oracle_expression *expression, size_t *column)
{
    *column = expression->column;
    return expression->op == OP_COLUMN;
}
