/* aftershock init [DIR]: a first scenario and pipeline to start from. Never overwrites. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/cli.h"

static const struct {
    const char *name;
    const char *content;
} files[] = {
    {"aftershock.json", "{\"note\": \"The folder that scenario paths may not leave.\"}\n"},
    {"pipeline.json",
     "{\n"
     "  \"name\": \"orders\",\n"
     "  \"source\": {\n"
     "    \"format\": \"kafka\",\n"
     "    \"subscribe\": \"orders\",\n"
     "    \"schema\": {\"id\": \"long\", \"item\": \"string\", \"price\": \"double\"},\n"
     "    \"options\": {\"startingOffsets\": \"earliest\", \"maxOffsetsPerTrigger\": 50}\n"
     "  },\n"
     "  \"filter\": \"price > 10 and item is not null\",\n"
     "  \"select\": [\"id\", \"item\", {\"as\": \"gross\", \"is\": \"price * 1.25\"}],\n"
     "  \"sink\": {\"format\": \"delta\", \"path\": \"/shared/tables/orders\", \"outputMode\": "
     "\"append\"},\n"
     "  \"trigger\": {\"processingTime\": \"10s\"},\n"
     "  \"options\": {\"checkpointLocation\": \"/shared/checkpoints/orders\"}\n"
     "}\n"},
    {"orders.ndjson",
     "{\"id\":1,\"item\":\"lamp\",\"price\":32.5}\n{\"id\":2,\"item\":\"pen\",\"price\":2.25}\n"
     "{\"id\":3,\"item\":\"chair\",\"price\":80}\n{\"id\":4,\"item\":null,\"price\":12}\n"},
    {"driver-crash.json",
     "{\n"
     "  \"story\": \"The driver dies after the Delta commit of batch 2 and before commits/2. The "
     "batch runs again and must "
     "not be written twice.\",\n"
     "  \"pipeline\": \"pipeline.json\",\n"
     "  \"cluster\": {\"brokers\": 1, \"executors\": 2, \"storage\": \"disk\", \"supervisor\": "
     "{\"restart\": \"20s\"}},\n"
     "  \"topics\": {\"orders\": {\"partitions\": 2}},\n"
     "  \"workload\": [{\"to\": \"orders\", \"from\": \"orders.ndjson\", \"records\": 200, "
     "\"rate\": \"4/s\"}],\n"
     "  \"script\": [{\"at\": {\"batch\": 2, \"point\": \"sink.after\"}, \"do\": \"crash\", "
     "\"target\": \"driver\"}],\n"
     "  \"expect\": {\n"
     "    \"runs\": [{\"ends\": \"crashed\"}, {\"resumes\": {\"batch\": 2, \"as\": \"re-run\"}, "
     "\"ends\": \"caught-up\"}],\n"
     "    \"table\": {\"lost\": \"nothing\", \"repeated\": \"nothing\"}\n"
     "  }\n"
     "}\n"},
    {"windows-pipeline.json",
     "{\n"
     "  \"name\": \"sales\",\n"
     "  \"source\": {\n"
     "    \"format\": \"kafka\",\n"
     "    \"subscribe\": \"sales\",\n"
     "    \"schema\": {\"at\": \"timestamp\", \"item\": \"string\", \"price\": \"double\"},\n"
     "    \"options\": {\"startingOffsets\": \"earliest\"}\n"
     "  },\n"
     "  \"withWatermark\": {\"eventTime\": \"at\", \"delayThreshold\": \"10 minutes\"},\n"
     "  \"groupBy\": [{\"window\": {\"timeColumn\": \"at\", \"windowDuration\": \"30 minutes\"}}, "
     "\"item\"],\n"
     "  \"agg\": [{\"as\": \"sold\", \"is\": \"count(*)\"}, {\"as\": \"turnover\", \"is\": "
     "\"sum(price)\"}],\n"
     "  \"sink\": {\"format\": \"delta\", \"path\": \"/shared/tables/sales\", \"outputMode\": "
     "\"append\"},\n"
     "  \"trigger\": {\"processingTime\": \"5s\"},\n"
     "  \"options\": {\"checkpointLocation\": \"/shared/checkpoints/sales\", "
     "\"spark.sql.shuffle.partitions\": 2}\n"
     "}\n"},
    {"sales.ndjson",
     "{\"at\":\"2001-01-01T00:00:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T00:05:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T00:10:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T00:25:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T00:15:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T00:35:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T00:40:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T00:45:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T00:50:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T00:55:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T01:00:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T01:05:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T01:10:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T01:15:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T01:20:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T01:25:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T01:30:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T01:35:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T01:40:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T00:30:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T01:45:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T01:50:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T00:20:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T01:55:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T02:00:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T02:05:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T02:10:00Z\",\"item\":\"chair\",\"price\":80}\n"
     "{\"at\":\"2001-01-01T02:15:00Z\",\"item\":\"lamp\",\"price\":32.5}\n"
     "{\"at\":\"2001-01-01T02:20:00Z\",\"item\":\"pen\",\"price\":2.25}\n"
     "{\"at\":\"2001-01-01T02:25:00Z\",\"item\":\"chair\",\"price\":80}\n"},
    {"windows.json",
     "{\n"
     "  \"story\": \"Sales by half an hour and item; one comes too late by far and counts nowhere. "
     "An executor dies when its part of the state "
     "of "
     "batch 2 is durable and nobody knows: the task runs again elsewhere, and every sale counts "
     "once.\",\n"
     "  \"pipeline\": \"windows-pipeline.json\",\n"
     "  \"cluster\": {\"brokers\": 1, \"executors\": 2, \"storage\": \"disk\"},\n"
     "  \"topics\": {\"sales\": {\"partitions\": 2}},\n"
     "  \"workload\": [{\"to\": \"sales\", \"from\": \"sales.ndjson\", \"records\": 30, \"rate\": "
     "\"2/s\"}],\n"
     "  \"script\": [{\"at\": {\"batch\": 2, \"point\": \"state.after\"}, \"do\": \"crash\", "
     "\"target\": \"executor\"}],\n"
     "  \"expect\": {\n"
     "    \"runs\": [{\"ends\": \"caught-up\"}],\n"
     "    \"table\": {\"lost\": \"nothing\", \"repeated\": \"nothing\"}\n"
     "  }\n"
     "}\n"},
};

int command_init(const struct cli *cli)
{
    const char *folder = cli->file_count > 0 ? cli->files[0] : "my-scenarios";
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "aftershock: %s cannot be made: %s\n", folder, strerror(errno));
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        FILE *file = fopen(path, "wx");
        bool bad = file == NULL || fputs(files[i].content, file) == EOF;
        if (file != NULL) {
            bad = fclose(file) != 0 || bad;
        }
        if (bad) {
            if (errno == EEXIST) {
                (void)fprintf(stderr,
                              "aftershock: %s is there already, and nothing is written over; name "
                              "another folder: aftershock init DIR\n",
                              path);
            } else {
                (void)fprintf(
                    stderr, "aftershock: %s cannot be written: %s\n", path, strerror(errno));
            }
            return EXIT_USAGE;
        }
        (void)printf("%s\n", path);
    }
    (void)printf("now: aftershock run --timeline %s/driver-crash.json\n"
                 "and, with state: aftershock run --timeline %s/windows.json\n",
                 folder,
                 folder);
    return EXIT_AS_EXPECTED;
}
