/* Text -> tokens, by Spark's SqlBaseLexer.g4 as far as the language here goes. */
#include <limits.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/expression_node.h"

/* Precision enough to point at a byte; texts are bounded far below. */
static int column_of(size_t at)
{
    require(at < INT_MAX);
    return (int)at + 1;
}

static uint8_t peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.size ? lexer->text.data[lexer->at + ahead] : 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(struct bytes text, const char *word)
{
    size_t i = 0;
    while (i < text.size && word[i] != '\0' && fold_byte(text.data[i]) == (uint8_t)word[i]) {
        i++;
    }
    return i == text.size && word[i] == '\0';
}

/* SQL that people will try and that is not in the language, each with its word. */
static enum status refuse_word(const struct token *token, struct diag *diag)
{
    static const char *const words[] = {
        "in", "like", "rlike", "ilike", "between", "case", "cast", "div", "exists", NULL};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (is_word(token->text, words[i])) {
            return expression_fail(diag,
                                   "PARSE_SYNTAX_ERROR",
                                   token->column,
                                   "\"%s\" is not built yet; a column of that name needs `%s`",
                                   words[i],
                                   words[i]);
        }
    }
    return OK;
}

static enum status word_token(struct lexer *lexer, struct token *token, struct diag *diag)
{
    static const struct {
        const char *word;
        enum token_kind kind;
    } keywords[] = {{"and", TOKEN_AND},
                    {"or", TOKEN_OR},
                    {"not", TOKEN_NOT},
                    {"is", TOKEN_IS},
                    {"null", TOKEN_NULL},
                    {"true", TOKEN_TRUE},
                    {"false", TOKEN_FALSE}};
    size_t size = 0;
    while (is_letter(peek(lexer, size)) || is_digit(peek(lexer, size))) {
        size++;
    }
    if (peek(lexer, size) == '.' && is_letter(peek(lexer, size + 1))) {
        token->dotted = true;
        size++;
        while (is_letter(peek(lexer, size)) || is_digit(peek(lexer, size))) {
            size++;
        }
    }
    token->kind = TOKEN_NAME;
    token->text = bytes_of(lexer->text.data + lexer->at, size);
    token->value = token->text;
    lexer->at += size;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (is_word(token->text, keywords[i].word)) {
            token->kind = keywords[i].kind;
        }
    }
    size_t ahead = 0;
    while (is_space(peek(lexer, ahead))) {
        ahead++;
    }
    if (is_word(token->text, "timestamp") &&
        (peek(lexer, ahead) == '\'' || peek(lexer, ahead) == '"')) {
        token->kind = TOKEN_TIMESTAMP; /* else a column may have this name, as in Spark */
    }
    if (token->kind == TOKEN_NAME && peek(lexer, ahead) == '(') {
        (void)refuse_word(token, diag);
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               token->column,
                               "functions are not built yet (found %.*s)",
                               (int)token->text.size,
                               (const char *)token->text.data);
    }
    return token->kind == TOKEN_NAME ? refuse_word(token, diag) : OK;
}

static enum status number_token(struct lexer *lexer, struct token *token, struct diag *diag)
{
    const uint8_t *start = lexer->text.data + lexer->at;
    while (peek(lexer, 0) == '0' && is_digit(peek(lexer, 1))) {
        lexer->at++; /* SQL allows leading zeros */
    }
    struct bytes rest = bytes_of(lexer->text.data + lexer->at, lexer->text.size - lexer->at);
    bool known = decimal_scan(rest, &token->number);
    if (!known) {
        return expression_fail(
            diag, "PARSE_SYNTAX_ERROR", token->column, "a number of too many digits");
    }
    lexer->at += token->number.text.size;
    token->kind = token->number.whole ? TOKEN_INTEGER : TOKEN_REAL;
    uint8_t suffix = peek(lexer, 0);
    if (token->kind == TOKEN_INTEGER && (suffix == 'l' || suffix == 'L')) {
        token->is_long = true;
        lexer->at++;
    } else if (suffix == 'd' || suffix == 'D') {
        token->kind = TOKEN_REAL;
        lexer->at++;
    }
    if (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) || peek(lexer, 0) == '.') {
        return expression_fail(diag,
                               "PARSE_SYNTAX_ERROR",
                               column_of(lexer->at),
                               "expected the number to end, such as 1, 1L, 1.5 or 1.5D");
    }
    token->text = bytes_of(start, (size_t)(lexer->text.data + lexer->at - start));
    return OK;
}

/* The byte that an escape in a string means, and its length; Spark's unescapeSQLString without its
 * octal and \u forms, which are refused. */
