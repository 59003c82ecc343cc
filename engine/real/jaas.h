/* The one JAAS text that people paste into sasl.jaas.config: a login module of Kafka's with a name
 * and a password. Pure. No message of it shows what stands between the module and the ';'. */
#ifndef ENGINE_REAL_JAAS_H
#define ENGINE_REAL_JAAS_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"

struct jaas_login {
    const char *username; /* in the arena */
    const char *password;
};

/* Read
 *
 *   org.apache.kafka.common.security.plain.PlainLoginModule required
 *       username="..." password="...";
 *
 * or ...scram.ScramLoginModule, under any package (vendors shade Kafka's client). Values stand in
 * double or single quotes, a backslash before a quote or a backslash means that byte. Errors:
 * ERR_FAILED with `diag` (class INVALID_OPTION): another module, which is named; another shape. */
MUST_CHECK enum status
jaas_parse(struct arena *arena, const char *text, struct jaas_login *login, struct diag *diag);

#endif
