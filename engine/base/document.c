#include "engine/base/document.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/document_index.h"
#include "engine/base/fiber.h"
#include "engine/base/heap.h"

void document_setup(void)
{
    json_set_alloc_funcs(heap_alloc, heap_free);
    json_object_seed(0x5eed);
}

/* ---- parsing ------------------------------------------------------------------------------- */

struct load {
    const char *file;
    const char *error_class;
    struct bytes text;
    json_t *root;
    json_error_t error;
};

static void load_on_thread_stack(void *argument)
{
    struct load *load = argument;
    load->root = json_loadb((const char *)load->text.data, load->text.size, 0, &load->error);
}

static void place_at(struct diag *diag, const char *file, struct bytes text, size_t offset)
{
    struct document_place place = document_place_of(text, offset);
    (void)snprintf(diag->file, sizeof diag->file, "%s", file);
    diag->line = place.line;
    diag->column = place.column;
}

/* jansson stops behind the token that it could not use; people look for its beginning. */
static size_t error_offset(const json_error_t *error, size_t size)
{
    size_t offset = error->position < 0 ? 0 : (size_t)error->position;
    const char *near = strstr(error->text, " near '");
    if (near != NULL) {
        size_t token = strlen(near + strlen(" near '"));
        token -= token > 0 ? 1 : 0; /* the closing quote */
        offset -= token <= offset ? token : offset;
    }
    return offset < size ? offset : size;
}

/* jansson quotes the token that it could not use, which may be half of a password. Line and column
 * say where it stands; only a single byte or the end of the file says more. */
static void hide_token(char *text)
{
    char *near = strstr(text, " near '");
    if (near != NULL && strlen(near) > strlen(" near '}'")) {
        *near = '\0';
    }
}

/* A message is one line, whatever a file holds. UTF-8 stays. */
static void make_printable(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F) {
            *c = '?';
        }
    }
}

static enum status fail_parse(const struct load *load, struct diag *diag)
{
    char text[JSON_ERROR_TEXT_LENGTH];
    (void)snprintf(text, sizeof text, "%s", load->error.text);
    hide_token(text);
    make_printable(text);
    place_at(diag, load->file, load->text, error_offset(&load->error, load->text.size));
    if (load->text.size >= 3 && memcmp(load->text.data, "\xef\xbb\xbf", 3) == 0) {
        return diag_fail(diag,
                         load->error_class,
                         "not JSON: the file begins with a byte order mark; save it as UTF-8 "
                         "without one");
    }
    return diag_fail(diag, load->error_class, "not JSON: %s", text);
}

static enum status
check_shape(const struct load *load, struct document_shape *shape, struct diag *diag)
{
    if (load->text.size > DOCUMENT_SIZE_MAX) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", load->file);
        return diag_fail(diag,
                         load->error_class,
                         "the file has %zu bytes; at most %d are read",
                         load->text.size,
                         DOCUMENT_SIZE_MAX);
    }
    *shape = document_shape_of(load->text);
    if (shape->depth > DOCUMENT_DEPTH_MAX) {
        place_at(diag, load->file, load->text, shape->too_deep_offset);
        return diag_fail(diag,
                         load->error_class,
                         "nested deeper than %d levels; nothing here needs that",
                         DOCUMENT_DEPTH_MAX);
    }
    return OK;
}

static enum status fail_duplicate(const struct load *load,
                                  const struct document_index *index,
                                  size_t again,
                                  struct diag *diag)
{
    const struct document_node *node = document_index_node(index, again);
    size_t first = document_index_earlier(index, again);
    size_t first_offset = document_index_node(index, first)->key_offset;
    place_at(diag, load->file, load->text, node->key_offset);
    document_index_path(index, again, diag->path, sizeof diag->path);
    char key[65];
    (void)snprintf(key, sizeof key, "%s", node->key);
    make_printable(key);
    return diag_fail(diag,
                     load->error_class,
                     "duplicate key \"%s\": it stands in line %d already; remove one",
                     key,
                     document_place_of(load->text, first_offset).line);
}

enum status document_parse(struct arena *arena,
                           const char *file,
                           struct bytes text,
                           const char *error_class,
                           struct document *document,
                           struct diag *diag)
{
    *document = (struct document){.file = file};
    if (diag->set) {
        return ERR_FAILED;
    }
    document_setup();
    struct load load = {.file = file, .error_class = error_class, .text = text};
    struct document_shape shape;
    TRY(check_shape(&load, &shape, diag));
    load.text.data = arena_copy(arena, text.size == 0 ? "" : (const void *)text.data, text.size);
    fiber_on_thread_stack(load_on_thread_stack, &load);
    if (load.root == NULL) {
        return fail_parse(&load, diag);
    }
    size_t again = 0;
    document->root = load.root;
    document->index = document_index_new(arena, load.text, &shape, &again);
    if (again != 0) {
        enum status status = fail_duplicate(&load, document->index, again, diag);
        document_free(document);
        return status;
    }
    return OK;
}

void document_free(struct document *document)
{
    json_decref(document->root);
    document->root = NULL;
    document->index = NULL;
}

/* ---- paths ---------------------------------------------------------------------------------- */

static void path_append(char *path, const char *text)
{
    size_t length = strlen(path);
    size_t more = strlen(text);
    if (length + more < DOCUMENT_PATH_SIZE) {
        memcpy(path + length, text, more + 1);
    }
}

static bool plain_identifier(const char *key)
{
    for (const char *c = key; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool later = (*c >= '0' && *c <= '9') || *c == '-' || *c == '$';
        if (!letter && !(later && (c != key || *c == '$'))) {
            return false;
        }
    }
    return key[0] != '\0';
}

void document_path_member(char *path, const char *key)
{
    char step[DOCUMENT_PATH_SIZE];
    if (plain_identifier(key)) {
        (void)snprintf(step, sizeof step, "%s%s", path[0] == '\0' ? "" : ".", key);
    } else {
        struct buf quoted = {0};
        buf_json_string(&quoted, bytes_of_text(key));
        int size = quoted.size < sizeof step ? (int)quoted.size : 0;
        (void)snprintf(step, sizeof step, "[%.*s]", size, (const char *)quoted.data);
        buf_free(&quoted);
    }
    path_append(path, step);
}

void document_path_item(char *path, size_t index)
{
    char step[32];
    (void)snprintf(step, sizeof step, "[%zu]", index);
    path_append(path, step);
}

/* ---- complaining ---------------------------------------------------------------------------- */

static struct document_place locate(const struct document *document, const char *path, bool at_key)
{
    bool exact = false;
    size_t id = document_index_find(document->index, path, &exact);
    const struct document_node *node = document_index_node(document->index, id);
    size_t offset = at_key && exact && node->key != NULL ? node->key_offset : node->value_offset;
    return document_place_of(document_index_text(document->index), offset);
}

int document_line(const struct document *document, const char *path)
{
    return locate(document, path, false).line;
}

enum status document_fail(const struct document *document,
                          struct diag *diag,
                          const char *error_class,
                          const char *path,
                          bool at_key,
                          const char *format,
                          ...)
{
    require(document->index != NULL);
    if (diag->set) {
        return ERR_FAILED;
    }
    struct document_place place = locate(document, path, at_key);
    (void)snprintf(diag->file, sizeof diag->file, "%s", document->file);
    (void)snprintf(diag->path, sizeof diag->path, "%s", path);
    diag->line = place.line;
    diag->column = place.column;
    char text[sizeof diag->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hide_token(text);
    make_printable(text);
    return diag_fail(diag, error_class, "%s", text);
}
