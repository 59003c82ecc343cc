#include "engine/state/rocksdb_internal.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

using rocksdb::Slice;
using rocksdb::Status;

namespace
{

struct {
    int64_t opened;
    int64_t live;
} counters;

/* ---- what went wrong ------------------------------------------------------------------------ */

/* What the library says, without numbers that hang on compressed bytes or on memory: of a word that
 * names no file ("/local/.../000008.sst", "table file 8"), each number becomes one '#', however
 * many digits it has. */
void describe(const Status &status, struct rocksdb_what *what)
{
    std::string said = status.ToString();
    std::string text;
    size_t word = 0;
    while (word < said.size()) {
        size_t end = std::min(said.find_first_of(" :,;=", word), said.size() - 1) + 1;
        bool names_a_file = said.find('/', word) < end || said.find(".sst", word) < end ||
                            said.find("MANIFEST", word) < end ||
                            (word >= 5 && said.compare(word - 5, 5, "file ") == 0);
        for (size_t i = word; i < end; i++) {
            bool digit = !names_a_file && said[i] >= '0' && said[i] <= '9';
            if (!digit) {
                text += said[i];
            } else if (text.empty() || text.back() != '#') {
                text += '#';
            }
        }
        word = end;
    }
    (void)snprintf(what->text, sizeof what->text, "%s", text.c_str());
}

} // namespace

/* The status of a call: what the disk said, if it failed; else the files are not what they should
 * be. RocksDB repeats an old failure of the disk as its own. */
enum status outcome(const local_file_system &files, const Status &status, struct rocksdb_what *what)
{
    what->text[0] = '\0';
    if (status.ok()) {
        return OK;
    }
    describe(status, what);
    if (files.failure() != OK) {
        return files.failure() == ERR_NO_SPACE || files.failure() == ERR_EXISTS ? files.failure()
                                                                                : ERR_IO;
    }
    return status.IsIOError() && files.ever_failed() ? ERR_IO : ERR_CORRUPT;
}

