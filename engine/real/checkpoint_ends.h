/* What a checkpoint says about a topic, looked at from outside while a query writes it: how far the
 * query has planned, how far it has committed. A feeder is paced by it. Reads only; works on the
 * file system itself, not on a port. */
#ifndef ENGINE_REAL_CHECKPOINT_ENDS_H
#define ENGINE_REAL_CHECKPOINT_ENDS_H

#include "engine/source/offsets.h"

struct checkpoint_ends {
    struct offsets planned;  /* end offsets of the newest offsets/N; no entries: none */
    struct offsets consumed; /* of the newest commits/N, else where the query began (sources/0/0):
                                nothing below is ever read again */
};

/* What cannot be read, or is of another topic, says nothing: the query itself complains about its
 * checkpoint. Everything lives in `arena`. */
void checkpoint_ends_read(struct arena *arena,
                          const char *checkpoint,
                          const char *topic,
                          struct checkpoint_ends *ends);

#endif
