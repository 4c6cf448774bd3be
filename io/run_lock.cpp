#include "io/run_lock.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string host_name() {
  std::string name(256, '\0');
  const bool is_known = ::gethostname(name.data(), name.size() - 1) == 0;
  check(is_known, "gethostname: ", std::strerror(errno));
  name.resize(std::strlen(name.c_str()));
  return name;
}

json this_process() {
  const char* job = std::getenv("SLURM_JOB_ID");
  return {{"host", host_name()}, {"pid", ::getpid()}, {"job", job == nullptr ? "" : job}};
}

json read_holder(const OpenFile& file) {
  std::string text(4096, '\0');
  const ssize_t bytes = ::pread(file.descriptor(), text.data(), text.size(), 0);
  text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  const json holder = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool is_whole = holder.is_object() && holder.value("host", json()).is_string() &&
                        holder.value("pid", json()).is_number_integer() &&
                        holder.value("job", json()).is_string();
  return is_whole ? holder : json();
}

/// Whether the text may still be that of an earlier holder, who is gone.
bool is_outdated(const json& holder) {
  return holder.is_null() || (holder["host"] == host_name() &&
                              ::kill(holder["pid"].get<pid_t>(), 0) != 0 && errno == ESRCH);
}

/// The holder's text; it writes it just after it has taken the lock.
json holder_of(const OpenFile& file) {
  json holder = read_holder(file);
  for (int tries = 0; is_outdated(holder) && tries < 100; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    holder = read_holder(file);
  }
  return holder;
}

std::string text_of(const json& holder) {
  if (holder.is_null()) {
    return "another process";
  }
  const std::string job = holder["job"];
  return message_of("host ", holder["host"].get<std::string>(), ", process ", holder["pid"],
                    job.empty() ? "" : ", job " + job);
}

/// Whether it was missing.
bool make_folder(const fs::path& folder) {
  std::error_code failure;
  const bool is_new = fs::create_directories(folder, failure);
  check_input(!failure, folder.string(), ": cannot be made: ", failure.message());
  return is_new;
}

bool holds_only(const fs::path& folder, const fs::path& name) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename() != name) {
      return false;
    }
  }
  return true;
}

/// False on a file system without locks. A lock that this descriptor has is taken again.
bool locks(const OpenFile& file, RunLock::Mode mode) {
  const int kind = mode == RunLock::Mode::kAlone ? LOCK_EX : LOCK_SH;
  const bool is_locked = ::flock(file.descriptor(), kind | LOCK_NB) == 0;
  if (!is_locked && errno == EWOULDBLOCK) {
    const std::string name = file.path().filename();
    throw BadInput(message_of(file.path().parent_path().string(), ": is in use by ",
                              text_of(holder_of(file)),
                              name == kLockFile ? "" : " (" + name + ")"));
  }
  return is_locked;
}

/// Whether the path still leads to the open file; its last holder may have removed it.
bool is_there(const OpenFile& file) {
  struct stat open {};
  struct stat found {};
  return ::fstat(file.descriptor(), &open) == 0 && ::stat(file.path().c_str(), &found) == 0 &&
         open.st_dev == found.st_dev && open.st_ino == found.st_ino;
}

OpenFile open_locked(const fs::path& folder, const std::string& name, RunLock::Mode mode) {
  while (true) {
    make_folder(folder);
    OpenFile file(folder / name, OpenFile::Mode::kCreate);
    if (!locks(file, mode) || is_there(file)) {
      return file;
    }
  }
}

// On a full disk nobody can read who has the lock; it is held all the same.
void write_holder(const OpenFile& file) try {
  const std::string text = this_process().dump() + "\n";
  const bool is_empty = ::ftruncate(file.descriptor(), 0) == 0;
  check(is_empty, file.path().string(), ": cannot be written: ", std::strerror(errno));
  write_at(file.descriptor(), file.path(), 0, std::as_bytes(std::span(text.data(), text.size())));
} catch (const Error&) {
}

}  // namespace

RunLock::RunLock(const fs::path& folder, const std::string& file, Mode mode)
    : made_folder_(make_folder(folder)),
      mode_(mode),
      file_(open_locked(folder, file, mode)),
      is_held_(locks(file_, mode)) {
  if (is_held_) {
    write_holder(file_);
  }
}

RunLock::~RunLock() {
  if (!is_held_ || file_.descriptor() < 0 || mode_ == Mode::kWithOthers) {
    return;  // others may be in it still
  }
  [[maybe_unused]] const int result = ::ftruncate(file_.descriptor(), 0);
  const fs::path folder = file_.path().parent_path();
  std::error_code ignored;
  if (made_folder_ && holds_only(folder, file_.path().filename())) {
    fs::remove(file_.path(), ignored);
    fs::remove(folder, ignored);
  }
}

RunLock lock_surely(const fs::path& folder, const std::string& file, RunLock::Mode mode) {
  RunLock lock(folder, file, mode);
  check_input(lock.is_held(), folder.string(), ": its file system has no locks");
  return lock;
}

std::optional<RunLock> lock_run(CheckpointPeers& peers, const fs::path& folder) {
  std::optional<RunLock> lock;
  std::string failure;  // after one letter for its kind
  if (peers.rank() == 0) {
    try {
      lock.emplace(folder);
    } catch (const BadInput& error) {
      failure = std::string("i") + error.what();
    } catch (const std::exception& error) {
      failure = std::string("e") + error.what();
    }
  }
  failure = peers.broadcast(std::move(failure));
  if (failure.starts_with('i')) {
    throw BadInput(failure.substr(1));
  }
  if (failure.starts_with('e')) {
    throw Error(failure.substr(1));
  }
  return lock;
}

}  // namespace bam