namespace
{

/* ---- options -------------------------------------------------------------------------------- */

class no_log final : public rocksdb::Logger
{
  public:
    using Logger::Logv;
    void Logv(const char *, va_list) override
    {
    }
    size_t GetLogFileSize() const override
    {
        return 0;
    }
};

rocksdb::Options options_of(const struct rocksdb_options *wanted,
                            rocksdb::Env *env,
                            const struct rocksdb_cache *cache,
                            bool create)
{
    rocksdb::Options options;
    options.env = env;
    options.create_if_missing = create;
    options.info_log = std::make_shared<no_log>();
    options.compression = wanted->compress ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
    options.max_open_files = static_cast<int>(wanted->max_open_files);
    options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
    options.num_levels = LEVELS;
    options.compaction_readahead_size = READ_AHEAD;
    options.db_host_id = "";
    /* Nothing behind the caller's back. */
    options.disable_auto_compactions = true;
    options.avoid_flush_during_shutdown = true;
    options.max_file_opening_threads = 1;
    options.max_bgerror_resume_count = 0;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.skip_stats_update_on_db_open = true;
    /* The memtable stays empty. */
    options.write_buffer_size = 64UL * 1024;

    rocksdb::BlockBasedTableOptions table;
    table.block_size = static_cast<size_t>(wanted->block_size);
    table.format_version = static_cast<uint32_t>(wanted->format_version);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
    table.block_cache = cache == nullptr ? nullptr : cache->blocks;
    table.no_block_cache = cache == nullptr;
    table.cache_index_and_filter_blocks = wanted->cache_tables && cache != nullptr;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

} // namespace

/* ---- cache ---------------------------------------------------------------------------------- */

static void abandon_cache(struct native *native)
{
    on_thread_stack([&] { delete static_cast<rocksdb_cache *>(native); });
}

/* One shard: what is evicted does not hang on hashes of random names. */
struct rocksdb_cache *rocksdb_cache_new(int64_t bytes)
{
    require(bytes >= 0);
    rocksdb_cache *cache = nullptr;
    on_thread_stack([&] {
        cache = new rocksdb_cache();
        cache->abandon = abandon_cache;
        cache->blocks = rocksdb::NewLRUCache(static_cast<size_t>(bytes), 0, false, 0.0);
    });
    native_hold(cache);
    return cache;
}

void rocksdb_cache_free(struct rocksdb_cache *cache)
{
    if (cache != nullptr) {
        native_let_go(cache);
        on_thread_stack([&] { delete cache; });
    }
}

/* ---- open and close ------------------------------------------------------------------------- */

/* RocksDB's own close writes nothing: the memtable is empty. */
static void free_db(rocksdb_db *db)
{
    for (rocksdb_scan *scan : db->scans) {
        delete scan;
    }
    db->value.Reset();
    db->db.reset();
    db->options = rocksdb::Options();
    delete db;
    counters.live--;
}

static void abandon_db(struct native *native)
{
    rocksdb_db *db = static_cast<rocksdb_db *>(native);
    db->files->lose_sight();
    on_thread_stack([&] { free_db(db); });
}

/* In a directory with any file but no database nothing is made: that would be a wrong, empty one.
 */
static Status
open_db(rocksdb_db *db, const struct rocksdb_options *options, const struct rocksdb_cache *cache)
{
    Status status = db->files->told(db->files->look(), db->directory);
    if (!status.ok()) {
        return status;
    }
    db->options = options_of(options, db->env.get(), cache, db->files->empty());
    rocksdb::DB *opened = nullptr;
    status = rocksdb::DB::Open(db->options, db->directory, &opened);
    db->db.reset(opened);
    return status;
}

enum status rocksdb_db_open(const struct disk_port *disk,
                            const char *directory,
                            const struct rocksdb_options *options,
                            struct rocksdb_cache *cache,
                            struct rocksdb_db **db,
                            struct rocksdb_what *what)
{
    require(directory[0] == '/');
    enum status result = OK;
    on_thread_stack([&] {
        rocksdb_db *made = new rocksdb_db();
        counters.opened++;
        counters.live++;
        made->abandon = abandon_db;
        made->directory = directory;
        made->edits_max = options->manifest_edits;
        made->files = std::make_shared<local_file_system>(disk, directory);
        made->env = local_env_new(made->files);
        result = outcome(*made->files, open_db(made, options, cache), what);
        if (result == OK) {
            native_hold(made);
            *db = made;
        } else {
            free_db(made);
        }
    });
    return result;
}

/* What cannot be written is missing when somebody opens the database again, and is noticed then. */
void rocksdb_db_close(struct rocksdb_db *db)
{
    if (db == nullptr) {
        return;
    }
    on_thread_stack([&] {
        native_let_go(db);
        db->files->settle().PermitUncheckedError();
        free_db(db);
    });
}

/* A MANIFEST holds every change since it was begun, and each snapshot takes it along. Opening the
 * database begins another one, with the files that are there. Changes are counted, not bytes: when
 * that is, and hence how files are called, does not hang on how well something was compressed. */
static Status begin_manifest(rocksdb_db *db)
{
    if (db->db == nullptr || db->edits_max == 0 || db->edits < db->edits_max) {
        return usable(*db);
    }
    rocksdb::DB *opened = nullptr;
    require(db->scans.empty());
    db->value.Reset();
    db->db.reset();
    Status status = rocksdb::DB::Open(db->options, db->directory, &opened);
    db->db.reset(opened);
    db->edits = 0;
    return status;
}

/* ---- rows ----------------------------------------------------------------------------------- */

enum status rocksdb_db_get(struct rocksdb_db *db,
                           struct bytes key,
                           struct bytes *value,
                           struct rocksdb_what *what)
{
    enum status result = OK;
    on_thread_stack([&] {
        db->files->forget_failure();
        db->value.Reset();
        Status status = usable(*db);
        if (status.ok()) {
            status = db->db->Get(
                rocksdb::ReadOptions(), db->db->DefaultColumnFamily(), slice_of(key), &db->value);
        }
        result = status.IsNotFound() ? ERR_NOT_FOUND : outcome(*db->files, status, what);
    });
    *value = result == OK ? bytes_in(db->value) : bytes_of(nullptr, 0);
    return result;
}

static Status write_sst(rocksdb_db *db,
                        const std::string &path,
                        const struct rocksdb_change *changes,
                        size_t count,
                        rocksdb::ExternalSstFileInfo *info)
{
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db->options);
    Status status = writer.Open(path);
    for (size_t i = 0; status.ok() && i < count; i++) {
        status = changes[i].value.data == nullptr
                     ? writer.Delete(slice_of(changes[i].key))
                     : writer.Put(slice_of(changes[i].key), slice_of(changes[i].value));
    }
    return status.ok() ? writer.Finish(info) : status;
}

/* The file has its checksum already: nothing is read again for it. */
static Status
ingest_sst(rocksdb_db *db, const std::string &path, const rocksdb::ExternalSstFileInfo &info)
{
    rocksdb::IngestExternalFileArg argument;
    argument.column_family = db->db->DefaultColumnFamily();
    argument.external_files = {path};
    argument.options.move_files = true;
    argument.options.write_global_seqno = false;
    argument.options.allow_blocking_flush = false;
    argument.options.verify_file_checksum = false;
    argument.files_checksums = {info.file_checksum};
    argument.files_checksum_func_names = {info.file_checksum_func_name};
    return db->db->IngestExternalFiles({argument});
}

enum status rocksdb_db_write(struct rocksdb_db *db,
                             const struct rocksdb_change *changes,
                             size_t count,
                             struct rocksdb_work *work,
                             struct rocksdb_what *what)
{
    enum status result = OK;
    what->text[0] = '\0';
    if (count == 0) {
        return OK;
    }
    on_thread_stack([&] {
        std::string path = db->directory + "/" + NEW_SST;
        rocksdb::ExternalSstFileInfo info;
        db->files->forget_failure();
        Status status = begin_manifest(db);
        status = status.ok() ? write_sst(db, path, changes, count, &info) : status;
        status = status.ok() ? ingest_sst(db, path, info) : status;
        db->edits++;
        result = outcome(*db->files, status, what);
        if (result != OK) {
            db->files->DeleteFile(path, {}, nullptr).PermitUncheckedError();
        }
    });
    for (size_t i = 0; result == OK && i < count; i++) {
        work->rows++;
        work->bytes += static_cast<int64_t>(changes[i].key.size + changes[i].value.size);
    }
    return result;
}

