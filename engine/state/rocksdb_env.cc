/* The Env of one database: files are its file system's, and there is nothing else. Work that
 * RocksDB would hand to another thread is never asked for with the options of rocksdb_db.cc; what
 * asks for it all the same is a broken invariant, not a thread. */
#include "engine/state/rocksdb_filesystem.h"

#include <cstring>

using rocksdb::Status;

namespace
{

/* A moment that any file may be from. RocksDB takes 0 for "unknown". */
constexpr uint64_t ANY_TIME_S = 978307200; /* 2001-01-01, as virtual time */

class still_clock final : public rocksdb::SystemClock
{
  public:
    const char *Name() const override
    {
        return "aftershock.still";
    }
    uint64_t NowMicros() override
    {
        return ANY_TIME_S * 1000000;
    }
    void SleepForMicroseconds(int) override
    {
    }
    Status GetCurrentTime(int64_t *unix_time) override
    {
        *unix_time = static_cast<int64_t>(ANY_TIME_S);
        return Status::OK();
    }
    std::string TimeToString(uint64_t) override
    {
        return "2001-01-01";
    }
};

class local_env final : public rocksdb::Env
{
  public:
    local_env(const std::shared_ptr<local_file_system> &files,
              const std::shared_ptr<rocksdb::SystemClock> &clock)
        : Env(files, clock), files_(files.get())
    {
    }
    const char *Name() const override
    {
        return "aftershock.local";
    }

    /* ---- files: RocksDB asks the file system itself for those that are read and written */
    Status NewSequentialFile(const std::string &,
                             std::unique_ptr<rocksdb::SequentialFile> *,
                             const rocksdb::EnvOptions &) override
    {
        return Status::NotSupported();
    }
    Status NewRandomAccessFile(const std::string &,
                               std::unique_ptr<rocksdb::RandomAccessFile> *,
                               const rocksdb::EnvOptions &) override
    {
        return Status::NotSupported();
    }
    Status NewWritableFile(const std::string &,
                           std::unique_ptr<rocksdb::WritableFile> *,
                           const rocksdb::EnvOptions &) override
    {
        return Status::NotSupported();
    }
    Status NewDirectory(const std::string &, std::unique_ptr<rocksdb::Directory> *) override
    {
        return Status::NotSupported();
    }
    Status FileExists(const std::string &path) override
    {
        return files_->FileExists(path, {}, nullptr);
    }
    Status GetChildren(const std::string &path, std::vector<std::string> *result) override
    {
        return files_->GetChildren(path, {}, result, nullptr);
    }
    Status DeleteFile(const std::string &path) override
    {
        return files_->DeleteFile(path, {}, nullptr);
    }
    Status CreateDir(const std::string &path) override
    {
        return files_->CreateDir(path, {}, nullptr);
    }
    Status CreateDirIfMissing(const std::string &path) override
    {
        return files_->CreateDirIfMissing(path, {}, nullptr);
    }
    Status DeleteDir(const std::string &path) override
    {
        return files_->DeleteDir(path, {}, nullptr);
    }
    Status GetFileSize(const std::string &path, uint64_t *size) override
    {
        return files_->GetFileSize(path, {}, size, nullptr);
    }
    Status GetFileModificationTime(const std::string &path, uint64_t *time) override
    {
        return files_->GetFileModificationTime(path, {}, time, nullptr);
    }
    Status RenameFile(const std::string &from, const std::string &to) override
    {
        return files_->RenameFile(from, to, {}, nullptr);
    }
    Status LockFile(const std::string &path, rocksdb::FileLock **lock) override
    {
        return files_->LockFile(path, {}, lock, nullptr);
    }
    Status UnlockFile(rocksdb::FileLock *lock) override
    {
        return files_->UnlockFile(lock, {}, nullptr);
    }
    Status IsDirectory(const std::string &path, bool *is_directory) override
    {
        return files_->IsDirectory(path, {}, is_directory, nullptr);
    }
    Status GetTestDirectory(std::string *path) override
    {
        return files_->GetTestDirectory({}, path, nullptr);
    }
    Status GetAbsolutePath(const std::string &path, std::string *result) override
    {
        return files_->GetAbsolutePath(path, {}, result, nullptr);
    }
    Status NewLogger(const std::string &, std::shared_ptr<rocksdb::Logger> *) override
    {
        return Status::NotSupported();
    }

    /* ---- threads */
    void Schedule(void (*)(void *), void *, Priority, void *, void (*)(void *)) override
    {
        bool wants_a_thread = true;
        require(!wants_a_thread);
    }
    void StartThread(void (*)(void *), void *) override
    {
        bool wants_a_thread = true;
        require(!wants_a_thread);
    }
    void SetBackgroundThreads(int, Priority) override
    {
    }
    int GetBackgroundThreads(Priority) override
    {
        return 1;
    }
    void IncBackgroundThreadsIfNeeded(int, Priority) override
    {
    }
    uint64_t GetThreadID() const override
    {
        return 0;
    }

    /* ---- time and names */
    uint64_t NowMicros() override
    {
        return ANY_TIME_S * 1000000;
    }
    void SleepForMicroseconds(int) override
    {
    }
    Status GetCurrentTime(int64_t *unix_time) override
    {
        *unix_time = static_cast<int64_t>(ANY_TIME_S);
        return Status::OK();
    }
    std::string TimeToString(uint64_t) override
    {
        return "2001-01-01";
    }
    Status GetHostName(char *name, uint64_t size) override
    {
        (void)strncpy(name, "local", static_cast<size_t>(size));
        return Status::OK();
    }
    std::string GenerateUniqueId() override
    {
        return "local";
    }

  private:
    local_file_system *files_;
};

} // namespace

std::unique_ptr<rocksdb::Env> local_env_new(const std::shared_ptr<local_file_system> &files)
{
    return std::make_unique<local_env>(files, std::make_shared<still_clock>());
}
