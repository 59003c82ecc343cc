#include "engine/sink/delta_test_table.h"

/* ---- a table that is not ours to write --------------------------------------------------------
 */

static void expect_table_error(const char *table, const char *error_class)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world, 0, table);
    expect_error(world, 0, error_class);
    cr_assert(eq(sz, world->puts, 0));
}

#define TABLE(protocol, columns, partitions)                                                       \
    "{\"protocol\":{" protocol "}}\n{\"metaData\":{\"id\":\"i\",\"schemaString\":"                 \
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[" columns "]}\","                              \
    "\"partitionColumns\":[" partitions "]}}\n"
#define VERSIONS "\"minReaderVersion\":1,\"minWriterVersion\":2"
#define COLUMN(name, type)                                                                         \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":true,"          \
    "\\\"metadata\\\":{}}"
#define REQUIRED(name, type)                                                                       \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":false}"

Test(delta_check, tables_that_cannot_be_appended_to)
{
    expect_table_error(TABLE(VERSIONS, COLUMN("origin", "string"), ""), "DELTA_SCHEMA_CHANGED");
    expect_table_error(TABLE(VERSIONS, COLUMN("origin", "string") "," COLUMN("delay", "long"), ""),
                       "DELTA_SCHEMA_CHANGED");
    expect_table_error(
        TABLE(VERSIONS, COLUMN("origin", "string") "," COLUMN("delay", "integer"), "\"origin\""),
        "DELTA_UNSUPPORTED_TABLE");
    expect_table_error(
        TABLE(VERSIONS, COLUMN("origin", "string") "," REQUIRED("delay", "integer"), ""),
        "DELTA_UNSUPPORTED_TABLE");
    expect_table_error(TABLE("\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
                             "\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\"]",
                             COLUMN("origin", "string") "," COLUMN("delay", "integer"),
                             ""),
                       "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE");
}

Test(delta_check, a_table_with_more_columns_takes_ours)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world,
             0,
             TABLE(VERSIONS,
                   COLUMN("delay", "integer") "," COLUMN("more", "double") "," COLUMN("origin",
                                                                                      "string"),
                   ""));
    expect_committed(world, 0, 1);
}

static void expect_name_error(const char *name, const char *error_class)
{
    struct world *world = world_new(STORE_OBJECTS);
    const struct field named[] = {{"origin", TYPE_STRING}, {name, TYPE_INT}};
    const struct schema named_schema = {.fields = named, .count = 2};
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = {
        .batch = 0, .schema = &named_schema, .next_watermark_ms = DELTA_NO_WATERMARK};
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, error_class));
    cr_assert(eq(sz, world->puts, 0));
    delta_table_close(table);
}

Test(delta_check, column_names_of_a_new_table)
{
    expect_name_error("a b", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("sum(x)", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("a=b", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("Origin", "DELTA_DUPLICATE_COLUMNS_FOUND");
}
