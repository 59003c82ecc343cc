/* Values as people write them -> numbers. The parsers are used by the checker; the readers only
 * after keys_check has accepted the document, so they cannot fail. */
#ifndef SCENARIOS_LOADER_VALUES_H
#define SCENARIOS_LOADER_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "24h" or a bare number of milliseconds; false also for a duration that is no whole number of
 * them. */
bool milliseconds_parse(const json_t *value, int64_t *milliseconds);

/* "64KiB" or a bare number of bytes. */
bool bytes_parse(const json_t *value, int64_t *bytes);

/* The member `key` of an accepted object; `standard` when it is absent. */
const char *value_text(const json_t *object, const char *key, const char *standard);
int64_t value_int(const json_t *object, const char *key, int64_t standard);
bool value_bool(const json_t *object, const char *key, bool standard);
int64_t value_milliseconds(const json_t *object, const char *key, int64_t standard);
int64_t value_bytes(const json_t *object, const char *key, int64_t standard);
/* A text that is no duration ("never") is -1. */
int64_t value_duration_us(const json_t *object, const char *key, int64_t standard_us);

#endif
