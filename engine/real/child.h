/* Child processes: this program again, as somebody else. A child hears on its lifeline whether its
 * parent lives: the read end of a pipe, whose end of file is the parent's death, also by kill -9.
 */
#ifndef ENGINE_REAL_CHILD_H
#define ENGINE_REAL_CHILD_H

#include <sys/types.h>

#include "engine/real/loop.h"

enum { CHILD_LIFELINE = 3 /* the descriptor of the lifeline in a child */ };

struct lifeline {
    int ends[2];
};

/* Stops the program when there is no descriptor left. */
void lifeline_open(struct lifeline *lifeline);
void lifeline_close(struct lifeline *lifeline);

/* Start this program with `arguments` (the first stands for its name; NULL-ended) in a process
 * group of its own: what a terminal sends to its foreground (Ctrl-C) is the parent's affair.
 * Returns the process, or -1: errno says why. */
pid_t child_spawn(const struct lifeline *lifeline, const char *const arguments[]);

/* In a child: end this process, as kill -9 would, as soon as the parent is gone. */
void child_watch_lifeline(struct loop *loop);

#endif
