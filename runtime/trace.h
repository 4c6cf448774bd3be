#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bam {

class Stream;

/// What a rank's time goes to.
enum class Activity : std::uint8_t {
  kProducts,   // matrix products
  kAttention,  // scores, softmax and weighing
  kRows,       // norms, activations, rotations, embedding, loss, sums and copies
  kRouting,    // routers' softmax and choice, permutation, gates, statistics
  kOptimizer,  // AdamW, gradient norm, sums over copies
  kExchange,   // starting transfers and waiting for them
};
inline constexpr std::size_t kActivities = 6;

/// "products", "attention", ...
std::string_view name_of(Activity activity);

/// Where one rank's time went: work of the calling thread, and transfers that were in flight
/// meanwhile. Times are seconds of std::chrono::steady_clock.
class Trace {
 public:
  struct Work {
    Activity activity;
    const char* name;  // of the kernel; outlives the trace
    double begin;
    double end;
  };
  struct Flight {
    double begin;
    double end;
    std::size_t bytes_sent;
  };

  void add(const Work& work) { work_.push_back(work); }
  void add(const Flight& flight) { flights_.push_back(flight); }

  const std::vector<Work>& work() const { return work_; }
  const std::vector<Flight>& flights() const { return flights_; }
  /// Seconds of each activity.
  std::array<double, kActivities> seconds() const;

  static double now();

 private:
  std::vector<Work> work_;
  std::vector<Flight> flights_;
};

/// Adds the time from its making to its end to the stream's trace, if it has one, and tells the
/// stream's heartbeat of it.
class Traced {
 public:
  Traced(Stream& stream, Activity activity, const char* name);
  ~Traced();
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

 private:
  Stream& stream_;
  Trace* trace_;
  Activity activity_;
  const char* name_;
  double begin_;
};

}  // namespace bam
