/* The checks' own reading of a zip archive as java.util.zip writes one (APPNOTE 6.3: central
 * directory, deflate or stored, no encryption, no zip64). Strict; safe on hostile bytes; shares no
 * code with the engine. */
#ifndef SIM_CHECK_ZIP_READER_H
#define SIM_CHECK_ZIP_READER_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

struct zip_entry {
    const char *name;
    struct bytes content;
};

/* NULL, or what is wrong with the archive. Everything lives in `arena`. */
const char *
zip_read(struct bytes file, struct arena *arena, struct zip_entry **entries, size_t *count);

#endif
