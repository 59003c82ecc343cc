/* One SST file by itself: when a database does not open, which of its files is it? RocksDB's
 * message names the wrong one at times (a damaged block of properties: "in file MANIFEST-000005").
 */
#include "engine/state/rocksdb_internal.h"

#include <rocksdb/sst_file_reader.h>

enum status rocksdb_sst_verify(const struct disk_port *disk,
                               const char *directory,
                               const char *name,
                               struct rocksdb_what *what)
{
    enum status result = OK;
    on_thread_stack([&] {
        auto files = std::make_shared<local_file_system>(disk, directory);
        rocksdb::Status status = files->told(files->look(), directory);
        std::unique_ptr<rocksdb::Env> env = local_env_new(files);
        if (status.ok()) {
            rocksdb::Options options;
            options.env = env.get();
            rocksdb::SstFileReader reader(options);
            status = reader.Open(std::string(directory) + "/" + name);
            if (status.ok()) {
                status = reader.VerifyChecksum();
            }
        }
        result = outcome(*files, status, what);
    });
    return result;
}
