#include "io/checkpoint_peers.h"

#include <algorithm>
#include <span>

namespace bam {

std::vector<std::size_t> CommunicatorPeers::gather_sizes(std::size_t own) {
  std::vector<std::size_t> sizes(static_cast<std::size_t>(ranks_.size()));
  ranks_
      .all_gather(stream_, std::as_bytes(std::span(&own, 1)),
                  std::as_writable_bytes(std::span(sizes)))
      .wait(stream_);
  return sizes;
}

std::string CommunicatorPeers::broadcast(std::string bytes) {
  bytes.resize(gather_sizes(bytes.size()).front());
  ranks_.broadcast(stream_, std::as_writable_bytes(std::span(bytes.data(), bytes.size())), 0)
      .wait(stream_);
  return bytes;
}

std::vector<std::string> CommunicatorPeers::gather(std::string bytes) {
  const std::vector<std::size_t> sizes = gather_sizes(bytes.size());
  const std::size_t most = std::ranges::max(sizes);
  bytes.resize(most);  // all_gather wants parts of one size
  std::string all(most * sizes.size(), '\0');
  ranks_
      .all_gather(stream_, std::as_bytes(std::span(bytes.data(), most)),
                  std::as_writable_bytes(std::span(all.data(), all.size())))
      .wait(stream_);
  std::vector<std::string> parts;
  for (std::size_t rank = 0; rank < sizes.size(); ++rank) {
    parts.push_back(all.substr(rank * most, sizes[rank]));
  }
  return parts;
}

}  // namespace bam
