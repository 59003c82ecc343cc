#include "engine/plan/plan.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/fold.h"
#include "engine/plan/plan_compile.h"

void compile_path(char path[DOCUMENT_PATH_SIZE], const char *parent, const char *key)
{
    size_t size = strlen(parent);
    require(size < DOCUMENT_PATH_SIZE);
    memmove(path, parent, size + 1);
    document_path_member(path, key);
}

static enum status fail_unknown_key(struct compiler *compiler,
                                    const char *place,
                                    const char *key,
                                    const char *const *known)
{
    char text[256];
    const char *nearest = diag_nearest(key, known);
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; nearest == NULL && known[i] != NULL && size < sizeof text; i++) {
        int more = snprintf(
            text + size, sizeof text - size, "%s%s", i == 0 ? "there are " : ", ", known[i]);
        size += (size_t)more;
    }
    if (nearest != NULL) {
        (void)snprintf(text, sizeof text, "did you mean \"%s\"?", nearest);
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         place,
                         true,
                         "unknown key \"%.64s\"; %s",
                         key,
                         text);
}

enum status compile_check_keys(struct compiler *compiler,
                               json_t *object,
                               const char *path,
                               const struct known_key *keys)
{
    enum { KEYS_MAX = 32 };
    const char *candidates[KEYS_MAX + 1] = {0};
    size_t count = 0;
    for (const struct known_key *known = keys; known->name != NULL; known++) {
        if (known->why == NULL) {
            require(count < KEYS_MAX);
            candidates[count++] = known->name;
        }
    }
    void *member = json_object_iter(object);
    for (; member != NULL; member = json_object_iter_next(object, member)) {
        const char *key = json_object_iter_key(member);
        const struct known_key *known = keys;
        while (known->name != NULL && strcmp(known->name, key) != 0) {
            known++;
        }
        if (known->name != NULL && known->why == NULL) {
            continue;
        }
        char place[DOCUMENT_PATH_SIZE];
        compile_path(place, path, key);
        if (known->name != NULL) {
            return document_fail(&compiler->document,
                                 compiler->diag,
                                 PLAN_ERROR,
                                 place,
                                 true,
                                 "key \"%s\" cannot stand here: %s",
                                 key,
                                 known->why);
        }
        return fail_unknown_key(compiler, place, key, candidates);
    }
    return OK;
}

enum status compile_check_object(struct compiler *compiler, json_t *value, const char *path)
{
    if (json_is_object(value)) {
        return OK;
    }
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         path,
                         false,
                         value == NULL     ? "\"%s\" is missing: expected an object"
                         : path[0] == '\0' ? "the pipeline must be an object%s"
                                           : "\"%s\" must be an object",
                         path);
}

enum status compile_text(struct compiler *compiler,
                         json_t *object,
                         const char *path,
                         const char *key,
                         const char *standard,
                         const char **text)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL && standard != NULL) {
        *text = standard;
        return OK;
    }
    const char *found = json_string_value(value);
    if (found != NULL && found[0] != '\0' && strlen(found) == json_string_length(value)) {
        *text = arena_strdup(compiler->arena, found);
        return OK;
    }
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, key);
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         place,
                         false,
                         "\"%s\" %s",
                         key,
                         value == NULL ? "is missing: expected a text"
                                       : "must be a text that is not empty");
}

enum status compile_word(struct compiler *compiler,
                         json_t *object,
                         const char *path,
                         const char *key,
                         const struct known_key *words,
                         size_t *index)
{
    const char *text = NULL;
    TRY(compile_text(compiler, object, path, key, words[0].name, &text));
    require(text != NULL);
    for (*index = 0; words[*index].name != NULL; ++*index) {
        /* As Spark compares names of formats and modes. */
        if (fold_equal(words[*index].name, text)) {
            break;
        }
    }
    const struct known_key *word = &words[*index];
    if (word->name != NULL && word->why == NULL) {
        return OK;
    }
    char place[DOCUMENT_PATH_SIZE];
    compile_path(place, path, key);
    bool two = words[1].name != NULL && words[1].why == NULL; /* no list allows three */
    return document_fail(&compiler->document,
                         compiler->diag,
                         PLAN_ERROR,
                         place,
                         false,
                         "%s \"%.64s\" %s; expected \"%s%s%s\"",
                         key,
                         text,
                         word->name != NULL ? word->why : "is not known",
                         words[0].name,
                         two ? "\" or \"" : "",
                         two ? words[1].name : "");
}

static enum status compile_source(struct compiler *compiler, json_t *source)
{
    static const struct known_key keys[] = {{"format", NULL},
                                            {"subscribe", NULL},
                                            {"schema", NULL},
                                            {"mode", NULL},
                                            {"options", NULL},
                                            {"note", NULL},
                                            {"assign", "not built yet; use subscribe"},
                                            {"subscribePattern", "not built yet; use subscribe"},
                                            {NULL, NULL}};
    static const struct known_key formats[] = {{"kafka", NULL},
                                               {"delta", "is not built yet as a source"},
                                               {"rate", "is not built"},
                                               {"socket", "cannot be replayed"},
                                               {NULL, NULL}};
    static const struct known_key modes[] = {
        {"PERMISSIVE", NULL},
        {"FAILFAST", NULL},
        {"DROPMALFORMED", "is refused by Spark's from_json too"},
        {NULL, NULL}};
    size_t format = 0;
    size_t mode = 0;
    TRY(compile_check_object(compiler, source, "source"));
    TRY(compile_check_keys(compiler, source, "source", keys));
    TRY(compile_word(compiler, source, "source", "format", formats, &format));
    TRY(compile_word(compiler, source, "source", "mode", modes, &mode));
    compiler->plan->mode = mode == 0 ? DECODE_PERMISSIVE : DECODE_FAILFAST;
    TRY(compile_text(compiler, source, "source", "subscribe", NULL, &compiler->plan->topic));
    if (strpbrk(compiler->plan->topic, ", /\\") != NULL || strlen(compiler->plan->topic) > 249) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "source.subscribe",
                             false,
                             "\"%.100s\" is no topic name; several topics are not built yet",
                             compiler->plan->topic);
    }
    return compile_schema(compiler, json_object_get(source, "schema"));
}

