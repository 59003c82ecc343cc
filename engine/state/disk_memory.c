/* Names are a list, since there are few; a file outlives its last name while it is open. */
#include "engine/state/disk_memory.h"

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/heap.h"

struct file {
    struct buf content;
    size_t names;
    size_t opens;
};

struct name {
    char *path;
    struct file *file; /* NULL: a directory */
};

struct opened {
    struct file *file; /* NULL: the slot is free */
    bool writes;
};

struct disk_memory {
    struct disk_port port;
    struct name *names;
    size_t name_count;
    struct opened *opened; /* by descriptor */
    size_t opened_count;
};

/* ---- names ---------------------------------------------------------------------------------- */

static char *copy_path(const char *path)
{
    size_t size = strlen(path) + 1;
    char *copy = heap_alloc(size);
    memcpy(copy, path, size);
    return copy;
}

static struct name *find(const struct disk_memory *disk, const char *path)
{
    for (size_t i = 0; i < disk->name_count; i++) {
        if (strcmp(disk->names[i].path, path) == 0) {
            return &disk->names[i];
        }
    }
    return NULL;
}

/* Is `path` directly in the directory of `size` bytes? */
static bool lies_in(const char *path, const char *directory, size_t size)
{
    size = size == 1 ? 0 : size; /* "/" */
    return strncmp(path, directory, size) == 0 && path[size] == '/' && path[size + 1] != '\0' &&
           strchr(path + size + 1, '/') == NULL;
}

static bool has_parent(const struct disk_memory *disk, const char *path)
{
    for (size_t i = 0; i < disk->name_count; i++) {
        const char *directory = disk->names[i].path;
        if (disk->names[i].file == NULL && lies_in(path, directory, strlen(directory))) {
            return true;
        }
    }
    return false;
}

static void add(struct disk_memory *disk, const char *path, struct file *file)
{
    disk->names = heap_realloc(disk->names, (disk->name_count + 1) * sizeof *disk->names);
    disk->names[disk->name_count++] = (struct name){.path = copy_path(path), .file = file};
    if (file != NULL) {
        file->names++;
    }
}

static void release(struct file *file)
{
    if (file->names == 0 && file->opens == 0) {
        buf_free(&file->content);
        heap_free(file);
    }
}

static void drop(struct disk_memory *disk, struct name *name)
{
    struct file *file = name->file;
    heap_free(name->path);
    *name = disk->names[--disk->name_count];
    if (file != NULL) {
        file->names--;
        release(file);
    }
}

/* ---- files ---------------------------------------------------------------------------------- */

static disk_fd take_slot(struct disk_memory *disk, struct file *file, bool writes)
{
    size_t at = 0;
    while (at < disk->opened_count && disk->opened[at].file != NULL) {
        at++;
    }
    if (at == disk->opened_count) {
        disk->opened = heap_realloc(disk->opened, (disk->opened_count + 1) * sizeof *disk->opened);
        disk->opened_count++;
    }
    disk->opened[at] = (struct opened){.file = file, .writes = writes};
    file->opens++;
    return (disk_fd)at;
}

static struct opened *opened_at(struct disk_memory *disk, disk_fd fd)
{
    require(fd >= 0);
    require((size_t)fd < disk->opened_count);
    require(disk->opened[fd].file != NULL);
    return &disk->opened[fd];
}

static enum status open_file(void *self, const char *path, enum disk_open_mode mode, disk_fd *fd)
{
    struct disk_memory *disk = self;
    const struct name *name = find(disk, path);
    if (name != NULL && name->file == NULL) {
        return ERR_IO; /* a directory */
    }
    if (mode == DISK_CREATE_NEW && name != NULL) {
        return ERR_EXISTS;
    }
    if (name == NULL && (mode == DISK_READ || !has_parent(disk, path))) {
        return ERR_NOT_FOUND;
    }
    struct file *file = name == NULL ? heap_alloc(sizeof *file) : name->file;
    if (name == NULL) {
        add(disk, path, file);
    } else if (mode == DISK_TRUNCATE) {
        buf_clear(&file->content);
    }
    *fd = take_slot(disk, file, mode != DISK_READ);
    return OK;
}

static enum status
write_file(void *self, disk_fd fd, const void *data, size_t size, size_t *written)
{
    const struct opened *opened = opened_at(self, fd);
    *written = 0;
    if (!opened->writes) {
        return ERR_READ_ONLY;
    }
    buf_append(&opened->file->content, data, size);
    *written = size;
    return OK;
}

static enum status
read_file(void *self, disk_fd fd, uint64_t at, void *data, size_t size, size_t *got)
{
    const struct buf *content = &opened_at(self, fd)->file->content;
    size_t left = at < content->size ? content->size - (size_t)at : 0;
    *got = size < left ? size : left;
    if (*got > 0) {
        memcpy(data, content->data + at, *got);
    }
    return OK;
}

static enum status size_file(void *self, disk_fd fd, uint64_t *size)
{
    *size = opened_at(self, fd)->file->content.size;
    return OK;
}

static enum status fsync_file(void *self, disk_fd fd)
{
    (void)opened_at(self, fd);
    return OK;
}

static enum status close_file(void *self, disk_fd fd)
{
    struct opened *opened = opened_at(self, fd);
    struct file *file = opened->file;
    opened->file = NULL;
    file->opens--;
    release(file);
    return OK;
}

