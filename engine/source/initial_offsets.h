/* The file sources/0/0 of a checkpoint: the offsets that a query began at. Written once, when its
 * first batch is planned; startingOffsets matters never again. Format (Spark
 * KafkaMicroBatchStream's KafkaSourceInitialOffsetWriter):
 *
 *   00 'v' '1' 0A {"flights":{"0":0,"1":0}}      one zero byte, kept for Spark 2.1.0
 *
 * Spark 2.1.0 wrote a length byte and the JSON, no version line. */
#ifndef ENGINE_SOURCE_INITIAL_OFFSETS_H
#define ENGINE_SOURCE_INITIAL_OFFSETS_H

#include "engine/source/offsets.h"

void initial_offsets_encode(const struct offsets *offsets, struct buf *out);

/* Errors: ERR_FAILED with `diag` (class CORRUPT_OFFSETS, `path` as its file). */
MUST_CHECK enum status initial_offsets_decode(struct arena *arena,
                                              const char *path,
                                              struct bytes content,
                                              struct offsets *offsets,
                                              struct diag *diag);

#endif
