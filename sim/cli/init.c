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
            (void)fprintf(stderr, "aftershock: %s cannot be written: %s\n", path, strerror(errno));
            return EXIT_USAGE;
        }
        (void)printf("%s\n", path);
    }
    (void)printf("now: aftershock run --timeline %s/driver-crash.json\n", folder);
    return EXIT_AS_EXPECTED;
}
