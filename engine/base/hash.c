#include "engine/base/hash.h"

#include <string.h>

#include <xxhash.h>

uint64_t hash_bytes(const void *data, size_t size)
{
    return XXH64(data, size, 0);
}

uint64_t hash_text(const char *text)
{
    return XXH64(text, strlen(text), 0);
}
