#include "runtime/recording.h"

#include "runtime/check.h"
#include "runtime/cuda/device.h"

namespace bam {
namespace {

// Has a stream's tensors made in another memory while it lives.
class MadeIn {
 public:
  MadeIn(Stream& stream, Memory& memory) : stream_(stream), usual_(stream.use(memory)) {}
  ~MadeIn() { stream_.use(usual_); }
  MadeIn(const MadeIn&) = delete;
  MadeIn& operator=(const MadeIn&) = delete;

 private:
  Stream& stream_;
  Memory& usual_;
};

}  // namespace

Recording::Recording() = default;
Recording::~Recording() = default;
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;

void Recording::begin(Pass pass) {
  check(pass != Pass::kReplay || !pieces_.empty(), "nothing was recorded");
  if (pass == Pass::kRecord) {
    check(memory_ == nullptr, "recorded a second time");
    // What looks free is what a piece uses again when it is done again.
    memory_ = std::make_unique<Memory>(DeviceKind::kCuda, Arena::Pieces::kStay);
  }
  pass_ = pass;
  next_ = 0;
}

void Recording::run(Stream& stream, const std::function<void()>& work) {
  if (pass_ == Pass::kDo) {
    work();
    return;
  }
  if (pass_ == Pass::kRecord) {
    pieces_.push_back(record(stream, work));
  }
  check(next_ < pieces_.size(), "piece ", next_, " of ", pieces_.size(), " that were recorded");
  const Piece& piece = pieces_[next_++];
  cuda::replay(stream, *piece.graph);
  stream.count_operations(pass_ == Pass::kReplay ? piece.operations : 0);
}

Recording::Piece Recording::record(Stream& stream, const std::function<void()>& work) {
  const MadeIn made_in(stream, *memory_);
  const double before = stream.operations();
  return {.graph = cuda::record(stream, work), .operations = stream.operations() - before};
}

}  // namespace bam
