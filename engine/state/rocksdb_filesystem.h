/* A file system for one RocksDB database, over the disk port; and the Env around it, which has no
 * threads and no clock. C++, included by rocksdb_*.cc only.
 *
 * The database owns its directory: it is listed once, then names and sizes are known here. What is
 * small lives in memory:
 *   - MANIFEST, CURRENT and temporary files are written when the database is closed, or copied by a
 *     checkpoint; IDENTITY, the lock and the write-ahead log, which stays empty, never are. Nobody
 *     trusts a local database after a crash, so nothing of it has to be on the disk before;
 *   - an SST file of up to KEPT_SIZE_MAX bytes is read whole when it is opened, or stays from when
 *     it was written.
 * SST files are written when they are complete, or in chunks of CHUNK_SIZE bytes: how many calls of
 * the port a file takes does not hang on how well it was compressed, as long as it is small. sync
 * and fsync do nothing. One that is to be ingested stays in memory until it has its place in the
 * database: the library (7.8) looks for its first and last key without asking whether they could be
 * read, and goes on with what it has. OPTIONS files are refused: writing one and reading it again
 * would be most of the time that an open takes, and nobody needs it.
 *
 * An error of the port is remembered and told to RocksDB as one that is final (never "no space" or
 * "may be retried": either would start a thread that tries again). */
#ifndef ENGINE_STATE_ROCKSDB_FILESYSTEM_H
#define ENGINE_STATE_ROCKSDB_FILESYSTEM_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

extern "C" {
#include "engine/base/check.h"
#include "engine/ports/disk.h"
}

constexpr uint64_t KEPT_SIZE_MAX = 64 * 1024;
/* What an SST file is called until it is ingested. */
constexpr const char *NEW_SST = "new.sst";

struct local_file {
    bool on_disk = false;                 /* under this name, whole */
    uint64_t size = 0;                    /* of what readers see */
    std::shared_ptr<std::string> content; /* NULL: only on the disk */
};

class local_file_system final : public rocksdb::FileSystem
{
  public:
    local_file_system(const struct disk_port *disk, std::string directory);

    /* Which files are there. */
    enum status look();
    bool empty() const
    {
        return files_.empty();
    }
    /* Write what is kept in memory and is to be found again. */
    rocksdb::IOStatus settle();
    /* The whole content of a small file that the database keeps in memory. */
    rocksdb::IOStatus read_whole(const std::string &name, std::shared_ptr<std::string> *content);

    /* From now on no call reaches the disk, and each is an error. */
    void lose_sight()
    {
        blind_ = true;
    }

    /* The first error of the port since `forget_failure`, OK when there was none; and whether there
     * ever was one. */
    enum status failure() const
    {
        return failure_;
    }
    bool ever_failed() const
    {
        return ever_failed_;
    }
    void forget_failure()
    {
        failure_ = OK;
    }

    /* ---- the port, with errors as RocksDB's; `path` is for the message */
    rocksdb::IOStatus told(enum status status, const std::string &path);
    rocksdb::IOStatus port_open(const std::string &path, enum disk_open_mode mode, disk_fd *fd);
    rocksdb::IOStatus
    port_write(disk_fd fd, const char *data, size_t size, const std::string &path);
    /* Less than `size` only at the end of the file. */
    rocksdb::IOStatus
    port_read(disk_fd fd, uint64_t at, char *data, size_t size, size_t *got, const std::string &);
    rocksdb::IOStatus port_close(disk_fd fd, const std::string &path);
    rocksdb::IOStatus port_mkdir(const std::string &path);
    rocksdb::IOStatus port_link(const std::string &from, const std::string &to);
    /* Make `path`, which must not exist, with this content. */
    rocksdb::IOStatus write_new(const std::string &path, const std::string &content);

