/* Small pure hashes for draws, ties and trace chains. Not for security, not for hash tables of
 * hostile keys. mix64 is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#ifndef ENGINE_HASH_H
#define ENGINE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix64(uint64_t value)
{
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

/* Chain one more word onto a hash; order matters. */
static inline uint64_t hash_chain(uint64_t hash, uint64_t word)
{
    return hash_mix64(hash ^ (word * 0xff51afd7ed558ccdULL));
}

/* XXH64 of bytes (seed 0): the same on every machine and library version. */
uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_text(const char *text);

#endif
