#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "parallel/peer_beats.h"

namespace bam {

struct WatchdogOptions {
  // Seconds without a sign of life after which a neighbour is lost. An mpirun that looks for lost
  // hosts (see MpiLauncher) finds one earlier, and ends better than when it is told to abort.
  double silence = 25;
  double grace = 2;   // seconds in which all ranks say what they are at, before the job ends
  int hung_code = 4;  // exit codes
  int lost_code = 5;
};

/// A thread that ends the job when this rank takes too long, when a neighbouring rank gives no more
/// signs of life, when another rank ends the job, when what moves the ranks' tensors says that it
/// has failed, or when the program that started the ranks is gone. The rank's last operation goes to standard error first; then the job ends, at the latest
/// by the process's own `_exit`, whatever MPI does. Time in which the process itself was stopped
/// does not count.
class Watchdog {
 public:
  /// Collective. `stream` and `world` outlive it; the stream's heartbeat tells what the rank is at.
  Watchdog(Stream& stream, Communicator& world, const WatchdogOptions& options);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  /// What begins now takes at most so many seconds; the next call ends it.
  void allow(double seconds);

 private:
  void watch();
  void look(double now);
  void begin_end(const std::string& cause, int code, double now);

  const Heartbeat& heartbeat_;
  const Communicator& world_;
  WatchdogOptions options_;
  std::string name_;  // "rank 1 of 4"
  std::optional<PeerBeats> beats_;
  std::optional<pid_t> launcher_;  // whose child this process is

  std::atomic<double> allowance_{0};    // seconds; 0: no limit
  std::atomic<std::int64_t> begun_{0};  // calls of allow

  // Of the watching thread.
  std::int64_t begun_seen_ = 0;
  double deadline_ = 0;
  std::optional<double> end_at_;
  bool has_warned_ = false;
  int end_code_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace bam