    /* ---- what RocksDB asks for */
    const char *Name() const override
    {
        return "aftershock.local";
    }
    rocksdb::IOStatus NewSequentialFile(const std::string &path,
                                        const rocksdb::FileOptions &options,
                                        std::unique_ptr<rocksdb::FSSequentialFile> *result,
                                        rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus NewRandomAccessFile(const std::string &path,
                                          const rocksdb::FileOptions &options,
                                          std::unique_ptr<rocksdb::FSRandomAccessFile> *result,
                                          rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus NewWritableFile(const std::string &path,
                                      const rocksdb::FileOptions &options,
                                      std::unique_ptr<rocksdb::FSWritableFile> *result,
                                      rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus NewDirectory(const std::string &path,
                                   const rocksdb::IOOptions &options,
                                   std::unique_ptr<rocksdb::FSDirectory> *result,
                                   rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus FileExists(const std::string &path,
                                 const rocksdb::IOOptions &options,
                                 rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus GetChildren(const std::string &directory,
                                  const rocksdb::IOOptions &options,
                                  std::vector<std::string> *result,
                                  rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus DeleteFile(const std::string &path,
                                 const rocksdb::IOOptions &options,
                                 rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus CreateDir(const std::string &path,
                                const rocksdb::IOOptions &options,
                                rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus CreateDirIfMissing(const std::string &path,
                                         const rocksdb::IOOptions &options,
                                         rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus DeleteDir(const std::string &path,
                                const rocksdb::IOOptions &options,
                                rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus GetFileSize(const std::string &path,
                                  const rocksdb::IOOptions &options,
                                  uint64_t *size,
                                  rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus GetFileModificationTime(const std::string &path,
                                              const rocksdb::IOOptions &options,
                                              uint64_t *time,
                                              rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus RenameFile(const std::string &from,
                                 const std::string &to,
                                 const rocksdb::IOOptions &options,
                                 rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus LinkFile(const std::string &from,
                               const std::string &to,
                               const rocksdb::IOOptions &options,
                               rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus LockFile(const std::string &path,
                               const rocksdb::IOOptions &options,
                               rocksdb::FileLock **lock,
                               rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus UnlockFile(rocksdb::FileLock *lock,
                                 const rocksdb::IOOptions &options,
                                 rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus GetTestDirectory(const rocksdb::IOOptions &options,
                                       std::string *path,
                                       rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus GetAbsolutePath(const std::string &path,
                                      const rocksdb::IOOptions &options,
                                      std::string *result,
                                      rocksdb::IODebugContext *debug) override;
    rocksdb::IOStatus IsDirectory(const std::string &path,
                                  const rocksdb::IOOptions &options,
                                  bool *is_directory,
                                  rocksdb::IODebugContext *debug) override;

  private:
    std::string name_of(const std::string &path) const;
    std::shared_ptr<local_file> find(const std::string &path) const;
    rocksdb::IOStatus load(const std::string &path, local_file *file);

    const struct disk_port *disk_;
    std::string directory_;
    std::map<std::string, std::shared_ptr<local_file>> files_; /* by name */
    enum status failure_ = OK;
    bool ever_failed_ = false;
    bool blind_ = false;
};

/* ---- open files (rocksdb_files.cc) */
std::unique_ptr<rocksdb::FSSequentialFile>
kept_sequential_file_new(const std::shared_ptr<std::string> &content);
std::unique_ptr<rocksdb::FSRandomAccessFile>
kept_random_access_file_new(const std::shared_ptr<std::string> &content);
std::unique_ptr<rocksdb::FSWritableFile>
kept_writable_file_new(const std::shared_ptr<local_file> &file);
std::unique_ptr<rocksdb::FSRandomAccessFile>
disk_random_access_file_new(local_file_system *files, const std::string &path, disk_fd fd);
/* `stays`: its content is in memory when it is closed, however large it is. */
std::unique_ptr<rocksdb::FSWritableFile>
disk_writable_file_new(local_file_system *files,
                       const std::string &path,
                       const std::shared_ptr<local_file> &file,
                       bool stays);
std::unique_ptr<rocksdb::FSDirectory> local_directory_new();

/* No threads, no time: nothing is ever scheduled, and every file is of the same moment. */
std::unique_ptr<rocksdb::Env> local_env_new(const std::shared_ptr<local_file_system> &files);

#endif
