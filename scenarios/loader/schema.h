/* The JSON schema of scenario files, for editors: printed from the key tables. */
#ifndef SCENARIOS_LOADER_SCHEMA_H
#define SCENARIOS_LOADER_SCHEMA_H

#include "engine/base/buf.h"

/* scenarios/schema.json, with a newline at its end. */
void schema_print(struct buf *out);

#endif
