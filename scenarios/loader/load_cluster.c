/* "cluster": machines, storage, supervisor. */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

enum status load_cluster(struct loader *loader)
{
    const json_t *cluster = json_object_get(loader->document.root, "cluster");
    const json_t *supervisor = json_object_get(cluster, "supervisor");
    const char *storage = value_text(cluster, "storage", "disk");
    loader->scenario->cluster = (struct cluster_config){
        .brokers = (uint32_t)value_int(cluster, "brokers", 1),
        .executors = (uint32_t)value_int(cluster, "executors", 2),
        .storage = strcmp(storage, "objects") == 0 ? STORE_OBJECTS : STORE_DISK,
        .supervisor = {
            .restart_us = value_duration_us(supervisor, "restart", 20 * US_PER_SECOND),
            .executor_restart_us =
                value_duration_us(supervisor, "executor_restart", 5 * US_PER_SECOND),
            .give_up = (uint32_t)value_int(supervisor, "give_up", 5),
        }};
    require(loader->scenario->cluster.executors >= 1);
    if (loader->scenario->cluster.supervisor.restart_us < 0 &&
        value_int(supervisor, "give_up", 0) > 0) {
        return loader_fail(loader,
                           true,
                           "cluster.supervisor.give_up",
                           "\"give_up\" contradicts \"restart\": \"never\": who does not try "
                           "cannot stop trying; remove one");
    }
    return OK;
}
