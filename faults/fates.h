/* What a machine crash does to one unsynced operation: a pure decision from the script's word (or
 * "drawn") and one drawn word. The storage fakes ask once an operation, each with its own draw, and
 * apply the answer.
 *
 * Bytes (a write): kept, dropped, cut at a fraction of their length (a torn write), or garbled
 * (the length is there, the tail's content is not: the file system wrote size before data). Names
 * (a create, rename, link, unlink, mkdir, rmdir): kept or dropped. A scripted "cut" or "garbled"
 * keeps names, so that the torn bytes are seen under their name. */
#ifndef FAULTS_FATES_H
#define FAULTS_FATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "faults/fault.h"

enum fate_kind { FATE_KEPT, FATE_DROPPED, FATE_CUT, FATE_GARBLED };

enum { FATE_FRACTION = 1024 };

struct fate {
    enum fate_kind kind;
    uint32_t fraction; /* CUT and GARBLED: good bytes, in 1/1024 of the length; below 1024 */
    uint64_t word;     /* GARBLED: what the bad bytes are made of */
};

/* * unsynced  the script's word
 * * bytes     the operation carries bytes (a write); else it is about a name
 * * drawn     64 drawn bits of this operation's own */
struct fate fate_decide(enum unsynced unsynced, bool bytes, uint64_t drawn);

/* How many of `size` bytes are good after `fate`: all, none, or the fraction (always less than
 * `size` for CUT and GARBLED). */
size_t fate_good_size(const struct fate *fate, size_t size);

/* Overwrite what is not good in `bytes` (GARBLED only; otherwise untouched). At least one byte
 * differs from before when size is not 0. */
void fate_garble(const struct fate *fate, uint8_t *bytes, size_t size);

const char *fate_name(enum fate_kind kind);

#endif
