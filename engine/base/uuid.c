#include "engine/base/uuid.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

void uuid_format(uint64_t high, uint64_t low, char out[UUID_TEXT_SIZE])
{
    high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x4000);     /* version 4 */
    low = (low & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62); /* variant 1 */
    int written = snprintf(out,
                           UUID_TEXT_SIZE,
                           "%08x-%04x-%04x-%04x-%012llx",
                           (unsigned)(high >> 32),
                           (unsigned)(high >> 16) & 0xffffU,
                           (unsigned)high & 0xffffU,
                           (unsigned)(low >> 48),
                           (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    require(written == UUID_TEXT_SIZE - 1);
}

bool uuid_valid(const char *text)
{
    if (strlen(text) != UUID_TEXT_SIZE - 1) {
        return false;
    }
    for (int i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = strchr("0123456789abcdefABCDEF", text[i]) != NULL;
        if (dash ? text[i] != '-' : !hex) {
            return false;
        }
    }
    return true;
}
