/* Compaction.
 *
 * A run is a file of level 0, or all files of another level: what a read may have to look into once
 * more. New files take the deepest level that nothing in them overlaps, so the runs of a database
 * that only grows at one place stay few by themselves. From the newest run on, runs are merged
 * while those before hold at least half as many rows as the next, so that a row is rewritten about
 * log2(rows) times; and while more than RUNS_MAX runs would be left. Rows are counted, not bytes:
 * the choice does not hang on how well something was compressed. */
#include "engine/state/rocksdb_internal.h"

#include <algorithm>

#include <rocksdb/metadata.h>

using rocksdb::Status;

namespace
{

constexpr size_t RUNS_MAX = 8;
constexpr uint64_t FILE_SIZE_MAX = 64ULL * 1024 * 1024;

struct run {
    int level;
    uint64_t rows;
    std::vector<std::string> files;
};

Status
add_rows(const rocksdb::TablePropertiesCollection &properties, const std::string &path, run *run)
{
    auto found = properties.find(path);
    if (found == properties.end()) {
        return Status::Corruption("no properties", path);
    }
    run->rows += found->second->num_entries;
    return Status::OK();
}

/* Newest first. */
Status runs_of(rocksdb_db *db, std::vector<run> *runs)
{
    rocksdb::TablePropertiesCollection properties;
    rocksdb::ColumnFamilyMetaData metadata;
    Status status = db->db->GetPropertiesOfAllTables(&properties);
    db->db->GetColumnFamilyMetaData(&metadata);
    for (auto &level : metadata.levels) {
        std::vector<rocksdb::SstFileMetaData> files = level.files;
        std::sort(files.begin(), files.end(), [](const auto &a, const auto &b) {
            return a.largest_seqno > b.largest_seqno ||
                   (a.largest_seqno == b.largest_seqno && a.file_number > b.file_number);
        });
        for (size_t i = 0; status.ok() && i < files.size(); i++) {
            if (level.level == 0 || i == 0) {
                runs->push_back({level.level, 0, {}});
            }
            runs->back().files.push_back(files[i].relative_filename);
            status = add_rows(
                properties, db->directory + "/" + files[i].relative_filename, &runs->back());
        }
    }
    return status;
}

/* How many of the newest runs to merge; 0 or 1: none. */
size_t runs_to_merge(const std::vector<run> &runs)
{
    uint64_t rows = runs.empty() ? 0 : runs[0].rows;
    size_t count = 1;
    while (count < runs.size() &&
           (rows >= runs[count].rows / 2 || runs.size() - count + 1 > RUNS_MAX)) {
        rows += runs[count].rows;
        count++;
    }
    return count;
}

/* What is merged goes to the level of its oldest run. Files of level 0 alone go as deep as the next
 * run allows, and take that run with them when it is right below. */
int output_level(const std::vector<run> &runs, size_t *count)
{
    int level = runs[*count - 1].level;
    if (level > 0) {
        return level;
    }
    if (*count == runs.size()) {
        return LEVELS - 1;
    }
    if (runs[*count].level > 1) {
        return runs[*count].level - 1;
    }
    while (*count < runs.size() && runs[*count].level == 0) {
        (*count)++;
    }
    return *count == runs.size() ? LEVELS - 1 : runs[(*count)++].level;
}

Status merge(rocksdb_db *db,
             const std::vector<run> &runs,
             size_t count,
             int level,
             struct rocksdb_work *work)
{
    std::vector<std::string> names;
    for (size_t i = 0; i < count; i++) {
        names.insert(names.end(), runs[i].files.begin(), runs[i].files.end());
    }
    rocksdb::CompactionOptions options;
    rocksdb::CompactionJobInfo info;
    options.compression = db->options.compression;
    options.output_file_size_limit = FILE_SIZE_MAX;
    options.max_subcompactions = 1;
    Status status = db->db->CompactFiles(options, names, level, -1, nullptr, &info);
    db->edits++;
    if (status.ok()) {
        work->rows += static_cast<int64_t>(info.stats.num_input_records);
        work->bytes += static_cast<int64_t>(info.stats.total_input_raw_key_bytes +
                                            info.stats.total_input_raw_value_bytes);
    }
    return status;
}

} // namespace

enum status rocksdb_db_compact(struct rocksdb_db *db,
                               bool everything,
                               struct rocksdb_work *work,
                               struct rocksdb_what *what)
{
    enum status result = OK;
    on_thread_stack([&] {
        std::vector<run> runs;
        db->files->forget_failure();
        Status status = usable(*db);
        status = status.ok() ? runs_of(db, &runs) : status;
        size_t count = everything ? runs.size() : runs_to_merge(runs);
        if (status.ok() && count > 1) {
            int level = everything ? LEVELS - 1 : output_level(runs, &count);
            status = merge(db, runs, count, level, work);
        }
        result = outcome(*db->files, status, what);
    });
    return result;
}
