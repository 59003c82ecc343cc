/* What errno means to the engine. One table for files and objects. */
#ifndef ENGINE_REAL_ERRNO_STATUS_H
#define ENGINE_REAL_ERRNO_STATUS_H

#include "engine/base/status.h"

/* The status of a failed call; never OK. */
enum status errno_status(int error);

#endif
