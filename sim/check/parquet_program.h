/* A Parquet schema as the program that prints a record of it as JSON; between the parquet_*.c of
 * this folder only. */
#ifndef SIM_CHECK_PARQUET_PROGRAM_H
#define SIM_CHECK_PARQUET_PROGRAM_H

#include "sim/check/parquet_footer.h"
#include "sim/check/parquet_records.h"
#include "sim/check/value.h"

enum step_kind {
    STEP_TEXT,   /* print it */
    STEP_VALUE,  /* print the leaf's next value */
    STEP_KEY,    /* the same as the key of an object */
    STEP_UNLESS, /* when the leaf's next entry is not as deep as `level`: pass one entry of each
                    leaf, print the text ("null", or nothing), go to the target */
    STEP_AGAIN /* when the leaf's next entry repeats at `level`: print a comma, go to the target */
};

struct program_step {
    enum step_kind kind;
    struct bytes text;
    size_t leaf;
    size_t leaf_end;
    uint32_t level;
    size_t target;
};

struct parquet_program {
    struct program_step *steps;
    size_t count;
    bool *reads; /* a leaf each */
};

/* NULL, or what is wrong with the schema (a constant text). */
const char *parquet_program_make(const struct parquet_footer *footer,
                                 const struct record_column *columns,
                                 size_t count,
                                 struct arena *arena,
                                 struct parquet_program *program);

/* A value of the leaf as JSON. */
void parquet_value_json(const struct parquet_element *leaf,
                        const struct value *value,
                        struct buf *out);

#endif
