/* The decision, as a table: which ids are in offsets/ and commits/ -> what is run or refused. The
 * reading around it meets storage, and so a world: sim/. */
#include "engine/driver/recovery.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { IDS_MAX = 8, END = -1 };

struct row {
    int64_t offsets[IDS_MAX]; /* END behind the last */
    int64_t commits[IDS_MAX];
    int kind;         /* -1: refused */
    int64_t batch;    /* to run */
    const char *file; /* refused: which file is named */
};

static const struct row rows[] = {
    {{END}, {END}, RECOVERY_NEW, 0, NULL},
    {{0, END}, {END}, RECOVERY_RERUN, 0, NULL},
    {{0, END}, {0, END}, RECOVERY_NEXT, 1, NULL},
    {{0, 1, END}, {0, END}, RECOVERY_RERUN, 1, NULL},
    {{0, 1, END}, {0, 1, END}, RECOVERY_NEXT, 2, NULL},
    /* purged below 5; commits may be purged less or more far when a crash came between */
    {{5, 6, 7, END}, {5, 6, 7, END}, RECOVERY_NEXT, 8, NULL},
    {{5, 6, 7, END}, {4, 5, 6, END}, RECOVERY_RERUN, 7, NULL},
    {{5, 6, 7, END}, {6, 7, END}, RECOVERY_NEXT, 8, NULL},
    {{6, 7, END}, {6, END}, RECOVERY_RERUN, 7, NULL},

    /* entries below 7 - 3 that came back after they had been purged */
    {{1, 4, 5, 6, 7, END}, {0, 1, 4, 5, 6, 7, END}, RECOVERY_NEXT, 8, NULL},
    {{0, 2, 4, 5, 6, 7, END}, {2, 4, 5, 6, END}, RECOVERY_RERUN, 7, NULL},

    /* Spark's own fixture checkpoint-test-offsetId-commitId-inconsistent */
    {{0, 1, 2, 4, END}, {0, 1, 2, END}, -1, 0, "/c/offsets/3"},
    /* a hole further down, harmless to Spark */
    {{0, 2, 3, END}, {0, 1, 2, 3, END}, -1, 0, "/c/offsets/1"},
    {{0, 1, 2, 3, END}, {0, 2, 3, END}, -1, 0, "/c/commits/1"},
    {{0, 1, 6, 7, END}, {5, 6, 7, END}, -1, 0, "/c/offsets/4"},
    /* where batch 7 begins is unknown */
    {{7, END}, {7, END}, -1, 0, "/c/offsets/6"},
    {{7, END}, {6, END}, -1, 0, "/c/offsets/6"},
    /* commits behind: Spark warns, runs batch 3 again and takes 2 for done */
    {{0, 1, 2, 3, END}, {0, 1, END}, -1, 0, "/c/commits/2"},
    {{0, 1, END}, {END}, -1, 0, "/c/commits/0"},
    /* commits ahead */
    {{0, 1, END}, {0, 1, 2, END}, -1, 0, "/c/commits/2"},
    {{END}, {0, END}, -1, 0, "/c/commits/0"},
};

static struct log_ids ids_of(const int64_t *ids)
{
    struct log_ids log = {.ids = ids};
    while (ids[log.count] != END) {
        log.count++;
    }
    return log;
}

Test(recovery, decides_or_refuses)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct recovery_logs logs = {.checkpoint = "/c",
                                     .retained = 3,
                                     .offsets = ids_of(row->offsets),
                                     .commits = ids_of(row->commits)};
        struct recovery_decision decision = {0};
        struct diag diag = {0};
        enum status status = recovery_decide(&logs, &decision, &diag);
        if (row->kind < 0) {
            cr_assert(eq(int, status, ERR_FAILED), "row %zu", i);
            cr_assert_str_eq(diag.error_class, "CHECKPOINT_INCONSISTENT", "row %zu", i);
            cr_assert_str_eq(diag.file, row->file, "row %zu", i);
            cr_assert_not_null(strstr(diag.text, "estore"), "row %zu names no remedy", i);
        } else {
            cr_assert(eq(int, status, OK), "row %zu: %s", i, diag.text);
            cr_assert(eq(int, decision.kind, row->kind), "row %zu", i);
            cr_assert(eq(i64, decision.batch, row->batch), "row %zu", i);
        }
    }
}

/* Every pair of dense logs up to 5 batches: accepted exactly when the last batch is committed or
 * the one before is, never otherwise, and never a batch before a committed one. */
Test(recovery, accepts_only_the_two_states_that_a_crash_leaves)
{
    static const int64_t ids[] = {0, 1, 2, 3, 4};
    for (size_t offset_count = 0; offset_count <= 5; offset_count++) {
        for (size_t commit_count = 0; commit_count <= 5; commit_count++) {
            struct recovery_logs logs = {.checkpoint = "/c",
                                         .retained = 100,
                                         .offsets = {ids, offset_count},
                                         .commits = {ids, commit_count}};
            struct recovery_decision decision = {0};
            struct diag diag = {0};
            enum status status = recovery_decide(&logs, &decision, &diag);
            bool expected = offset_count == commit_count || offset_count == commit_count + 1;
            cr_assert(eq(int, status == OK, expected));
            if (expected) {
                cr_assert(eq(i64, decision.batch, (int64_t)commit_count));
            }
        }
    }
}

Test(recovery, watermark_that_no_batch_can_have_is_refused_by_name)
{
    static const struct {
        int64_t before_ms;
        int64_t watermark_ms;
        bool fits;
    } cases[] = {{0, 0, true},
                 {0, 1000, true},
                 {1000, 1000, true},
                 {0, INT64_MAX / 1000, true},
                 {1000, 999, false},
                 {-1, 0, false},
                 {0, -1, false},
                 {0, INT64_MAX / 1000 + 1, false},
                 {0, INT64_MAX, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diag diag = {0};
        enum status status = recovery_check_watermarks(
            "/c/commits/3", cases[i].before_ms, cases[i].watermark_ms, &diag);
        cr_assert(eq(int, status, cases[i].fits ? OK : ERR_FAILED), "row %zu", i);
        if (!cases[i].fits) {
            cr_assert_str_eq(diag.error_class, "CHECKPOINT_INCONSISTENT");
            cr_assert_str_eq(diag.file, "/c/commits/3");
        }
    }
}
