/* What an attempt reads from Kafka: its range, decoded, by batches of columns that have passed the
 * filter. */
#ifndef ENGINE_EXECUTOR_TASK_INPUT_H
#define ENGINE_EXECUTOR_TASK_INPUT_H

#include "engine/exec/columns.h"
#include "engine/executor/task_attempt.h"

/* Take a batch: `input` and `scratch` are gone afterwards. Not OK ends the reading with it. */
typedef enum status (*task_input_batch)(void *context,
                                        struct arena *scratch,
                                        struct columns *input,
                                        struct diag *diag);

/* Read attempt->task's range [from, until), in offset order. Into attempt->done: the last record
 * (kafka_reading.last), the number of records, and the event times that the watermark observes,
 * which are those of every row behind the filter, late ones too. Spends per batch. May suspend.
 * Errors: as kafka_read_range, as the decoder and as `batch`, in attempt->diag. */
MUST_CHECK enum status
task_input_read(struct task_attempt *attempt, task_input_batch batch, void *context);

#endif
