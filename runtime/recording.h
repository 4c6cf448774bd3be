#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/memory.h"
#include "runtime/stream.h"

namespace bam {

namespace cuda {
class Graph;
}

/// Pieces of work that a GPU's stream is given over and over, with the same tensors and the same
/// numbers of the host: recorded once as CUDA graphs, each goes to the GPU as one launch.
///
///     recording.begin(Pass::kRecord);                  // later: kReplay
///     recording.run(stream, [&] { forward(); });       // several pieces, in the same order
///     recording.run(stream, [&] { backward(); });
///
/// Tensors made in a piece while it is recorded lie in a memory of the recording's own: what one
/// piece leaves another finds, in every pass. Between pieces the host may do what it likes; in a
/// piece it waits for nothing. The recording outlives those tensors, and `stream` outlives it.
class Recording {
 public:
  enum class Pass { kDo, kRecord, kReplay };

  Recording();
  ~Recording();
  Recording(Recording&&) noexcept;
  Recording& operator=(Recording&&) noexcept;

  /// What run() does until begin() is called again: calls `work`, as at first; calls it and records
  /// what it gives the stream, which is then done; or has that done again without calling it.
  /// Records once.
  void begin(Pass pass);
  void run(Stream& stream, const std::function<void()>& work);

 private:
  struct Piece {
    std::shared_ptr<cuda::Graph> graph;
    double operations = 0;  // arithmetic in it
  };

  Piece record(Stream& stream, const std::function<void()>& work);

  Pass pass_ = Pass::kDo;
  std::unique_ptr<Memory> memory_;  // of tensors made while recording
  std::vector<Piece> pieces_;
  std::size_t next_ = 0;
};

}  // namespace bam
