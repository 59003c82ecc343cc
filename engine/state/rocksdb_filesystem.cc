#include "engine/state/rocksdb_filesystem.h"

#include <cstring>

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace
{

bool ends_with(const std::string &text, const char *end)
{
    size_t size = strlen(end);
    return text.size() >= size && text.compare(text.size() - size, size, end) == 0;
}

bool is_sst(const std::string &name)
{
    return ends_with(name, ".sst");
}

/* A part of the database that is to be found again when it is opened. */
bool lasts(const std::string &name)
{
    return name == "CURRENT" || name.compare(0, 9, "MANIFEST-") == 0;
}

IOStatus not_there(const std::string &path)
{
    return IOStatus::PathNotFound("not found", path);
}

} // namespace

/* ---- the port ------------------------------------------------------------------------------- */

local_file_system::local_file_system(const struct disk_port *disk, std::string directory)
    : disk_(disk), directory_(std::move(directory))
{
}

IOStatus local_file_system::told(enum status status, const std::string &path)
{
    if (status == OK) {
        return IOStatus::OK();
    }
    if (status == ERR_NOT_FOUND) {
        return not_there(path);
    }
    ever_failed_ = true;
    failure_ = failure_ == OK ? status : failure_;
    return IOStatus::IOError(status_text(status), path);
}

IOStatus
local_file_system::port_open(const std::string &path, enum disk_open_mode mode, disk_fd *fd)
{
    *fd = -1;
    enum status status = blind_ ? ERR_IO : disk_open(disk_, path.c_str(), mode, fd);
    if (status != OK) {
        *fd = -1;
    }
    return told(status, path);
}

IOStatus
local_file_system::port_write(disk_fd fd, const char *data, size_t size, const std::string &path)
{
    while (size > 0) {
        size_t written = 0;
        enum status status = blind_ ? ERR_IO : disk_write(disk_, fd, data, size, &written);
        status = status == OK && written == 0 ? ERR_IO : status;
        if (status != OK) {
            return told(status, path);
        }
        data += written;
        size -= written;
    }
    return IOStatus::OK();
}

IOStatus local_file_system::port_read(
    disk_fd fd, uint64_t at, char *data, size_t size, size_t *got, const std::string &path)
{
    *got = 0;
    while (*got < size) {
        size_t read = 0;
        enum status status =
            blind_ ? ERR_IO : disk_read(disk_, fd, at + *got, data + *got, size - *got, &read);
        if (status != OK) {
            return told(status, path);
        }
        if (read == 0) {
            break;
        }
        *got += read;
    }
    return IOStatus::OK();
}

/* A dead process' descriptors are gone already. */
IOStatus local_file_system::port_close(disk_fd fd, const std::string &path)
{
    return told(blind_ ? ERR_IO : disk_close(disk_, fd), path);
}

IOStatus local_file_system::port_mkdir(const std::string &path)
{
    return told(blind_ ? ERR_IO : disk_mkdir(disk_, path.c_str()), path);
}

IOStatus local_file_system::port_link(const std::string &from, const std::string &to)
{
    return told(blind_ ? ERR_IO : disk_link(disk_, from.c_str(), to.c_str()), from);
}

IOStatus local_file_system::write_new(const std::string &path, const std::string &content)
{
    disk_fd fd = -1;
    IOStatus status = port_open(path, DISK_TRUNCATE, &fd);
    if (!status.ok()) {
        return status;
    }
    status = port_write(fd, content.data(), content.size(), path);
    IOStatus closed = port_close(fd, path);
    return status.ok() ? closed : status;
}

/* ---- what is there -------------------------------------------------------------------------- */

enum status local_file_system::look()
{
    struct arena arena = {};
    struct disk_entry *entries = nullptr;
    size_t count = 0;
    enum status status = disk_list(disk_, directory_.c_str(), &arena, &entries, &count);
    for (size_t i = 0; status == OK && i < count; i++) {
        if (!entries[i].directory) {
            auto file = std::make_shared<local_file>();
            file->on_disk = true;
            file->size = entries[i].size;
            files_[entries[i].name] = file;
        }
    }
    arena_free(&arena);
    return status;
}

