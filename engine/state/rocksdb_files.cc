/* Open files of one database, in memory or on the disk; see rocksdb_filesystem.h. */
#include "engine/state/rocksdb_filesystem.h"

#include <algorithm>

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace
{

constexpr size_t CHUNK_SIZE = 1024UL * 1024;

/* ---- files in memory ------------------------------------------------------------------------ */

class kept_sequential_file final : public rocksdb::FSSequentialFile
{
  public:
    explicit kept_sequential_file(std::shared_ptr<std::string> content)
        : content_(std::move(content))
    {
    }

    IOStatus
    Read(size_t size, const IOOptions &, Slice *result, char *scratch, IODebugContext *) override
    {
        size_t left = content_->size() - at_;
        size_t got = std::min(size, left);
        std::copy_n(content_->data() + at_, got, scratch);
        at_ += got;
        *result = Slice(scratch, got);
        return IOStatus::OK();
    }

    IOStatus Skip(uint64_t size) override
    {
        at_ += static_cast<size_t>(std::min<uint64_t>(size, content_->size() - at_));
        return IOStatus::OK();
    }

  private:
    std::shared_ptr<std::string> content_;
    size_t at_ = 0;
};

class kept_random_access_file final : public rocksdb::FSRandomAccessFile
{
  public:
    explicit kept_random_access_file(std::shared_ptr<std::string> content)
        : content_(std::move(content))
    {
    }

    /* Into `scratch`, as a file: read-ahead looks for the bytes there. */
    IOStatus Read(uint64_t at,
                  size_t size,
                  const IOOptions &,
                  Slice *result,
                  char *scratch,
                  IODebugContext *) const override
    {
        size_t start = static_cast<size_t>(std::min<uint64_t>(at, content_->size()));
        size_t got = std::min(size, content_->size() - start);
        std::copy_n(content_->data() + start, got, scratch);
        *result = Slice(scratch, got);
        return IOStatus::OK();
    }

  private:
    std::shared_ptr<std::string> content_;
};

class kept_writable_file final : public rocksdb::FSWritableFile
{
  public:
    explicit kept_writable_file(std::shared_ptr<local_file> file) : file_(std::move(file))
    {
    }

    using FSWritableFile::Append;
    IOStatus Append(const Slice &data, const IOOptions &, IODebugContext *) override
    {
        file_->content->append(data.data(), data.size());
        file_->size = file_->content->size();
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    IOStatus Flush(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    IOStatus Sync(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    uint64_t GetFileSize(const IOOptions &, IODebugContext *) override
    {
        return file_->size;
    }

  private:
    std::shared_ptr<local_file> file_;
};

/* ---- files on the disk ---------------------------------------------------------------------- */

class disk_random_access_file final : public rocksdb::FSRandomAccessFile
{
  public:
    disk_random_access_file(local_file_system *files, std::string path, disk_fd fd)
        : files_(files), path_(std::move(path)), fd_(fd)
    {
    }
    disk_random_access_file(const disk_random_access_file &) = delete;
    disk_random_access_file &operator=(const disk_random_access_file &) = delete;
    ~disk_random_access_file() override
    {
        files_->port_close(fd_, path_).PermitUncheckedError(); /* nothing was written through it */
    }

    IOStatus Read(uint64_t at,
                  size_t size,
                  const IOOptions &,
                  Slice *result,
                  char *scratch,
                  IODebugContext *) const override
    {
        size_t got = 0;
        IOStatus status = files_->port_read(fd_, at, scratch, size, &got, path_);
        *result = Slice(scratch, status.ok() ? got : 0);
        return status;
    }

  private:
    local_file_system *files_;
    std::string path_;
    disk_fd fd_;
};

class disk_writable_file final : public rocksdb::FSWritableFile
{
  public:
    disk_writable_file(local_file_system *files,
                       std::string path,
                       std::shared_ptr<local_file> file,
                       bool stays)
        : files_(files), path_(std::move(path)), file_(std::move(file)), stays_(stays)
    {
    }
    disk_writable_file(const disk_writable_file &) = delete;
    disk_writable_file &operator=(const disk_writable_file &) = delete;
    ~disk_writable_file() override
    {
        if (fd_ >= 0) { /* it was given up: whoever made it removes it */
            files_->port_close(fd_, path_).PermitUncheckedError();
        }
    }

    using FSWritableFile::Append;
    IOStatus Append(const Slice &data, const IOOptions &, IODebugContext *) override
    {
        buffer_.append(data.data(), data.size());
        file_->size += data.size();
        return stays_ ? IOStatus::OK() : write_chunks();
    }

    IOStatus Close(const IOOptions &, IODebugContext *) override
    {
        bool kept = stays_ || file_->size <= KEPT_SIZE_MAX;
        std::string whole = kept ? buffer_ : std::string();
        IOStatus status = write_chunks();
        status = status.ok() ? write(buffer_.data(), buffer_.size()) : status;
        if (fd_ >= 0) {
            IOStatus closed = files_->port_close(fd_, path_);
            fd_ = -1;
            status = status.ok() ? closed : status;
        }
        file_->on_disk = status.ok();
        if (kept && status.ok()) {
            file_->content = std::make_shared<std::string>(std::move(whole));
        }
        return status;
    }

    IOStatus Flush(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    IOStatus Sync(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    uint64_t GetFileSize(const IOOptions &, IODebugContext *) override
    {
        return file_->size;
    }

  private:
    IOStatus write_chunks()
    {
        size_t done = 0;
        IOStatus status;
        while (status.ok() && buffer_.size() - done >= CHUNK_SIZE) {
            status = write(buffer_.data() + done, CHUNK_SIZE);
            done += CHUNK_SIZE;
        }
        buffer_.erase(0, done);
        return status;
    }

    IOStatus write(const char *data, size_t size)
    {
        if (fd_ < 0) {
            IOStatus status = files_->port_open(path_, DISK_TRUNCATE, &fd_);
            if (!status.ok()) {
                return status;
            }
        }
        return files_->port_write(fd_, data, size, path_);
    }

    local_file_system *files_;
    std::string path_;
    std::shared_ptr<local_file> file_;
    bool stays_;
    std::string buffer_;
    disk_fd fd_ = -1;
};

class local_directory final : public rocksdb::FSDirectory
{
  public:
    IOStatus Fsync(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions &, IODebugContext *) override
    {
        return IOStatus::OK();
    }
};

} // namespace

std::unique_ptr<rocksdb::FSSequentialFile>
kept_sequential_file_new(const std::shared_ptr<std::string> &content)
{
    return std::make_unique<kept_sequential_file>(content);
}

std::unique_ptr<rocksdb::FSRandomAccessFile>
kept_random_access_file_new(const std::shared_ptr<std::string> &content)
{
    return std::make_unique<kept_random_access_file>(content);
}

std::unique_ptr<rocksdb::FSWritableFile>
kept_writable_file_new(const std::shared_ptr<local_file> &file)
{
    return std::make_unique<kept_writable_file>(file);
}

std::unique_ptr<rocksdb::FSRandomAccessFile>
disk_random_access_file_new(local_file_system *files, const std::string &path, disk_fd fd)
{
    return std::make_unique<disk_random_access_file>(files, path, fd);
}

std::unique_ptr<rocksdb::FSWritableFile>
disk_writable_file_new(local_file_system *files,
                       const std::string &path,
                       const std::shared_ptr<local_file> &file,
                       bool stays)
{
    return std::make_unique<disk_writable_file>(files, path, file, stays);
}

std::unique_ptr<rocksdb::FSDirectory> local_directory_new()
{
    return std::make_unique<local_directory>();
}
