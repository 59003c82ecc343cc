/* Judge a query that ran for real by what it left behind: a checkpoint, a Delta table, and the
 * records that its topic held. The files are published once more, in the order in which the batch
 * protocol wants them, on the disk of a world without faults whose broker has the records; the
 * checks and the oracle of a simulated run watch. So nothing is checked by another rule than there.
 *
 * What only a witness could tell (who won, what was durable when, what a file held before) is not
 * judged: judge_check says so, and why. */
#ifndef SIM_SEARCH_JUDGE_H
#define SIM_SEARCH_JUDGE_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/plan/plan.h"
#include "sim/check/checks.h"

/* A file as it stands now. Names that begin with a dot, and files below such folders, are temporary
 * and not to be given. */
struct judge_file {
    const char *path; /* relative to the checkpoint, or to the table: "offsets/3" */
    struct bytes content;
};

struct judge_files {
    const struct judge_file *files; /* in any order */
    size_t count;
};

/* What a Kafka partition ever held: the values at offset 0, 1, ... without a gap. Neither keys nor
 * timestamps: no pipeline reads them. */
struct judge_partition {
    const struct bytes *values;
    size_t count;
};

struct judge_input {
    const char *pipeline_file; /* for messages */
    struct bytes pipeline; /* its text; where it says that checkpoint and table are is ignored */
    const struct option_override *set; /* as the query ran with; a NULL name ends it; may be NULL */
    struct judge_files checkpoint;
    struct judge_files table;
    const struct judge_partition *partitions;
    size_t partition_count;
    bool partial; /* the query was stopped before it had read everything: no complaint about that */
};

enum judge_result {
    JUDGE_PASSED,
    JUDGE_FAILED,
    JUDGE_CUT_SHORT, /* another check failed: what this one saw until then was right */
    JUDGE_NEVER_RAN, /* there was nothing that it is about */
    JUDGE_NEEDS_WITNESS
};

struct judge_verdict {
    bool pass; /* no check failed, and the table has a batch at least */
    struct {
        enum judge_result result;
        uint64_t evaluations;
    } checks[CHECK_COUNT];
    char failed_check[48]; /* the first one; "" when pass */
    char evidence[1024];
    int64_t batches; /* in offsets/ */
    int64_t rows;    /* of all commits */
    int64_t unread;  /* records that no batch of the table has */
};

/* NULL, or why a check is not judged by files at rest. */
const char *judge_needs(enum check_id check);

/* Fills in the verdict. Errors: ERR_FAILED with `diag`, when there is nothing that could be judged:
 * INVALID_PIPELINE; NOT_A_CHECKPOINT: without metadata, or with no batch in it; PURGED: the first
 * batches are gone from it, and with them where they ended. */
MUST_CHECK enum status
judge(const struct judge_input *input, struct judge_verdict *verdict, struct diag *diag);

#endif
