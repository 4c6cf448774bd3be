#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/arena.h"
#include "runtime/device.h"

namespace bam {

/// How the host's pages are held: pinned ones a GPU copies from and to by itself, at full speed.
enum class Pages : std::uint8_t { kAsTheyAre, kPinned };

/// Hands out a device's memory and keeps what comes back, so that a training step touches no fresh
/// pages; a GPU's is cut from an arena, so that rows that vary from step to step leave no holes. A
/// block that comes back is handed out again before the work that used it need be over, so on a GPU
/// one memory serves one compute stream. Outlives every tensor made from it.
class Memory {
 public:
  explicit Memory(DeviceKind device = DeviceKind::kCpu,
                  Arena::Pieces pieces = Arena::Pieces::kMayGo);
  /// The host's.
  explicit Memory(Pages pages) : device_(DeviceKind::kCpu), pages_(pages) {}
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  DeviceKind device() const { return device_; }

  /// At least `bytes` bytes, aligned to 64. Throws Error, with the sizes, when there is no more.
  void* take(std::size_t bytes);
  /// Gives back what take(bytes) returned.
  void give(void* block, std::size_t bytes);

  /// Bytes in tensors now, the most there ever were at once, and bytes held from the system.
  std::size_t in_use() const;
  std::size_t peak() const;
  std::size_t held() const;
  /// Gives the system back what a GPU's arena holds and no tensor lies in; waits for the GPU.
  void trim();
  /// Lets peak() start again from in_use().
  void reset_peak();

 private:
  void* take_host(std::size_t bytes);
  void* allocate(std::size_t size);
  void release_free();

  DeviceKind device_;
  Pages pages_ = Pages::kAsTheyAre;
  mutable std::mutex mutex_;
  std::unique_ptr<Arena> arena_;                    // a GPU's
  std::map<std::size_t, std::vector<void*>> free_;  // a host's, by rounded size
  std::size_t in_use_ = 0;
  std::size_t peak_ = 0;
  std::size_t held_ = 0;  // of the host's
};

}  // namespace bam
