/* `aftershock executor ...`: what the supervisor starts. Not for people. */
#ifndef ENGINE_REAL_EXECUTOR_MAIN_H
#define ENGINE_REAL_EXECUTOR_MAIN_H

/* Run an executor until its driver says goodbye (0) or is gone (never returns).
 * * count, arguments   as main's: aftershock executor SESSION NUMBER INCARNATION ROOT OBJECTS
 *                      LOCAL TRACE, empty where there is none
 * Returns 2 when these are not the supervisor's. */
int executor_main(int count, char **arguments);

#endif
