/* run --table DIR, --checkpoint DIR: the final Delta table and checkpoint of the world as real
 * files, for DuckDB, delta-rs or Spark to read. */
#ifndef SIM_CLI_TABLE_EXPORT_H
#define SIM_CLI_TABLE_EXPORT_H

#include "engine/base/bytes.h"

struct table_export {
    const char *option; /* for messages */
    const char *folder;
    bool failed; /* said on stderr, once */
};

/* As fake_storage_file_fn: write one file below the folder. `context` is a struct table_export. */
void table_export_file(void *context, const char *path, struct bytes content);

#endif
