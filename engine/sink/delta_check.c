/* Is this table ours to append these rows to? A new one: are the columns' names allowed? One that
 * is there: do we know its features, do the columns fit? */
#include "engine/sink/delta_table.h"

static enum status check_name(struct delta_table *table, const char *name, struct diag *diag)
{
    if (name[0] != '\0' && strpbrk(name, " ,;{}()\n\t=") == NULL) {
        return OK;
    }
    return delta_table_fail(table,
                            diag,
                            -1,
                            "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
                            "The column name '%s' has a character among ' ,;{}()\\n\\t='. "
                            "Rename it in `select`.",
                            name);
}

/* Does an earlier column have the name of the one that begins at `first`? */
static bool name_is_taken(const struct schema *schema, size_t first)
{
    const char *name = field_column_name(&schema->fields[first]);
    for (size_t i = 0; i < first; i += schema_column_fields(schema, i)) {
        if (schema_names_equal(field_column_name(&schema->fields[i]), name)) {
            return true;
        }
    }
    return false;
}

static enum status fail_duplicate(struct delta_table *table, const char *name, struct diag *diag)
{
    return delta_table_fail(table,
                            diag,
                            -1,
                            "DELTA_DUPLICATE_COLUMNS_FOUND",
                            "The column name '%s' occurs twice; case makes no difference.",
                            name);
}

static enum status
check_names(struct delta_table *table, const struct schema *schema, struct diag *diag)
{
    for (size_t i = 0; i < schema->count; i += schema_column_fields(schema, i)) {
        const char *name = field_column_name(&schema->fields[i]);
        TRY(check_name(table, name, diag));
        if (name_is_taken(schema, i)) {
            return fail_duplicate(table, name, diag);
        }
        for (size_t member = i; member < i + schema_column_fields(schema, i); member++) {
            const struct field *field = &schema->fields[member];
            TRY(check_name(table, field_member_name(field), diag));
            if (field->parent != NULL &&
                schema_find(schema, bytes_of_text(field->name)) != (int)member) {
                return fail_duplicate(table, field->name, diag);
            }
        }
    }
    return OK;
}

static bool same_parent(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct delta_log_field *table_field(const struct delta_table *table,
                                                 const struct field *field)
{
    for (size_t i = 0; i < table->table.field_count; i++) {
        const struct delta_log_field *known = &table->table.fields[i];
        if (strcmp(known->name, field->name) == 0 && same_parent(known->parent, field->parent)) {
            return known;
        }
    }
    return NULL;
}

/* A column that the table lacks, or has with another type, cannot be appended. */
static enum status
check_columns_fit(struct delta_table *table, const struct schema *schema, struct diag *diag)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        const struct delta_log_field *known = table_field(table, field);
        if (known == NULL || strcmp(known->type, type_name(field->type)) != 0) {
            return delta_table_fail(table,
                                    diag,
                                    -1,
                                    "DELTA_SCHEMA_CHANGED",
                                    "The query writes column '%s' as %s, but the table has %s%s. "
                                    "Change `select`, or write to a new table.",
                                    field->name,
                                    type_name(field->type),
                                    known == NULL ? "no such column" : "it as ",
                                    known == NULL ? "" : known->type);
        }
    }
    return OK;
}

/* Any column of ours may hold a null, and one that we lack does. */
static enum status check_constraints(struct delta_table *table, struct diag *diag)
{
    for (size_t i = 0; i < table->table.field_count; i++) {
        const struct delta_log_field *known = &table->table.fields[i];
        if (known->constrained || !known->nullable) {
            return delta_table_fail(table,
                                    diag,
                                    -1,
                                    "DELTA_UNSUPPORTED_TABLE",
                                    "The table's column '%s' has a constraint (%s), which this "
                                    "sink does not enforce.",
                                    known->name,
                                    known->constrained ? "delta.invariants" : "not nullable");
        }
    }
    return OK;
}

enum status
delta_table_check(struct delta_table *table, const struct delta_commit *commit, struct diag *diag)
{
    const struct schema *schema = commit->schema;
    if (table->version < 0) {
        return check_names(table, schema, diag);
    }
    if (table->table.unsupported != NULL) {
        return delta_table_fail(table,
                                diag,
                                -1,
                                "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE",
                                "The table cannot be written: %s.",
                                table->table.unsupported);
    }
    if (table->table.partitioned) {
        return delta_table_fail(table,
                                diag,
                                -1,
                                "DELTA_UNSUPPORTED_TABLE",
                                "The table is partitioned, which this sink cannot write.");
    }
    if (commit->complete && table->table.append_only) {
        return delta_table_fail(table,
                                diag,
                                -1,
                                "DELTA_CANNOT_MODIFY_APPEND_ONLY",
                                "The table allows appends only (delta.appendOnly), and output mode "
                                "complete replaces its rows. Take outputMode append or another "
                                "table, or set delta.appendOnly to false.");
    }
    TRY(check_columns_fit(table, schema, diag));
    return check_constraints(table, diag);
}
