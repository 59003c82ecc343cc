/* The records of a Parquet file as JSON objects, one after another: any schema (structs, lists,
 * maps), what Spark, delta-rs, DuckDB and Arrow write (parquet_pages.h). One page a column is in
 * memory at a time. Used for the rows of a table and for the checkpoints of a Delta log. Shares no
 * code with the writer. Safe on hostile bytes.
 *
 * The schema becomes a small program that a record runs through: text, a value, a jump over what is
 * null, a jump back while a list goes on. Source: Melnik et al., Dremel, VLDB 2010, section 4.3. */
#ifndef SIM_CHECK_PARQUET_RECORDS_H
#define SIM_CHECK_PARQUET_RECORDS_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"

struct parquet_records;

/* One member of each record. */
struct record_column {
    struct bytes name;
    const char *json; /* what it is in every record; NULL: the file's column of that name, null when
                         there is none */
};

/* Open a whole file, which stays the caller's. `columns` says what a record has, in order; NULL:
 * all columns of the file. NULL, or what is wrong; `*records` is to be closed on success. */
const char *parquet_records_open(struct bytes file,
                                 const struct record_column *columns,
                                 size_t count,
                                 struct parquet_records **records);

/* How many records the file has. */
int64_t parquet_records_count(const struct parquet_records *records);

/* Append the next record to `out`; `*more` is false behind the last. NULL, or what is wrong, a text
 * that lives until the close. */
const char *parquet_records_next(struct parquet_records *records, struct buf *out, bool *more);

void parquet_records_close(struct parquet_records *records);

#endif
