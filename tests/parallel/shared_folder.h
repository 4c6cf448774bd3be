#pragma once

#include <optional>

#include "io/checkpoint_peers.h"
#include "tests/io/temporary_folder.h"

namespace bam::testing {

/// A folder known to all ranks, removed at the end of the scope once all have come there.
class SharedFolder {
 public:
  explicit SharedFolder(CheckpointPeers& peers) : peers_(peers) {
    if (peers.rank() == 0) {
      own_.emplace();
    }
    path_ = peers.broadcast(own_ ? own_->path().string() : "");
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  ~SharedFolder() { peers_.broadcast(""); }

  const std::filesystem::path& path() const { return path_; }

 private:
  CheckpointPeers& peers_;
  std::optional<TemporaryFolder> own_;
  std::filesystem::path path_;
};

}  // namespace bam::testing
