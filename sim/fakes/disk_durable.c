/* What is durable: what the crash of every machine would leave of a path. */
#include <string.h>

#include "sim/fakes/disk_files.h"

static struct disk_inode *durable_find(const struct disk_inode *directory, const char *name)
{
    struct disk_inode *inode = names_find(&directory->durable_names, name);
    for (size_t i = 0; i < directory->op_count; i++) {
        const struct disk_name_op *op = &directory->ops[i];
        if (op->settled && op->removed != NULL && strcmp(op->removed, name) == 0) {
            inode = NULL;
        }
        if (op->settled && op->set != NULL && strcmp(op->set, name) == 0) {
            inode = op->inode;
        }
    }
    return inode;
}

static bool all_settled(const struct disk_inode *inode)
{
    for (size_t i = 0; i < inode->write_count; i++) {
        if (!inode->writes[i].settled) {
            return false;
        }
    }
    return true;
}

/* A file that was renamed over an older one, and not synced by its name yet: the older one would
 * come back, which is no loss if it has the same bytes (an attempt that runs again). */
static bool same_bytes(const struct disk_inode *a, const struct disk_inode *b)
{
    return a == b || (!a->directory && !b->directory && a->content.size == b->content.size &&
                      (a->content.size == 0 ||
                       memcmp(a->content.data, b->content.data, a->content.size) == 0));
}

bool file_system_durable(const struct file_system *fs, const char *path)
{
    char name[NAME_SIZE_MAX + 1];
    const char *rest = path;
    const struct disk_inode *seen = fs->root;
    const struct disk_inode *durable = fs->root;
    if (disk_next_component(&rest, name) != OK) {
        return false;
    }
    while (rest != NULL) {
        if (disk_next_component(&rest, name) != OK || !seen->directory || seen != durable) {
            return false;
        }
        seen = names_find(&seen->names, name);
        durable = durable_find(durable, name);
        if (seen == NULL || durable == NULL) {
            return false;
        }
    }
    return same_bytes(seen, durable) && all_settled(seen) && all_settled(durable);
}
