#include "sim/fakes/disk_files.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

char *text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = heap_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

/* ---- inodes --------------------------------------------------------------------------------- */

struct disk_inode *inode_new(struct file_system *fs, const char *path, bool directory)
{
    struct disk_inode *inode = heap_alloc(sizeof *inode);
    inode->directory = directory;
    inode->path = text_copy(path);
    inode->previous = fs->last;
    if (fs->last != NULL) {
        fs->last->next = inode;
    } else {
        fs->first = inode;
    }
    fs->last = inode;
    return inode;
}

void inode_release(struct file_system *fs, struct disk_inode *inode)
{
    require(inode->references > 0);
    inode->references--;
    fs->garbage = fs->garbage || inode->references == 0;
}

void file_system_init(struct file_system *fs, const char *root)
{
    *fs = (struct file_system){0};
    fs->root = inode_new(fs, root, true);
    fs->root->references = 1;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Where `name` stands, or would stand. */
static size_t names_at(const struct disk_names *names, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = names->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names->items[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct disk_inode *names_find(const struct disk_names *names, const char *name)
{
    bool found = false;
    size_t at = names_at(names, name, &found);
    return found ? names->items[at].inode : NULL;
}

static void names_set(struct file_system *fs,
                      struct disk_names *names,
                      const char *name,
                      struct disk_inode *inode)
{
    bool found = false;
    size_t at = names_at(names, name, &found);
    inode->references++;
    if (found) {
        inode_release(fs, names->items[at].inode);
        names->items[at].inode = inode;
        return;
    }
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 8 : 2 * names->capacity;
        names->items = heap_realloc(names->items, names->capacity * sizeof *names->items);
    }
    memmove(names->items + at + 1, names->items + at, (names->count - at) * sizeof *names->items);
    names->items[at] = (struct disk_name){.name = text_copy(name), .inode = inode};
    names->count++;
}

/* Removing what is not there does nothing: an earlier operation may have been dropped. */
static void names_remove(struct file_system *fs, struct disk_names *names, const char *name)
{
    bool found = false;
    size_t at = names_at(names, name, &found);
    if (!found) {
        return;
    }
    inode_release(fs, names->items[at].inode);
    heap_free(names->items[at].name);
    names->count--;
    memmove(names->items + at, names->items + at + 1, (names->count - at) * sizeof *names->items);
}

static void names_clear(struct file_system *fs, struct disk_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        inode_release(fs, names->items[i].inode);
        heap_free(names->items[i].name);
    }
    heap_free(names->items);
    *names = (struct disk_names){0};
}

static void
apply_op(struct file_system *fs, struct disk_names *names, const struct disk_name_op *op)
{
    if (op->removed != NULL) {
        names_remove(fs, names, op->removed);
    }
    if (op->set != NULL) {
        names_set(fs, names, op->set, op->inode);
    }
}

static void free_op(struct file_system *fs, struct disk_name_op *op)
{
    heap_free(op->removed);
    heap_free(op->set);
    if (op->inode != NULL) {
        inode_release(fs, op->inode);
    }
}

void directory_change(struct file_system *fs,
                      struct disk_inode *directory,
                      uint32_t machine,
                      const char *removed,
                      const char *set,
                      struct disk_inode *inode)
{
    require(directory->directory);
    require((set != NULL) == (inode != NULL));
    if (directory->op_count == directory->op_capacity) {
        directory->op_capacity = directory->op_capacity == 0 ? 4 : 2 * directory->op_capacity;
        directory->ops =
            heap_realloc(directory->ops, directory->op_capacity * sizeof *directory->ops);
    }
    struct disk_name_op *op = &directory->ops[directory->op_count++];
    *op = (struct disk_name_op){.machine = machine,
                                .removed = removed == NULL ? NULL : text_copy(removed),
                                .set = set == NULL ? NULL : text_copy(set),
                                .inode = inode};
    if (inode != NULL) {
        inode->references++;
    }
    apply_op(fs, &directory->names, op);
}

/* What is settled at the head of the list is simply durable. */
static void collapse_ops(struct file_system *fs, struct disk_inode *directory)
{
    size_t done = 0;
    while (done < directory->op_count && directory->ops[done].settled) {
        apply_op(fs, &directory->durable_names, &directory->ops[done]);
        free_op(fs, &directory->ops[done]);
        done++;
    }
    directory->op_count -= done;
    if (done > 0) {
        memmove(
            directory->ops, directory->ops + done, directory->op_count * sizeof *directory->ops);
    }
}

void directory_sync(struct file_system *fs, struct disk_inode *directory)
{
    for (size_t i = 0; i < directory->op_count; i++) {
        directory->ops[i].settled = true;
    }
    collapse_ops(fs, directory);
    require(directory->op_count == 0);
}

void directory_drop(struct file_system *fs, struct disk_inode *directory, size_t at)
{
    require(at < directory->op_count);
    free_op(fs, &directory->ops[at]);
    directory->op_count--;
    memmove(directory->ops + at,
            directory->ops + at + 1,
            (directory->op_count - at) * sizeof *directory->ops);
}

void directory_rebuild(struct file_system *fs, struct disk_inode *directory)
{
    collapse_ops(fs, directory);
    names_clear(fs, &directory->names);
    for (size_t i = 0; i < directory->durable_names.count; i++) {
        names_set(fs,
                  &directory->names,
                  directory->durable_names.items[i].name,
                  directory->durable_names.items[i].inode);
    }
    for (size_t i = 0; i < directory->op_count; i++) {
        apply_op(fs, &directory->names, &directory->ops[i]);
    }
}

/* ---- freeing -------------------------------------------------------------------------------- */

static void free_inode(struct file_system *fs, struct disk_inode *inode)
{
    names_clear(fs, &inode->names);
    names_clear(fs, &inode->durable_names);
    for (size_t i = 0; i < inode->op_count; i++) {
        free_op(fs, &inode->ops[i]);
    }
    heap_free(inode->ops);
    for (size_t i = 0; i < inode->write_count; i++) {
        heap_free(inode->writes[i].data);
    }
    heap_free(inode->writes);
    buf_free(&inode->content);
    buf_free(&inode->durable);
    if (inode->previous != NULL) {
        inode->previous->next = inode->next;
    } else {
        fs->first = inode->next;
    }
    if (inode->next != NULL) {
        inode->next->previous = inode->previous;
    } else {
        fs->last = inode->previous;
    }
    heap_free(inode->path);
    heap_free(inode);
}

void file_system_sweep(struct file_system *fs)
{
    while (fs->garbage) { /* freeing a directory may leave what it named without references */
        fs->garbage = false;
        struct disk_inode *next = NULL;
        for (struct disk_inode *inode = fs->first; inode != NULL; inode = next) {
            next = inode->next;
            if (inode->references == 0) {
                free_inode(fs, inode);
            }
        }
    }
}

void file_system_wipe(struct file_system *fs)
{
    /* Nobody outside may refer to it any more; inside, the names keep each other. */
    for (struct disk_inode *inode = fs->first; inode != NULL; inode = inode->next) {
        names_clear(fs, &inode->names);
        names_clear(fs, &inode->durable_names);
        for (size_t i = 0; i < inode->op_count; i++) {
            free_op(fs, &inode->ops[i]);
        }
        inode->op_count = 0;
    }
    inode_release(fs, fs->root);
    file_system_sweep(fs);
    require(fs->first == NULL);
}

/* ---- paths ---------------------------------------------------------------------------------- */

enum status disk_next_component(const char **rest, char name[NAME_SIZE_MAX + 1])
{
    const char *start = *rest + 1;
    const char *end = strchr(start, '/');
    size_t size = end == NULL ? strlen(start) : (size_t)(end - start);
    bool dots = (size == 1 && start[0] == '.') || (size == 2 && memcmp(start, "..", 2) == 0);
    if (size == 0 || size > NAME_SIZE_MAX || dots) {
        return ERR_INVALID;
    }
    memcpy(name, start, size);
    name[size] = '\0';
    *rest = end;
    return OK;
}

enum status
file_system_find(const struct file_system *fs, const char *path, struct disk_place *place)
{
    char name[NAME_SIZE_MAX + 1];
    const char *rest = path;
    require(path[0] == '/');
    *place = (struct disk_place){0};
    TRY(disk_next_component(&rest, name)); /* the root's own name */
    struct disk_inode *inode = fs->root;
    while (rest != NULL) {
        if (inode == NULL || !inode->directory) {
            return ERR_NOT_FOUND;
        }
        place->directory = inode;
        place->name = rest + 1;
        TRY(disk_next_component(&rest, name));
        inode = names_find(&inode->names, name);
    }
    place->inode = inode;
    return OK;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void apply_write(struct buf *bytes, const struct disk_write *write)
{
    if (write->truncate) {
        buf_clear(bytes);
    }
    if (write->size == 0) {
        return;
    }
    size_t end = write->offset + write->size;
    if (end > bytes->size) {
        size_t more = end - bytes->size;
        memset(buf_extend(bytes, more), 0, more); /* a hole reads as zeros */
    }
    memcpy(bytes->data + write->offset, write->data, write->size);
}

static void
add_write(struct disk_inode *inode, uint32_t machine, uint64_t offset, struct bytes data, bool cut)
{
    require(!inode->directory);
    if (inode->write_count == inode->write_capacity) {
        inode->write_capacity = inode->write_capacity == 0 ? 2 : 2 * inode->write_capacity;
        inode->writes = heap_realloc(inode->writes, inode->write_capacity * sizeof *inode->writes);
    }
    struct disk_write *write = &inode->writes[inode->write_count++];
    *write = (struct disk_write){
        .machine = machine, .truncate = cut, .offset = offset, .size = data.size};
    if (data.size > 0) {
        write->data = heap_alloc(data.size);
        memcpy(write->data, data.data, data.size);
    }
    apply_write(&inode->content, write);
}

void inode_write(struct disk_inode *inode, uint32_t machine, uint64_t offset, struct bytes data)
{
    add_write(inode, machine, offset, data, false);
}

void inode_truncate(struct disk_inode *inode, uint32_t machine)
{
    add_write(inode, machine, 0, (struct bytes){0}, true);
}

static void collapse_writes(struct disk_inode *inode)
{
    size_t done = 0;
    while (done < inode->write_count && inode->writes[done].settled) {
        apply_write(&inode->durable, &inode->writes[done]);
        heap_free(inode->writes[done].data);
        done++;
    }
    inode->write_count -= done;
    if (done > 0) {
        memmove(inode->writes, inode->writes + done, inode->write_count * sizeof *inode->writes);
    }
}

void inode_sync(struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->write_count; i++) {
        inode->writes[i].settled = inode->writes[i].settled || !inode->writes[i].doubtful;
    }
    collapse_writes(inode);
}

void inode_sync_failed(struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->write_count; i++) {
        inode->writes[i].doubtful = !inode->writes[i].settled;
    }
}

