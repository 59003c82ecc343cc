/* Good files, damaged: by bytes and by structure. Each is loaded or refused with a message that
 * names a place; none crashes or leaves memory behind. Bounded and the same every time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/document.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/process.h"
#include "scenarios/loader/scenario.h"

static const char good[] =
    "{\"$schema\": \"schema.json\", \"story\": \"s \\u00e9\", \"note\": \"n\",\n"
    " \"pipeline\": \"../pipelines/flight_delays.json\", \"start_time\": "
    "\"2001-01-01T00:00:00Z\",\n"
    " \"set\": {\"failOnDataLoss\": true, \"processingTime\": \"5s\"},\n"
    " \"cluster\": {\"brokers\": 3, \"executors\": 2, \"storage\": \"objects\",\n"
    "   \"supervisor\": {\"restart\": \"20s\", \"executor_restart\": \"5s\", \"give_up\": 5}},\n"
    " \"topics\": {\"flights\": {\"partitions\": 2, \"replication.factor\": 3,\n"
    "   \"min.insync.replicas\": 2, \"retention.ms\": \"24h\", \"segment.bytes\": 1048576}},\n"
    " \"workload\": [{\"to\": \"flights\", \"from\": \"bad/files/two.ndjson\", \"records\": 200,\n"
    "   \"rate\": \"1/min\", \"until\": \"30h\"}],\n"
    " \"script\": [\n"
    "  {\"id\": \"a\", \"at\": {\"time\": \"2h\"}, \"do\": \"stop\", \"target\": \"driver\"},\n"
    "  {\"at\": {\"event\": \"a\", \"plus\": \"26h\"}, \"do\": \"start\", \"target\": \"driver\",\n"
    "   \"set\": {\"failOnDataLoss\": false}},\n"
    "  {\"at\": {\"batch\": 3, \"point\": \"output.after\", \"nth\": 2}, \"do\": \"pause\",\n"
    "   \"target\": \"executor 2\", \"for\": \"1m\"},\n"
    "  {\"at\": {\"operation\": \"put\", \"path\": \"*\", \"nth\": 4}, \"do\": \"lost_reply\",\n"
    "   \"target\": \"storage\", \"applied\": true},\n"
    "  {\"at\": {\"run\": 2, \"ends\": \"error\"}, \"do\": \"crash\", \"target\": \"driver "
    "machine\",\n"
    "   \"unsynced\": \"cut\"}],\n"
    " \"expect\": {\"runs\": [{\"ends\": \"stopped\"}, {\"ends\": \"error\", \"error\": "
    "\"DATA_LOSS\",\n"
    "   \"names\": {\"topic\": \"flights\", \"partitions\": [0, 1]}, \"commits\": 0},\n"
    "   {\"resumes\": {\"batch\": 3, \"as\": \"re-run\"}, \"ends\": \"caught-up\"}],\n"
    "  \"table\": {\"lost\": {\"cause\": \"expired\", \"span\": [\"1h\", \"2h\"]}, \"repeated\": "
    "\"nothing\"},\n"
    "  \"recovery\": [{\"from\": \"crash\", \"to\": \"caught-up\", \"within\": \"45s\"}],\n"
    "  \"counts\": {\"executor-lost\": 1, \"task-failed\": {\"min\": 3, \"max\": 9}}}}\n";

static uint64_t state;

static size_t draw(size_t below)
{
    state = hash_mix64(state);
    return (size_t)(state >> 11) % below;
}

/* Load; whatever comes of it must be sound. */
static bool loads(struct bytes text)
{
    struct arena arena = {0};
    struct diag diag = {0};
    struct scenario *scenario = NULL;
    enum status status =
        scenario_load_text(&arena, "scenarios/loader/fuzz.json", text, NULL, &scenario, &diag);
    if (status == OK) {
        cr_assert(not(diag.set));
        cr_assert(ge(sz, scenario->topic_count, 1));
        cr_assert(ge(sz, scenario->workload_count, 1));
    } else {
        cr_assert(diag.set);
        cr_assert(ne(str, diag.file, ""));
        cr_assert(ge(int, diag.line, 1), "%s", diag.text);
        cr_assert(ge(int, diag.column, 1), "%s", diag.text);
        cr_assert(ne(str, diag.text, ""));
        for (const char *c = diag.text; *c != '\0'; c++) {
            cr_assert(ge(int, (unsigned char)*c, ' '));
        }
    }
    arena_free(&arena);
    return status == OK;
}

Test(fuzz, the_good_one_loads)
{
    cr_assert(loads(bytes_of_text(good)));
}

