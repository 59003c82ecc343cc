/* Version 4 UUIDs from 128 drawn bits, as text. Never from the kernel: determinism. */
#ifndef ENGINE_UUID_H
#define ENGINE_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 }; /* 36 characters and the zero */

void uuid_format(uint64_t high, uint64_t low, char out[UUID_TEXT_SIZE]);

/* Is `text` of the form 8-4-4-4-12 hex digits, lower or upper case? */
bool uuid_valid(const char *text);

#endif
