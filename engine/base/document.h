/* A JSON document with positions: jansson parses, and an index of our own (jansson keeps none)
 * knows line and column of every key and value, so that each complaint about a pipeline or scenario
 * names its place. Duplicate keys are refused. For configuration only, never for records. jansson
 * runs on the thread's own stack (it may go deep). */
#ifndef ENGINE_DOCUMENT_H
#define ENGINE_DOCUMENT_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/diag.h"

enum { DOCUMENT_DEPTH_MAX = 64, DOCUMENT_PATH_SIZE = 512, DOCUMENT_SIZE_MAX = 1 << 20 };

struct document_index;

struct document {
    const char *file; /* for messages */
    json_t *root;     /* owned: document_free */
    struct document_index *index;
};

/* Parse `text`, which is an object or an array. The text is copied; `file` is kept.
 * Errors: ERR_FAILED with `diag` (class `error_class`): not JSON (line, column, what was found), a
 * duplicate key (at the later one), deeper than DOCUMENT_DEPTH_MAX levels, not UTF-8, larger than
 * DOCUMENT_SIZE_MAX. */
MUST_CHECK enum status document_parse(struct arena *arena,
                                      const char *file,
                                      struct bytes text,
                                      const char *error_class,
                                      struct document *document,
                                      struct diag *diag);
void document_free(struct document *document);

/* Complain about the place `path`: members joined by '.', array items as [2]; a key that is no
 * plain identifier is written in brackets: topics.flights["replication.factor"]. Fills file, line,
 * column and path of `diag` (unless one is set already) and the text. A path that does not exist is
 * located at its nearest existing ancestor (a missing key: the object it is missing from).
 * * at_key  the place is the key, not its value (unknown keys)
 * Always returns ERR_FAILED. */
enum status document_fail(const struct document *document,
                          struct diag *diag,
                          const char *error_class,
                          const char *path,
                          bool at_key,
                          const char *format,
                          ...) __attribute__((format(printf, 6, 7)));

/* The line of the place `path` (1-based), found as document_fail finds it. */
int document_line(const struct document *document, const char *path);

/* Append a member or an item to a path that document_fail understands. `path` holds
 * DOCUMENT_PATH_SIZE bytes; what does not fit is left out whole. */
void document_path_member(char *path, const char *key);
void document_path_item(char *path, size_t index);

/* Make jansson allocate from the current process' heap and hash with a fixed seed. Before its first
 * use in the program (again does no harm); json_t never crosses processes. */
void document_setup(void);

#endif