static enum status compile_sink(struct compiler *compiler, json_t *sink)
{
    static const struct known_key keys[] = {
        {"format", NULL},
        {"path", NULL},
        {"outputMode", NULL},
        {"note", NULL},
        {"partitionBy", "not built yet"},
        {"options", "the sink has none; the checkpoint stands in options.checkpointLocation"},
        {"mode", "a stream has sink.outputMode"},
        {NULL, NULL}};
    static const struct known_key formats[] = {{"delta", NULL},
                                               {"parquet", "is not built as a sink"},
                                               {"console", "is not built as a sink"},
                                               {"memory", "is not built as a sink"},
                                               {NULL, NULL}};
    static const struct known_key modes[] = {{"append", NULL},
                                             {"complete", NULL},
                                             {"update", "is refused by Delta as a stream's sink"},
                                             {NULL, NULL}};
    size_t ignored = 0;
    size_t mode = 0;
    TRY(compile_check_object(compiler, sink, "sink"));
    TRY(compile_check_keys(compiler, sink, "sink", keys));
    TRY(compile_word(compiler, sink, "sink", "format", formats, &ignored));
    TRY(compile_word(compiler, sink, "sink", "outputMode", modes, &mode));
    compiler->plan->output_mode = mode == 0 ? OUTPUT_APPEND : OUTPUT_COMPLETE;
    TRY(compile_text(compiler, sink, "sink", "path", NULL, &compiler->plan->table));
    if (!options_plain_path(compiler->plan->table)) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "sink.path",
                             false,
                             "\"%.100s\" is no absolute path without empty, \".\" or \"..\" "
                             "parts; expected such as /shared/tables/flights",
                             compiler->plan->table);
    }
    return OK;
}

/* In the order in which one part needs the other. */
static enum status compile_parts(struct compiler *compiler, json_t *root)
{
    TRY(compile_text(compiler, root, "", "name", NULL, &compiler->plan->name));
    TRY(compile_source(compiler, json_object_get(root, "source")));
    TRY(compile_filter(compiler, json_object_get(root, "filter")));
    TRY(compile_watermark(compiler, json_object_get(root, "withWatermark")));
    TRY(compile_aggregation(
        compiler, json_object_get(root, "groupBy"), json_object_get(root, "agg")));
    TRY(compile_select(compiler, json_object_get(root, "select")));
    TRY(compile_sink(compiler, json_object_get(root, "sink")));
    TRY(compile_check_mode(compiler));
    return compile_options(compiler, root);
}

static enum status compile_root(struct compiler *compiler)
{
    static const struct known_key keys[] = {
        {"name", NULL},
        {"source", NULL},
        {"filter", NULL},
        {"withWatermark", NULL},
        {"groupBy", NULL},
        {"agg", NULL},
        {"select", NULL},
        {"sink", NULL},
        {"trigger", NULL},
        {"options", NULL},
        {"note", NULL},
        {"$schema", NULL},
        {"where", "the condition stands in filter"},
        {"schema", "it stands in source.schema"},
        {"outputMode", "it stands in sink.outputMode"},
        {"checkpointLocation", "it stands in options.checkpointLocation"},
        {"window", "a window stands in groupBy: {\"window\": {...}}"},
        {"sessionWindow", "session windows are not built yet"},
        {"dropDuplicates", "deduplication is not built yet"},
        {"dropDuplicatesWithinWatermark", "deduplication is not built yet"},
        {"having", "a condition on groups is not built yet"},
        {"join", "joins are not built yet"},
        {NULL, NULL}};
    const struct plan *plan = compiler->plan;
    json_t *root = compiler->document.root;
    TRY(compile_check_object(compiler, root, ""));
    TRY(compile_check_keys(compiler, root, "", keys));
    TRY(compile_parts(compiler, root));
    if (strcmp(plan->table, plan->options.checkpoint_location) == 0) {
        return document_fail(&compiler->document,
                             compiler->diag,
                             PLAN_ERROR,
                             "sink.path",
                             false,
                             "table and checkpoint are the same directory, %.200s",
                             plan->table);
    }
    return OK;
}

enum status plan_compile(struct arena *arena,
                         const char *file,
                         struct bytes json,
                         const struct option_override *overrides,
                         struct plan **plan,
                         struct diag *diag)
{
    struct compiler compiler = {.arena = arena, .overrides = overrides, .diag = diag};
    TRY(document_parse(arena, file, json, PLAN_ERROR, &compiler.document, diag));
    compiler.plan = arena_alloc(arena, sizeof *compiler.plan);
    enum status status = compile_root(&compiler);
    document_free(&compiler.document);
    *plan = status == OK ? compiler.plan : NULL;
    return status;
}