Test(fuzz, damaged_bytes)
{
    static const char odd[] = "\"\\{}[]:,0-9.eE\n\t \x7F\xC3\xFFnull";
    char text[sizeof good + 64];
    size_t loaded = 0;
    enum { ROUNDS = 4000 };
    for (size_t round = 0; round < ROUNDS; round++) {
        state = round;
        size_t size = sizeof good - 1;
        memcpy(text, good, size);
        for (size_t change = 0; change < 1 + draw(3); change++) {
            size_t at = draw(size);
            switch (draw(4)) {
            case 0:
                text[at] = odd[draw(sizeof odd - 1)];
                break;
            case 1: /* a hole */
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
                break;
            case 2: /* a piece twice */
                if (at + 20 < size) {
                    memmove(text + at + 20, text + at, size - at);
                    size += 20;
                }
                break;
            default:
                size = at + 1;
            }
        }
        loaded += loads(bytes_of(text, size));
    }
    cr_assert(gt(sz, loaded, 0));
    cr_assert(lt(sz, loaded, ROUNDS / 2));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static json_t *odd_value(void)
{
    static const char *const texts[] = {"0",
                                        "-1",
                                        "5",
                                        "9223372036854775807",
                                        "1.5",
                                        "true",
                                        "null",
                                        "[]",
                                        "{}",
                                        "[[[]]]",
                                        "\"\"",
                                        "\"never\"",
                                        "\"nothing\"",
                                        "\"20\"",
                                        "\"0s\"",
                                        "\"99999999999h\"",
                                        "\"executor 1\"",
                                        "\"storage\"",
                                        "\"sink.after\"",
                                        "\"../../../../x\"",
                                        "\"\\u0001\\n\"",
                                        "\"*\"",
                                        "{\"note\": \"n\"}",
                                        "\"objects\"",
                                        "\"disk\"",
                                        "{\"time\": \"1s\"}",
                                        "[\"1h\", \"2h\"]",
                                        "\"caught-up\""};
    return json_loads(texts[draw(sizeof texts / sizeof texts[0])], JSON_DECODE_ANY, NULL);
}

/* A container somewhere below `root`, by a walk that may stop anywhere. */
static json_t *somewhere(json_t *root)
{
    json_t *at = root;
    for (;;) {
        json_t *next = NULL;
        if (json_is_array(at) && json_array_size(at) > 0) {
            next = json_array_get(at, draw(json_array_size(at)));
        } else if (json_is_object(at) && json_object_size(at) > 0) {
            void *member = json_object_iter(at);
            for (size_t skip = draw(json_object_size(at)); skip > 0; skip--) {
                member = json_object_iter_next(at, member);
            }
            next = json_object_iter_value(member);
        }
        bool container = json_is_array(next) || json_is_object(next);
        if (!container || draw(4) == 0) {
            return at;
        }
        at = next;
    }
}

static void change_structure(json_t *root)
{
    json_t *at = somewhere(root);
    if (json_is_array(at)) {
        size_t size = json_array_size(at);
        if (size > 0 && draw(2) == 0) {
            (void)json_array_remove(at, draw(size));
        } else if (size > 0 && draw(2) == 0) {
            (void)json_array_append(at, json_array_get(at, draw(size)));
        } else {
            (void)json_array_append_new(at, odd_value());
        }
        return;
    }
    if (json_object_size(at) == 0) {
        (void)json_object_set_new(at, "surprise", odd_value());
        return;
    }
    void *member = json_object_iter(at);
    for (size_t skip = draw(json_object_size(at)); skip > 0; skip--) {
        member = json_object_iter_next(at, member);
    }
    char key[64];
    (void)snprintf(key, sizeof key, "%s", json_object_iter_key(member));
    switch (draw(3)) {
    case 0:
        (void)json_object_del(at, key);
        return;
    case 1:
        (void)json_object_set_new(at, key, odd_value());
        return;
    default:
        key[draw(strlen(key) + 1)] = 'x';
        key[sizeof key - 1] = '\0';
        (void)json_object_set_new(at, key, odd_value());
    }
}

Test(fuzz, damaged_structure)
{
    document_setup();
    size_t loaded = 0;
    enum { ROUNDS = 6000 };
    for (size_t round = 0; round < ROUNDS; round++) {
        state = round + 1000000;
        json_t *root = json_loads(good, 0, NULL);
        for (size_t change = 0; change < 1 + draw(2); change++) {
            change_structure(root);
        }
        char *text = json_dumps(root, draw(2) == 0 ? 0 : JSON_INDENT(1));
        loaded += loads(bytes_of_text(text));
        heap_free(text);
        json_decref(root);
    }
    cr_assert(gt(sz, loaded, ROUNDS / 100));
    cr_assert(lt(sz, loaded, ROUNDS / 2));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