static enum status rename_file(void *self, const char *from, const char *to, bool no_replace)
{
    struct disk_memory *disk = self;
    struct name *source = find(disk, from);
    struct name *target = find(disk, to);
    if (source == NULL || !has_parent(disk, to)) {
        return ERR_NOT_FOUND;
    }
    if (target != NULL && no_replace) {
        return ERR_EXISTS;
    }
    if (source->file == NULL || (target != NULL && target->file == NULL)) {
        return ERR_UNSUPPORTED; /* directories stay where they are */
    }
    if (target == source) {
        return OK;
    }
    if (target == NULL) {
        heap_free(source->path);
        source->path = copy_path(to);
        return OK;
    }
    struct file *replaced = target->file;
    target->file = source->file;
    source->file = replaced;
    drop(disk, source);
    return OK;
}

static enum status link_file(void *self, const char *from, const char *to)
{
    struct disk_memory *disk = self;
    const struct name *source = find(disk, from);
    if (source == NULL || source->file == NULL || !has_parent(disk, to)) {
        return ERR_NOT_FOUND;
    }
    if (find(disk, to) != NULL) {
        return ERR_EXISTS;
    }
    add(disk, to, source->file);
    return OK;
}

static enum status unlink_file(void *self, const char *path)
{
    struct name *name = find(self, path);
    if (name == NULL) {
        return ERR_NOT_FOUND;
    }
    if (name->file == NULL) {
        return ERR_IO;
    }
    drop(self, name);
    return OK;
}

static enum status make_directory(void *self, const char *path)
{
    struct disk_memory *disk = self;
    if (find(disk, path) != NULL) {
        return ERR_EXISTS;
    }
    if (!has_parent(disk, path)) {
        return ERR_NOT_FOUND;
    }
    add(disk, path, NULL);
    return OK;
}

static bool is_directory(const struct disk_memory *disk, const char *path)
{
    const struct name *name = find(disk, path);
    return name != NULL && name->file == NULL;
}

static enum status remove_directory(void *self, const char *path)
{
    struct disk_memory *disk = self;
    size_t size = strlen(path);
    if (!is_directory(disk, path)) {
        return ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < disk->name_count; i++) {
        if (lies_in(disk->names[i].path, path, size)) {
            return ERR_EXISTS;
        }
    }
    drop(disk, find(disk, path));
    return OK;
}

static enum status list_directory(void *self,
                                  const char *directory,
                                  struct arena *arena,
                                  struct disk_entry **entries,
                                  size_t *count)
{
    const struct disk_memory *disk = self;
    size_t size = strlen(directory);
    *count = 0;
    if (!is_directory(disk, directory)) {
        return ERR_NOT_FOUND;
    }
    *entries = arena_alloc(arena, disk->name_count * sizeof **entries);
    for (size_t i = 0; i < disk->name_count; i++) {
        const struct name *name = &disk->names[i];
        if (!lies_in(name->path, directory, size)) {
            continue;
        }
        (*entries)[(*count)++] =
            (struct disk_entry){.name = arena_strdup(arena, strrchr(name->path, '/') + 1),
                                .directory = name->file == NULL,
                                .size = name->file == NULL ? 0 : name->file->content.size};
    }
    return OK;
}

static enum status fsync_directory(void *self, const char *directory)
{
    return is_directory(self, directory) ? OK : ERR_NOT_FOUND;
}

/* There is one process that sees it. */
static enum status lock_file(void *self, const char *path)
{
    (void)self;
    (void)path;
    return ERR_UNSUPPORTED;
}

static const struct disk_ops operations = {.open = open_file,
                                           .write = write_file,
                                           .read = read_file,
                                           .size = size_file,
                                           .fsync = fsync_file,
                                           .close = close_file,
                                           .rename = rename_file,
                                           .link = link_file,
                                           .unlink = unlink_file,
                                           .mkdir = make_directory,
                                           .rmdir = remove_directory,
                                           .list = list_directory,
                                           .fsync_dir = fsync_directory,
                                           .lock = lock_file};

/* ---- the disk ------------------------------------------------------------------------------- */

struct disk_memory *disk_memory_new(void)
{
    struct disk_memory *disk = heap_alloc(sizeof *disk);
    disk->port = (struct disk_port){.ops = &operations, .self = disk};
    add(disk, "/", NULL);
    return disk;
}

void disk_memory_free(struct disk_memory *disk)
{
    for (size_t i = 0; i < disk->opened_count; i++) {
        if (disk->opened[i].file != NULL) {
            enum status status = close_file(disk, (disk_fd)i);
            require(status == OK);
        }
    }
    while (disk->name_count > 0) {
        drop(disk, &disk->names[disk->name_count - 1]);
    }
    heap_free(disk->names);
    heap_free(disk->opened);
    heap_free(disk);
}

const struct disk_port *disk_memory_port(struct disk_memory *disk)
{
    return &disk->port;
}

void disk_memory_put(struct disk_memory *disk, const char *path, struct bytes content)
{
    disk_fd fd = -1;
    size_t written = 0;
    char *parent = copy_path(path);
    for (char *at = parent + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        enum status made = make_directory(disk, parent);
        require(made == OK || made == ERR_EXISTS);
        *at = '/';
    }
    heap_free(parent);
    enum status status = open_file(disk, path, DISK_TRUNCATE, &fd);
    require(status == OK);
    status = write_file(disk, fd, content.data, content.size, &written);
    require(status == OK);
    status = close_file(disk, fd);
    require(status == OK);
}