static bool string_escape(uint8_t c, uint8_t *meant)
{
    static const char letters[] = "nrtb0\\'\"";
    static const char bytes[] = {'\n', '\r', '\t', '\b', '\0', '\\', '\'', '"'};
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    if (letter == NULL) {
        return false;
    }
    *meant = (uint8_t)bytes[letter - letters];
    return true;
}

/* 'text', "text" or `name`: the quote is at the cursor; twice inside it stands for itself. */
static enum status quoted_token(struct lexer *lexer, struct token *token, struct diag *diag)
{
    size_t start = lexer->at;
    uint8_t quote = peek(lexer, 0);
    uint8_t *value = arena_alloc(lexer->arena, lexer->text.size - start);
    size_t size = 0;
    for (lexer->at++; lexer->at < lexer->text.size; lexer->at++) {
        uint8_t c = peek(lexer, 0);
        if (c == quote && peek(lexer, 1) != quote) {
            lexer->at++;
            token->kind = quote == '`' ? TOKEN_NAME : TOKEN_STRING;
            token->text = bytes_of(lexer->text.data + start, lexer->at - start);
            token->value = bytes_of(value, size);
            return OK;
        }
        if (c == quote) {
            lexer->at++;
        } else if (c == '\\' && quote != '`') {
            lexer->at++;
            if (!string_escape(peek(lexer, 0), &c)) {
                return expression_fail(diag,
                                       "PARSE_SYNTAX_ERROR",
                                       column_of(lexer->at - 1),
                                       "expected an escape: \\n \\r \\t \\b \\0 \\\\ \\' \\\"");
            }
        }
        value[size++] = c;
    }
    return expression_fail(diag,
                           "PARSE_SYNTAX_ERROR",
                           token->column,
                           "the quote %c that opens here is never closed",
                           quote);
}

static enum status symbol_token(struct lexer *lexer, struct token *token, struct diag *diag)
{
    /* Longer ones first. */
    static const struct {
        const char *symbol;
        enum token_kind kind;
    } symbols[] = {{"<=>", TOKEN_SAME},
                   {"<=", TOKEN_LESS_EQUAL},
                   {">=", TOKEN_GREATER_EQUAL},
                   {"<>", TOKEN_NOT_EQUAL},
                   {"!=", TOKEN_NOT_EQUAL},
                   {"==", TOKEN_EQUAL},
                   {"<", TOKEN_LESS},
                   {">", TOKEN_GREATER},
                   {"=", TOKEN_EQUAL},
                   {"!", TOKEN_NOT},
                   {"+", TOKEN_PLUS},
                   {"-", TOKEN_MINUS},
                   {"*", TOKEN_STAR},
                   {"/", TOKEN_SLASH},
                   {"%", TOKEN_PERCENT},
                   {"(", TOKEN_OPEN},
                   {")", TOKEN_CLOSE}};
    if (peek(lexer, 0) == '-' && peek(lexer, 1) == '-') {
        return expression_fail(
            diag, "PARSE_SYNTAX_ERROR", token->column, "-- begins a comment in SQL; write - -");
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        size_t size = strlen(symbols[i].symbol);
        if (lexer->text.size - lexer->at >= size &&
            memcmp(lexer->text.data + lexer->at, symbols[i].symbol, size) == 0) {
            token->kind = symbols[i].kind;
            token->text = bytes_of(lexer->text.data + lexer->at, size);
            lexer->at += size;
            return OK;
        }
    }
    uint8_t c = peek(lexer, 0);
    if (c < 0x20 || c >= 0x7f) {
        return expression_fail(
            diag, "PARSE_SYNTAX_ERROR", token->column, "unexpected byte 0x%02x", c);
    }
    return expression_fail(diag, "PARSE_SYNTAX_ERROR", token->column, "unexpected character %c", c);
}

enum status lexer_next(struct lexer *lexer, struct token *token, struct diag *diag)
{
    uint8_t c = peek(lexer, 0);
    while (is_space(c)) {
        lexer->at++;
        c = peek(lexer, 0);
    }
    *token = (struct token){.column = column_of(lexer->at)};
    if (lexer->at == lexer->text.size) {
        token->kind = TOKEN_END;
        token->text = bytes_of("the end", 7);
        return OK;
    }
    if (is_letter(c)) {
        return word_token(lexer, token, diag);
    }
    if (is_digit(c)) {
        return number_token(lexer, token, diag);
    }
    if (c == '\'' || c == '"' || c == '`') {
        return quoted_token(lexer, token, diag);
    }
    return symbol_token(lexer, token, diag);
}
