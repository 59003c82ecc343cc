#include "sim/cli/table_export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Make every folder above `path`. */
static void make_parents(const char *path)
{
    char folder[1024];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        (void)mkdir(folder, 0777); /* an error shows when the file is opened */
    }
}

void table_export_file(void *context, const char *path, struct bytes content)
{
    struct table_export *export = context;
    if (export->failed) {
        return;
    }
    char target[1024];
    (void)snprintf(target, sizeof target, "%s/%s", export->folder, path);
    make_parents(target);
    FILE *file = fopen(target, "wb");
    bool bad = file == NULL || fwrite(content.data, 1, content.size, file) != content.size;
    if (file != NULL) {
        bad = fclose(file) != 0 || bad;
    }
    if (bad) {
        export->failed = true;
        (void)fprintf(stderr,
                      "aftershock: %s: %s cannot be written: %s\n",
                      export->option,
                      target,
                      strerror(errno));
    }
}
