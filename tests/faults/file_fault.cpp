// Preloaded into a program: one of its calls that change files goes wrong. By the environment:
//
//   BAM_FAULT_FOLDER  calls on files below this folder are counted, from 1
//   BAM_FAULT_AT      the call that is meant
//   BAM_FAULT         kill: the process is killed instead of that call
//                     torn: half of that call's bytes are written first (calls that write none:
//                     kill)
//                     full: that call and every later one that writes fail, the disk is full
//                     stop: the process stops before that call, until it is told to go on
//   BAM_FAULT_RANK    only on this rank of an mpirun
//   BAM_FAULT_FREE    bytes that are said to be free for that folder,
//   BAM_FAULT_FREE_AT from so manyeth question on
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Fault {
  std::string kind = setting("BAM_FAULT");
  std::string folder = setting("BAM_FAULT_FOLDER");
  long at = std::atol(setting("BAM_FAULT_AT").c_str());
  bool is_here = setting("BAM_FAULT_RANK") == "" ||
                 setting("BAM_FAULT_RANK") == setting("OMPI_COMM_WORLD_RANK");
};

const Fault& fault() {
  static const Fault& the_fault = *new Fault;  // programs write to their last breath
  return the_fault;
}

template <class Call>
Call* original(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int file) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t bytes = ::readlink(link.c_str(), path.data(), path.size());
  return {path.data(), bytes > 0 ? static_cast<std::size_t>(bytes) : 0};
}

enum class Verdict { kGoOn, kFail, kTear };

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

/// Counts a call on `path`, and stops or dies in it where it is the one.
Verdict verdict_on(std::string_view path, bool writes) {
  static std::atomic<long> calls = 0;
  const Fault& the_fault = fault();
  if (!the_fault.is_here || the_fault.at == 0 || !path.starts_with(the_fault.folder)) {
    return Verdict::kGoOn;
  }
  const long call = ++calls;
  if (the_fault.kind == "full") {
    return call >= the_fault.at && writes ? Verdict::kFail : Verdict::kGoOn;
  }
  if (call != the_fault.at) {
    return Verdict::kGoOn;
  }
  if (the_fault.kind == "stop") {
    ::raise(SIGSTOP);
    return Verdict::kGoOn;
  }
  return the_fault.kind == "torn" && writes ? Verdict::kTear : (die(), Verdict::kGoOn);
}

ssize_t disk_full() {
  errno = ENOSPC;
  return -1;
}

/// `call(bytes)` does what was asked for with so many bytes.
template <class Call>
ssize_t write_or_not(int file, std::size_t bytes, Call call) {
  switch (verdict_on(path_of(file), true)) {
    case Verdict::kFail:
      return disk_full();
    case Verdict::kTear:
      call(bytes / 2);
      die();
    case Verdict::kGoOn:
      break;
  }
  return call(bytes);
}

using Pwrite = ssize_t(int, const void*, std::size_t, off_t);

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, std::size_t bytes) {
  static auto* const real = original<ssize_t(int, const void*, std::size_t)>("write");
  return write_or_not(file, bytes, [&](std::size_t part) { return real(file, data, part); });
}

ssize_t pwrite(int file, const void* data, std::size_t bytes, off_t offset) {
  static auto* const real = original<Pwrite>("pwrite");
  return write_or_not(file, bytes,
                      [&](std::size_t part) { return real(file, data, part, offset); });
}

ssize_t pwrite64(int file, const void* data, std::size_t bytes, off_t offset) {
  return pwrite(file, data, bytes, offset);
}

int ftruncate(int file, off_t bytes) noexcept {
  static auto* const real = original<int(int, off_t)>("ftruncate");
  verdict_on(path_of(file), false);
  return real(file, bytes);
}

int ftruncate64(int file, off_t bytes) noexcept { return ftruncate(file, bytes); }

int fsync(int file) {
  static auto* const real = original<int(int)>("fsync");
  verdict_on(path_of(file), false);
  return real(file);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = original<int(const char*, mode_t)>("mkdir");
  verdict_on(path, false);
  return real(path, mode);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = original<int(const char*, const char*)>("rename");
  verdict_on(to, false);
  return real(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) noexcept {
  static auto* const real =
      original<int(int, const char*, int, const char*, unsigned int)>("renameat2");
  verdict_on(to, false);
  return real(from_folder, from, to_folder, to, flags);
}

int remove(const char* path) noexcept {
  static auto* const real = original<int(const char*)>("remove");
  verdict_on(path, false);
  return real(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static auto* const real = original<int(int, const char*, int)>("unlinkat");
  verdict_on(*path == '/' ? path : path_of(folder), false);
  return real(folder, path, flags);
}

int statvfs(const char* path, struct statvfs* found) noexcept {
  static auto* const real = original<int(const char*, struct statvfs*)>("statvfs");
  static std::atomic<long> calls = 0;
  const int result = real(path, found);
  const std::string free = setting("BAM_FAULT_FREE");
  const bool is_asked = !free.empty() && std::string_view(path).starts_with(fault().folder);
  if (is_asked && ++calls >= std::atol(setting("BAM_FAULT_FREE_AT").c_str())) {
    found->f_bavail = std::strtoul(free.c_str(), nullptr, 10) / found->f_frsize;
  }
  return result;
}

}  // extern "C"
