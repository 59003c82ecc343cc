/* "topics": Kafka's topics, under Kafka's rules for names and settings. */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"

#define DAYS_MS(days) ((days)*INT64_C(86400000))

/* org.apache.kafka.common.internals.Topic: 1 to 249 of these characters, not "." or "..". */
static bool topic_name_fits(const char *name)
{
    enum { NAME_SIZE_MAX = 249 };
    size_t length = strlen(name);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return length >= 1 && length <= NAME_SIZE_MAX && strspn(name, allowed) == length &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static struct topic_config read_topic(const char *name, const json_t *topic)
{
    return (struct topic_config){
        .name = name,
        .partitions = (int32_t)value_int(topic, "partitions", 0),
        .replication_factor = (int32_t)value_int(topic, "replication.factor", 1),
        .min_insync_replicas = (int32_t)value_int(topic, "min.insync.replicas", 1),
        .retention_ms = value_milliseconds(topic, "retention.ms", DAYS_MS(7)),
        .retention_bytes = value_bytes(topic, "retention.bytes", -1),
        .segment_ms = value_milliseconds(topic, "segment.ms", DAYS_MS(7)),
        .segment_bytes = value_bytes(topic, "segment.bytes", INT64_C(1) << 30),
        .unclean_election = value_bool(topic, "unclean.leader.election.enable", false),
    };
}

static enum status
check_topic(struct loader *loader, const struct topic_config *topic, const char *path)
{
    char place[DOCUMENT_PATH_SIZE] = "";
    memcpy(place, path, strlen(path) + 1);
    if (!topic_name_fits(topic->name)) {
        return loader_fail(loader,
                           true,
                           path,
                           "no name for a topic, expected 1 to 249 letters, digits, '.', '_', '-'");
    }
    if ((uint32_t)topic->replication_factor > loader->scenario->cluster.brokers) {
        document_path_member(place, "replication.factor");
        return loader_fail(loader,
                           false,
                           place,
                           "%d replicas, but the cluster has %u broker%s; expected at most as many",
                           topic->replication_factor,
                           loader->scenario->cluster.brokers,
                           loader->scenario->cluster.brokers == 1 ? "" : "s");
    }
    if (topic->min_insync_replicas > topic->replication_factor) {
        document_path_member(place, "min.insync.replicas");
        return loader_fail(loader,
                           false,
                           place,
                           "%d replicas in sync, but \"replication.factor\" is %d: nothing could "
                           "ever be written",
                           topic->min_insync_replicas,
                           topic->replication_factor);
    }
    return OK;
}

enum status load_topics(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    json_t *topics = json_object_get(loader->document.root, "topics");
    scenario->topics =
        arena_alloc(loader->arena, json_object_size(topics) * sizeof *scenario->topics);
    const char *name;
    json_t *value;
    json_object_foreach(topics, name, value)
    {
        if (!json_is_object(value)) {
            continue; /* a note */
        }
        char path[DOCUMENT_PATH_SIZE] = "topics";
        document_path_member(path, name);
        struct topic_config topic = read_topic(arena_strdup(loader->arena, name), value);
        TRY(check_topic(loader, &topic, path));
        scenario->topics[scenario->topic_count++] = topic;
    }
    require(scenario->topic_count > 0);
    return OK;
}

size_t topic_index(const struct scenario *scenario, const char *name)
{
    size_t index = 0;
    while (index < scenario->topic_count && strcmp(scenario->topics[index].name, name) != 0) {
        index++;
    }
    return index;
}

const char *const *topic_names(const struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const char **names = arena_alloc(loader->arena, (scenario->topic_count + 1) * sizeof *names);
    for (size_t i = 0; i < scenario->topic_count; i++) {
        names[i] = scenario->topics[i].name;
    }
    return names;
}
