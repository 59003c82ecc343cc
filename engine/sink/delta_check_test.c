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

/* ---- struct columns -------------------------------------------------------------------------- */

static const struct field windowed_fields[] = {
    {"window.start", TYPE_TIMESTAMP, "window"},
    {"window.end", TYPE_TIMESTAMP, "window"},
    {"flights", TYPE_LONG, NULL},
};
static const struct schema windowed = {.fields = windowed_fields, .count = 3};

static void expect_windowed(const char *columns, const char *error_class)
{
    struct world *world = world_new(STORE_OBJECTS);
    char text[1024];
    (void)snprintf(text, sizeof text, TABLE(VERSIONS, "%s", ""), columns);
    put_text(world, 0, text);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = {
        .batch = 0, .schema = &windowed, .next_watermark_ms = DELTA_NO_WATERMARK};
    struct delta_commit_result result;
    struct diag diag = {0};
    enum status status = delta_commit_batch(table, &commit, &result, &diag);
    if (error_class == NULL) {
        cr_assert(eq(int, status, OK), "%s: %s", columns, diag.text);
    } else {
        cr_assert(eq(int, status, ERR_FAILED), "%s", columns);
        cr_assert(eq(str, diag.error_class, error_class), "%s", diag.text);
    }
    delta_table_close(table);
}

#define STRUCT(name, members)                                                                      \
    "{\\\"name\\\":\\\"" name                                                                      \
    "\\\",\\\"type\\\":{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[" members                      \
    "]},\\\"nullable\\\":true,\\\"metadata\\\":{}}"
#define START   COLUMN("start", "timestamp")
#define END     COLUMN("end", "timestamp")
#define FLIGHTS "," COLUMN("flights", "long")

Test(delta_check, members_of_a_struct_fit_by_name_and_type)
{
    expect_windowed(STRUCT("window", START "," END) FLIGHTS, NULL);
    expect_windowed(STRUCT("window", END "," COLUMN("more", "string") "," START) FLIGHTS, NULL);
    expect_windowed(STRUCT("window", START "," END "," STRUCT("deep", START)) FLIGHTS, NULL);
    expect_windowed(STRUCT("window", START) FLIGHTS, "DELTA_SCHEMA_CHANGED");
    expect_windowed(STRUCT("window", START "," COLUMN("end", "long")) FLIGHTS,
                    "DELTA_SCHEMA_CHANGED");
    expect_windowed(STRUCT("win", START "," END) FLIGHTS, "DELTA_SCHEMA_CHANGED");
    expect_windowed(COLUMN("window", "timestamp") FLIGHTS, "DELTA_SCHEMA_CHANGED");
    expect_windowed(COLUMN("window.start", "timestamp") "," COLUMN("window.end", "timestamp")
                        FLIGHTS,
                    "DELTA_SCHEMA_CHANGED");
    expect_windowed(STRUCT("window", START "," REQUIRED("end", "timestamp")) FLIGHTS,
                    "DELTA_UNSUPPORTED_TABLE");
}

Test(delta_check, a_table_that_we_made_takes_the_next_batch)
{
    struct world *world = world_new(STORE_OBJECTS);
    for (int64_t batch = 0; batch < 2; batch++) {
        struct delta_table *table =
            delta_table_open(&world->ports, world->store, table_path, query);
        const struct delta_commit commit = {
            .batch = batch, .schema = &windowed, .next_watermark_ms = 0};
        struct delta_commit_result result;
        struct diag diag = {0};
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK), "%s", diag.text);
        delta_table_close(table);
    }
}

static void expect_struct_name_error(struct field first, struct field second, const char *expected)
{
    struct world *world = world_new(STORE_OBJECTS);
    const struct field named[] = {first, second};
    const struct schema named_schema = {.fields = named, .count = 2};
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = {
        .batch = 0, .schema = &named_schema, .next_watermark_ms = DELTA_NO_WATERMARK};
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, expected));
    delta_table_close(table);
}

Test(delta_check, names_of_structs_and_members)
{
    const struct field start = {"window.start", TYPE_TIMESTAMP, "window"};
    expect_struct_name_error(
        start, (struct field){"Window", TYPE_INT, NULL}, "DELTA_DUPLICATE_COLUMNS_FOUND");
    expect_struct_name_error((struct field){"a", TYPE_INT, NULL},
                             (struct field){"A.x", TYPE_INT, "A"},
                             "DELTA_DUPLICATE_COLUMNS_FOUND");
    expect_struct_name_error(start,
                             (struct field){"window.START", TYPE_TIMESTAMP, "window"},
                             "DELTA_DUPLICATE_COLUMNS_FOUND");
    expect_struct_name_error(start,
                             (struct field){"window.e d", TYPE_TIMESTAMP, "window"},
                             "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_struct_name_error(start,
                             (struct field){"w n.end", TYPE_TIMESTAMP, "w n"},
                             "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
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
