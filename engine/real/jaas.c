#include "engine/real/jaas.h"

#include <string.h>

#define SPACE      " \t\r\n"
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$"

static enum status fail_shape(struct diag *diag)
{
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"kafka.sasl.jaas.config\" (a secret, so not shown): expected "
                     "org.apache.kafka.common.security.plain.PlainLoginModule required "
                     "username=\"...\" password=\"...\"; (or scram.ScramLoginModule)");
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, SPACE);
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t length = strlen(end);
    return size >= length && memcmp(text + size - length, end, length) == 0;
}

/* The module's name. One that looks like no module is not shown: it may be a password. */
static enum status read_module(const char **at, struct diag *diag)
{
    size_t size = strspn(*at, NAME_BYTES);
    const char *name = *at;
    *at += size;
    if (strchr(SPACE, **at) == NULL || !ends_with(name, size, "LoginModule")) {
        return fail_shape(diag);
    }
    if (ends_with(name, size, ".PlainLoginModule") || ends_with(name, size, ".ScramLoginModule")) {
        return OK;
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"kafka.sasl.jaas.config\" names the module %.*s: a Java class cannot "
                     "run here; PlainLoginModule and ScramLoginModule are known",
                     size < 200 ? (int)size : 200,
                     name);
}

/* A quoted value; NULL: none. */
static const char *read_value(struct arena *arena, const char **at)
{
    char quote = **at;
    if (quote != '"' && quote != '\'') {
        return NULL;
    }
    const char *from = *at + 1;
    char *value = arena_alloc(arena, strlen(from) + 1);
    size_t size = 0;
    for (; *from != quote; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
        }
        if (*from == '\0') {
            return NULL;
        }
        value[size++] = *from;
    }
    value[size] = '\0';
    *at = from + 1;
    return value;
}

static enum status
read_members(struct arena *arena, const char *at, struct jaas_login *login, struct diag *diag)
{
    for (at = skip_space(at); *at != ';'; at = skip_space(at)) {
        size_t size = strspn(at, NAME_BYTES);
        const char *name = at;
        const char **field = NULL;
        if (size == strlen("username") && memcmp(name, "username", size) == 0) {
            field = &login->username;
        } else if (size == strlen("password") && memcmp(name, "password", size) == 0) {
            field = &login->password;
        }
        at = skip_space(at + size);
        if (field == NULL || *field != NULL || *at != '=') {
            return fail_shape(diag);
        }
        at = skip_space(at + 1);
        *field = read_value(arena, &at);
        if (*field == NULL) {
            return fail_shape(diag);
        }
    }
    bool whole = *skip_space(at + 1) == '\0' && login->username != NULL && login->password != NULL;
    return whole ? OK : fail_shape(diag);
}

enum status
jaas_parse(struct arena *arena, const char *text, struct jaas_login *login, struct diag *diag)
{
    *login = (struct jaas_login){0};
    const char *at = skip_space(text);
    TRY(read_module(&at, diag));
    at = skip_space(at);
    size_t flag = strspn(at, NAME_BYTES);
    if (flag != strlen("required") || memcmp(at, "required", flag) != 0) {
        return fail_shape(diag);
    }
    return read_members(arena, at + flag, login, diag);
}