/* ---- files ---------------------------------------------------------------------------------- */

static std::vector<rocksdb::LiveFileMetaData> live_files(const rocksdb_db *db)
{
    std::vector<rocksdb::LiveFileMetaData> files;
    db->db->GetLiveFilesMetaData(&files);
    std::sort(files.begin(), files.end(), [](const auto &a, const auto &b) {
        return a.relative_filename < b.relative_filename;
    });
    return files;
}

/* Nothing of the database changes meanwhile: the state is in its CURRENT and MANIFEST as they are
 * in memory, and in SST files that are never written again. */
static Status checkpoint(rocksdb_db *db, const std::string &directory)
{
    std::shared_ptr<std::string> current;
    std::shared_ptr<std::string> manifest;
    Status status = usable(*db);
    status = status.ok() ? db->files->read_whole("CURRENT", &current) : status;
    if (!status.ok()) {
        return status;
    }
    std::string name = current->substr(0, current->find('\n'));
    status = db->files->read_whole(name, &manifest);
    status = status.ok() ? db->files->port_mkdir(directory) : status;
    for (const auto &file : live_files(db)) {
        status = status.ok() ? db->files->port_link(db->directory + "/" + file.relative_filename,
                                                    directory + "/" + file.relative_filename)
                             : status;
    }
    status = status.ok() ? db->files->write_new(directory + "/" + name, *manifest) : status;
    return status.ok() ? db->files->write_new(directory + "/CURRENT", *current) : status;
}

enum status
rocksdb_db_checkpoint(struct rocksdb_db *db, const char *directory, struct rocksdb_what *what)
{
    enum status result = OK;
    on_thread_stack([&] {
        db->files->forget_failure();
        result = outcome(*db->files, checkpoint(db, directory), what);
    });
    return result;
}

/* RocksDB's four bytes, the highest first. */
static uint32_t number_of(const std::string &checksum)
{
    uint32_t number = 0;
    for (char byte : checksum) {
        number = number << 8 | static_cast<uint8_t>(byte);
    }
    return number;
}

enum status rocksdb_db_files(struct rocksdb_db *db,
                             struct arena *arena,
                             struct rocksdb_file **files,
                             size_t *count,
                             struct rocksdb_what *what)
{
    enum status result = OK;
    *count = 0;
    on_thread_stack([&] {
        result = outcome(*db->files, usable(*db), what);
        if (result != OK) {
            return;
        }
        std::vector<rocksdb::LiveFileMetaData> live = live_files(db);
        rocksdb::TablePropertiesCollection tables; /* by path; of a damaged file: none */
        db->db->GetPropertiesOfAllTables(&tables).PermitUncheckedError();
        *count = live.size();
        *files =
            static_cast<struct rocksdb_file *>(arena_alloc(arena, live.size() * sizeof **files));
        for (size_t i = 0; i < live.size(); i++) {
            bool known = live[i].file_checksum_func_name == "FileChecksumCrc32c" &&
                         live[i].file_checksum.size() == sizeof(uint32_t);
            (*files)[i].name = arena_strdup(arena, live[i].relative_filename.c_str());
            (*files)[i].size = static_cast<int64_t>(live[i].size);
            (*files)[i].has_checksum = known;
            (*files)[i].crc32c = known ? number_of(live[i].file_checksum) : 0;
            auto table = tables.find(db->directory + "/" + live[i].relative_filename);
            if (table != tables.end()) {
                (*files)[i].rows = static_cast<int64_t>(table->second->num_entries);
                (*files)[i].bytes = static_cast<int64_t>(table->second->raw_key_size +
                                                         table->second->raw_value_size);
            }
        }
    });
    return result;
}

uint32_t rocksdb_crc32c(struct bytes content)
{
    uint32_t number = 0;
    on_thread_stack([&] {
        std::unique_ptr<rocksdb::FileChecksumGenerator> generator =
            rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
        generator->Update(reinterpret_cast<const char *>(content.data), content.size);
        generator->Finalize();
        number = number_of(generator->GetChecksum());
    });
    return number;
}

/* ---- figures -------------------------------------------------------------------------------- */

int64_t rocksdb_db_opened(void)
{
    return counters.opened;
}

int64_t rocksdb_db_live(void)
{
    return counters.live;
}

int64_t rocksdb_cache_used(const struct rocksdb_cache *cache)
{
    return static_cast<int64_t>(cache->blocks->GetUsage());
}

int64_t rocksdb_db_table_bytes(struct rocksdb_db *db)
{
    uint64_t bytes = 0;
    require(db->db != nullptr);
    on_thread_stack(
        [&] { db->db->GetIntProperty(rocksdb::DB::Properties::kEstimateTableReadersMem, &bytes); });
    return static_cast<int64_t>(bytes);
}
