/* Who may commit a task's output: the first attempt that asks, until that very attempt fails. An
 * attempt that the driver has given up (its executor was lost, it failed) is refused for ever, also
 * when it wakes up later and asks. Together with the task set, which takes a result only from the
 * attempt that holds the lock, this makes one file a task of a batch, whatever zombies do.
 *
 * Rules (Spark OutputCommitCoordinator; spark-checkpoint 2.8, bug rows 64 to 68):
 *   - the key is session, batch and task of the result stage: no other stage has output to commit,
 *     and whoever asks in another one's name is refused. The asker is the attempt's whole identity.
 *     A stage may be attempted again (a map output was lost), but attempt numbers of a task are
 *     never used again in a batch, whatever the stage's attempt, so two attempts of a stage cannot
 *     both hold a lock (SPARK-24589), and locks stand across them as in Spark;
 *   - a failed attempt never gets the lock (SPARK-19631);
 *   - the lock is given back only when its holder fails, not when any attempt does (SPARK-6614);
 *   - a batch or session that is not the one being run is refused;
 *   - the holder that asks again is granted again: its first answer may have been lost.
 * Pure: no ports, cannot suspend. */
#ifndef ENGINE_DRIVER_COMMIT_COORDINATOR_H
#define ENGINE_DRIVER_COMMIT_COORDINATOR_H

#include <stdbool.h>

#include "engine/driver/messages.h"

struct commit_lock; /* of one task */

/* Zeroed: runs no batch, refuses everybody. */
struct commit_coordinator {
    bool open;
    uint64_t session;
    int64_t batch;
    struct arena *arena; /* the batch's: locks live there */
    struct commit_lock *locks;
    size_t tasks;
};

/* Begin a batch whose result stage has `tasks` tasks; what was before is forgotten. `arena`
 * outlives the batch. */
void commit_coordinator_begin(struct commit_coordinator *coordinator,
                              struct arena *arena,
                              uint64_t session,
                              int64_t batch,
                              size_t tasks);

/* The batch is over: everybody is refused from now on. */
void commit_coordinator_end(struct commit_coordinator *coordinator);

/* May this attempt commit? NULL: yes. Otherwise why not, for people. */
const char *commit_coordinator_ask(struct commit_coordinator *coordinator,
                                   const struct attempt_id *id);

/* Does this attempt hold the lock of its task? */
bool commit_coordinator_holds(const struct commit_coordinator *coordinator,
                              const struct attempt_id *id);

/* The attempt failed, or its executor was lost: it may never commit, and a lock that it holds is
 * free. */
void commit_coordinator_failed(struct commit_coordinator *coordinator, const struct attempt_id *id);

#endif
