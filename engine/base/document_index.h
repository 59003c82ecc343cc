/* Where every key and value of a JSON text stands. Used by document.c only, after jansson has
 * accepted the text: the scanner here trusts its grammar, never its size or depth. Iterative; nodes
 * live in the arena. Node 0 is the root. */
#ifndef ENGINE_DOCUMENT_INDEX_H
#define ENGINE_DOCUMENT_INDEX_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

struct document_place {
    int line;   /* 1-based */
    int column; /* 1-based, in characters (code points) */
};
struct document_place document_place_of(struct bytes text, size_t offset);

/* What one look over any text tells: how deep it goes and how many values it can hold at most. */
struct document_shape {
    size_t depth;
    size_t too_deep_offset; /* of the first bracket beyond DOCUMENT_DEPTH_MAX */
    size_t values_max;
};
struct document_shape document_shape_of(struct bytes text);

struct document_node {
    size_t parent;
    const char *key; /* decoded; NULL: an array item or the root */
    size_t item;     /* of an array item */
    size_t key_offset;
    size_t value_offset;
};

struct document_index;

/* `text` is kept. `again` becomes the node whose key its object has already, the first such in the
 * text; 0 when there is none. */
struct document_index *document_index_new(struct arena *arena,
                                          struct bytes text,
                                          const struct document_shape *shape,
                                          size_t *again);

const struct document_node *document_index_node(const struct document_index *index, size_t id);
struct bytes document_index_text(const struct document_index *index);

/* The first member with the same parent and key as `id`. */
size_t document_index_earlier(const struct document_index *index, size_t id);

/* The node at `path`, or its nearest existing ancestor with `exact` false. */
size_t document_index_find(const struct document_index *index, const char *path, bool *exact);

/* The path of a node, cut to `size`. */
void document_index_path(const struct document_index *index, size_t id, char *out, size_t size);

#endif