IOStatus local_file_system::settle()
{
    for (auto &[name, file] : files_) {
        if (!file->on_disk && lasts(name)) {
            IOStatus status = write_new(directory_ + "/" + name, *file->content);
            if (!status.ok()) {
                return status;
            }
            file->on_disk = true;
        }
    }
    return IOStatus::OK();
}

std::string local_file_system::name_of(const std::string &path) const
{
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::shared_ptr<local_file> local_file_system::find(const std::string &path) const
{
    auto found = files_.find(name_of(path));
    return found == files_.end() ? nullptr : found->second;
}

/* Read a file of the disk whole and keep it. */
IOStatus local_file_system::load(const std::string &path, local_file *file)
{
    disk_fd fd = -1;
    IOStatus status = port_open(path, DISK_READ, &fd);
    if (!status.ok()) {
        return status;
    }
    auto content = std::make_shared<std::string>(static_cast<size_t>(file->size), '\0');
    size_t got = 0;
    status = port_read(fd, 0, content->data(), content->size(), &got, path);
    port_close(fd, path).PermitUncheckedError(); /* nothing was written through it */
    if (status.ok()) {
        content->resize(got);
        file->content = content;
    }
    return status;
}

IOStatus local_file_system::read_whole(const std::string &name,
                                       std::shared_ptr<std::string> *content)
{
    std::shared_ptr<local_file> file = find(name);
    if (file == nullptr) {
        return not_there(name);
    }
    IOStatus status;
    if (file->content == nullptr) {
        status = load(directory_ + "/" + name, file.get());
    }
    *content = file->content;
    return status;
}

/* ---- what RocksDB asks for ------------------------------------------------------------------ */

IOStatus local_file_system::NewSequentialFile(const std::string &path,
                                              const rocksdb::FileOptions &,
                                              std::unique_ptr<rocksdb::FSSequentialFile> *result,
                                              IODebugContext *)
{
    std::shared_ptr<std::string> content;
    IOStatus status = read_whole(name_of(path), &content);
    if (status.ok()) {
        *result = kept_sequential_file_new(content);
    }
    return status;
}

IOStatus
local_file_system::NewRandomAccessFile(const std::string &path,
                                       const rocksdb::FileOptions &,
                                       std::unique_ptr<rocksdb::FSRandomAccessFile> *result,
                                       IODebugContext *)
{
    std::shared_ptr<local_file> file = find(path);
    if (file == nullptr) {
        return not_there(path);
    }
    if (file->content == nullptr && file->size > KEPT_SIZE_MAX) {
        disk_fd fd = -1;
        IOStatus status = port_open(path, DISK_READ, &fd);
        if (status.ok()) {
            *result = disk_random_access_file_new(this, path, fd);
        }
        return status;
    }
    std::shared_ptr<std::string> content;
    IOStatus status = read_whole(name_of(path), &content);
    if (status.ok()) {
        *result = kept_random_access_file_new(content);
    }
    return status;
}

IOStatus local_file_system::NewWritableFile(const std::string &path,
                                            const rocksdb::FileOptions &,
                                            std::unique_ptr<rocksdb::FSWritableFile> *result,
                                            IODebugContext *)
{
    std::string name = name_of(path);
    if (name.compare(0, 8, "OPTIONS-") == 0) {
        return IOStatus::NotSupported("no OPTIONS files here");
    }
    auto file = std::make_shared<local_file>();
    if (is_sst(name)) {
        *result = disk_writable_file_new(this, path, file, name == NEW_SST);
    } else {
        file->content = std::make_shared<std::string>();
        *result = kept_writable_file_new(file);
    }
    files_[name] = file;
    return IOStatus::OK();
}

IOStatus local_file_system::NewDirectory(const std::string &,
                                         const IOOptions &,
                                         std::unique_ptr<rocksdb::FSDirectory> *result,
                                         IODebugContext *)
{
    *result = local_directory_new();
    return IOStatus::OK();
}

IOStatus local_file_system::FileExists(const std::string &path, const IOOptions &, IODebugContext *)
{
    return path == directory_ || find(path) != nullptr ? IOStatus::OK() : IOStatus::NotFound();
}

IOStatus local_file_system::GetChildren(const std::string &,
                                        const IOOptions &,
                                        std::vector<std::string> *result,
                                        IODebugContext *)
{
    result->clear();
    for (const auto &[name, file] : files_) {
        result->push_back(name);
    }
    return IOStatus::OK();
}

/* A file that was given up may be on the disk in part, or not at all. */
IOStatus local_file_system::DeleteFile(const std::string &path, const IOOptions &, IODebugContext *)
{
    std::string name = name_of(path);
    std::shared_ptr<local_file> file = find(path);
    if (file == nullptr) {
        return not_there(path);
    }
    if (file->on_disk || is_sst(name)) {
        enum status status = blind_ ? ERR_IO : disk_unlink(disk_, path.c_str());
        if (status != OK && status != ERR_NOT_FOUND) {
            return told(status, path);
        }
    }
    files_.erase(name);
    return IOStatus::OK();
}

IOStatus local_file_system::CreateDir(const std::string &path, const IOOptions &, IODebugContext *)
{
    return IOStatus::IOError("already exists", path);
}

IOStatus
local_file_system::CreateDirIfMissing(const std::string &, const IOOptions &, IODebugContext *)
{
    return IOStatus::OK(); /* it is there: who opens the database made it */
}

IOStatus local_file_system::DeleteDir(const std::string &path, const IOOptions &, IODebugContext *)
{
    return IOStatus::NotSupported("whoever made the directory removes it", path);
}

IOStatus local_file_system::GetFileSize(const std::string &path,
                                        const IOOptions &,
                                        uint64_t *size,
                                        IODebugContext *)
{
    std::shared_ptr<local_file> file = find(path);
    *size = file == nullptr ? 0 : file->size;
    return file == nullptr ? not_there(path) : IOStatus::OK();
}

IOStatus local_file_system::GetFileModificationTime(const std::string &,
                                                    const IOOptions &,
                                                    uint64_t *time,
                                                    IODebugContext *)
{
    *time = 0;
    return IOStatus::OK();
}

/* Asked for files that are in memory: a temporary one becomes CURRENT or IDENTITY. */
IOStatus local_file_system::RenameFile(const std::string &from,
                                       const std::string &to,
                                       const IOOptions &,
                                       IODebugContext *)
{
    std::shared_ptr<local_file> file = find(from);
    if (file == nullptr) {
        return not_there(from);
    }
    if (file->on_disk) {
        enum status status = blind_ ? ERR_IO : disk_rename(disk_, from.c_str(), to.c_str(), false);
        if (status != OK) {
            return told(status, from);
        }
    }
    if (is_sst(name_of(to)) && file->size > KEPT_SIZE_MAX) {
        file->content = nullptr; /* from here on it is read from the disk */
    }
    files_.erase(name_of(from));
    files_[name_of(to)] = file;
    return IOStatus::OK();
}

/* Asked when a new SST file is ingested, which loses its first name in the next step: one rename
 * stands for both. */
IOStatus local_file_system::LinkFile(const std::string &from,
                                     const std::string &to,
                                     const IOOptions &options,
                                     IODebugContext *debug)
{
    return RenameFile(from, to, options, debug);
}

IOStatus local_file_system::LockFile(const std::string &,
                                     const IOOptions &,
                                     rocksdb::FileLock **lock,
                                     IODebugContext *)
{
    *lock = new rocksdb::FileLock();
    return IOStatus::OK();
}

IOStatus local_file_system::UnlockFile(rocksdb::FileLock *lock, const IOOptions &, IODebugContext *)
{
    delete lock;
    return IOStatus::OK();
}

IOStatus local_file_system::GetTestDirectory(const IOOptions &, std::string *path, IODebugContext *)
{
    *path = directory_;
    return IOStatus::OK();
}

IOStatus local_file_system::GetAbsolutePath(const std::string &path,
                                            const IOOptions &,
                                            std::string *result,
                                            IODebugContext *)
{
    *result = path;
    return IOStatus::OK();
}

IOStatus local_file_system::IsDirectory(const std::string &path,
                                        const IOOptions &,
                                        bool *is_directory,
                                        IODebugContext *)
{
    *is_directory = path == directory_;
    return IOStatus::OK();
}
