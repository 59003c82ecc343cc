/* Which state files a partition has in the checkpoint, for both providers: a file of what a version
 * changed (.delta, .changelog) and one of the whole (.snapshot, .zip). Included by engine/state
 * only. */
#ifndef ENGINE_STATE_STATE_FILES_H
#define ENGINE_STATE_STATE_FILES_H

#include "engine/state/state_file.h"
#include "engine/state/state_provider.h"

struct state_files_entry {
    int64_t version;
    enum state_file_kind kind;
    const char *name;
    int64_t modified_us;
};
struct state_files {
    const char *directory;
    struct state_files_entry *entries; /* ascending by version, what changed before the whole */
    size_t count;
    /* What attempts that died left: ".<version>.delta.<uuid>.tmp" (and Hadoop's ".crc"). */
    struct state_files_entry *leftovers;
    size_t leftover_count;
    /* Not this provider's to read or to remove; NULL: none. */
    const char *foreign; /* the other provider's */
    const char *with_id; /* of checkpoint format 2 ("<version>_<uuid>.zip") */
};

/* Those of the plan's provider. May suspend. Errors: the store's. */
MUST_CHECK enum status state_files_list(const struct state_provider *provider,
                                        int64_t partition,
                                        struct arena *arena,
                                        struct state_files *files);

/* Files of somebody else and none of the provider's: an empty state would be a wrong one. Errors:
 * ERR_FAILED with `diag`, naming the file and who wrote it. */
MUST_CHECK enum status state_files_check_writer(const struct state_files *files,
                                                enum state_provider_kind provider,
                                                struct diag *diag);

/* The newest of a kind at or below `version`; NULL: none. */
const struct state_files_entry *
state_files_newest(const struct state_files *files, enum state_file_kind kind, int64_t version);
/* Its version; 0: none. */
int64_t state_files_newest_version(const struct state_files *files,
                                   enum state_file_kind kind,
                                   int64_t version);
/* The first version in (from, until] without a file of `kind`; 0: none is missing. */
int64_t state_files_missing(const struct state_files *files,
                            enum state_file_kind kind,
                            int64_t from,
                            int64_t until);
/* How many of the entries, ascending by version, are below `version`. */
size_t state_files_older(const struct state_files_entry *entries, size_t count, int64_t version);

#endif