void inode_drop(struct disk_inode *inode, size_t at)
{
    require(at < inode->write_count);
    heap_free(inode->writes[at].data);
    inode->write_count--;
    memmove(inode->writes + at,
            inode->writes + at + 1,
            (inode->write_count - at) * sizeof *inode->writes);
}

void inode_rebuild(struct disk_inode *inode)
{
    collapse_writes(inode);
    buf_clear(&inode->content);
    buf_append(&inode->content, inode->durable.data, inode->durable.size);
    for (size_t i = 0; i < inode->write_count; i++) {
        apply_write(&inode->content, &inode->writes[i]);
    }
}

/* ---- walking -------------------------------------------------------------------------------- */

enum { WALK_DEPTH_MAX = 64 };

void directory_walk(const struct disk_inode *directory,
                    const char *path,
                    disk_file_fn file,
                    void *context)
{
    struct level {
        const struct disk_inode *directory;
        size_t next;
        size_t path_size;
    };
    struct level *levels = heap_alloc(WALK_DEPTH_MAX * sizeof *levels);
    struct buf name = {0};
    size_t depth = 1;
    buf_text(&name, path);
    levels[0] = (struct level){.directory = directory, .path_size = name.size};
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        if (level->next == level->directory->names.count) {
            depth--;
            continue;
        }
        const struct disk_name *item = &level->directory->names.items[level->next++];
        name.size = level->path_size;
        buf_byte(&name, '/');
        buf_append(&name, item->name, strlen(item->name) + 1);
        if (item->inode->directory) {
            require(depth < WALK_DEPTH_MAX);
            levels[depth++] = (struct level){.directory = item->inode, .path_size = name.size - 1};
        } else {
            file(context, (const char *)name.data, item->inode);
        }
    }
    buf_free(&name);
    heap_free(levels);
}
