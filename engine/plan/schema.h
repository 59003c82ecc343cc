/* Column types and schemas: of a source's declared columns, and of what a plan puts out. */
#ifndef ENGINE_PLAN_SCHEMA_H
#define ENGINE_PLAN_SCHEMA_H

#include <stddef.h>

#include "engine/base/buf.h"

/*    enum             Spark/Delta JSON name */
#define TYPE_TABLE(X)                                                                              \
    X(TYPE_BOOLEAN, "boolean")                                                                     \
    X(TYPE_INT, "integer")                                                                         \
    X(TYPE_LONG, "long")                                                                           \
    X(TYPE_DOUBLE, "double")                                                                       \
    X(TYPE_STRING, "string")                                                                       \
    X(TYPE_TIMESTAMP, "timestamp") /* int64 microseconds since 1970 UTC */

enum type {
#define X(id, name) id,
    TYPE_TABLE(X)
#undef X
        TYPE_COUNT
};

const char *type_name(enum type type);

/* Accepts Spark's DDL names too ("int", "bigint"). False: no such type. */
bool type_parse(const char *name, enum type *type);

struct field {
    const char *name; /* a member of a struct column: "window.start" */
    enum type type;
    /* NULL, or the struct column that this is a member of: "window". Members of one struct stand
     * next to each other. Only the formats at the edge (Parquet, Delta, UnsafeRow) see a struct;
     * everything in between sees its members. */
    const char *parent;
};

struct schema {
    const struct field *fields;
    size_t count;
};

/* Do both name the same column? Case-insensitive, as Spark. */
bool schema_names_equal(const char *a, const char *b);

/* Index of the column, or -1. Case-insensitive, as Spark. */
int schema_find(const struct schema *schema, struct bytes name);

/* The name of a field inside its struct ("start"), or its whole name. */
const char *field_member_name(const struct field *field);

/* The column that a reader of a table sees: the struct of a member ("window"), or the field. */
const char *field_column_name(const struct field *field);

/* How many fields make the column whose first field is `first`: the members of its struct, or 1. */
size_t schema_column_fields(const struct schema *schema, size_t first);

/* The number of columns: a struct is one. */
size_t schema_column_count(const struct schema *schema);

/* Delta's schemaString:
 * {"type":"struct","fields":[{"name":..,"type":..,"nullable":true,"metadata":{}},..]}
 * The type of a struct column is again such an object. Everything is nullable, as Delta makes it
 * (ImplicitMetadataOperation.scala), though a struct here never is null. */
void schema_json(const struct schema *schema, struct buf *out);

#endif
