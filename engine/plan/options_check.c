/* What one option alone does not show. */
#include <string.h>

#include "engine/base/units.h"
#include "engine/plan/options.h"

bool options_plain_path(const char *path)
{
    if (path[0] != '/') {
        return false;
    }
    for (const char *part = path + 1;; part += strcspn(part, "/") + 1) {
        size_t size = strcspn(part, "/");
        bool dots = part[0] == '.' && (size == 1 || (size == 2 && part[1] == '.'));
        if (size == 0 || dots) {
            return false;
        }
        if (part[size] == '\0') {
            return true;
        }
    }
}

static enum status
check_path(const char *name, const char *path, const char *such, struct diag *diag)
{
    if (options_plain_path(path)) {
        return OK;
    }
    return diag_fail(diag,
                     "INVALID_OPTION",
                     "option \"%s\" is \"%.200s\"; expected an absolute path without empty, "
                     "\".\" or \"..\" parts, such as %s",
                     name,
                     path,
                     such);
}

enum status options_check(const struct options *options, struct diag *diag)
{
    if (options->checkpoint_location == NULL) {
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "option \"checkpointLocation\" is missing: without it a restart knows "
                         "nothing; give the absolute path of a directory");
    }
    TRY(check_path(
        "checkpointLocation", options->checkpoint_location, "/shared/checkpoints/flights", diag));
    if (options->local_dir != NULL) {
        TRY(check_path("spark.local.dir", options->local_dir, "/var/tmp/aftershock", diag));
    }
    if (options->executor_heartbeat_us >= options->network_timeout_us) {
        char heartbeat[48];
        char timeout[48];
        duration_format(options->executor_heartbeat_us, heartbeat);
        duration_format(options->network_timeout_us, timeout);
        /* Spark's SparkConf.validateSettings refuses it too. */
        return diag_fail(diag,
                         "INVALID_OPTION",
                         "spark.executor.heartbeatInterval (%s) must be less than "
                         "spark.network.timeout (%s), or every executor is lost",
                         heartbeat,
                         timeout);
    }
    return OK;
}
