#include "parallel/watchdog.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>

#include "parallel/mpi_session.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::chrono::milliseconds kPeriod{250};
constexpr double kFirstSigns = 30;  // seconds in which neighbours are heard, or never

/// mpirun, its daemon or Slurm's, where one of them started this process.
std::optional<pid_t> launcher_of_this_process() {
  const bool has_one =
      std::getenv("OMPI_COMM_WORLD_RANK") != nullptr || std::getenv("PMIX_RANK") != nullptr;
  return has_one ? std::optional(::getppid()) : std::nullopt;
}

/// Past every lock that the program's other threads may hold for ever.
void print_error(const std::string& line) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

/// A thread that no signal is delivered to.
template <class Work>
std::thread deaf_thread(Work work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread thread(std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Watchdog::Watchdog(Stream& stream, Communicator& world, const WatchdogOptions& options)
    : heartbeat_(stream.heartbeat()),
      world_(world),
      options_(options),
      name_(message_of("bam: rank ", world.rank(), " of ", world.size(), ": ")),
      launcher_(launcher_of_this_process()) {
  if (world.size() > 1) {
    beats_.emplace(stream, world);
  }
  thread_ = deaf_thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (beats_ && std::uncaught_exceptions() == 0) {
    beats_->take_leave();
  }
}

void Watchdog::allow(double seconds) {
  allowance_ = seconds;
  ++begun_;
}

void Watchdog::watch() {
  using Clock = std::chrono::steady_clock;
  double now = 0;  // seconds that this process was not stopped for
  Clock::time_point before = Clock::now();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [this] { return is_over_; })) {
    const Clock::time_point after = Clock::now();
    now += std::chrono::duration<double>(std::min<Clock::duration>(after - before, 2 * kPeriod))
               .count();
    before = after;
    look(now);
  }
}

void Watchdog::look(double now) {
  if (const std::int64_t begun = begun_; begun != begun_seen_) {
    begun_seen_ = begun;
    deadline_ = now + allowance_;
  }
  if (beats_) {
    beats_->exchange(now);
  }
  if (end_at_) {
    if (now >= *end_at_) {
      world_.abort();
      abort_job(end_code_);
    }
    return;
  }
  if (launcher_ && ::getppid() != *launcher_) {
    begin_end("what started it is gone", options_.lost_code, now);
  } else if (beats_ && beats_->end()) {
    begin_end(message_of("rank ", beats_->end()->rank, " ends the job"), beats_->end()->code, now);
  } else if (const auto lost = beats_ ? beats_->silent_for(options_.silence, now) : std::nullopt) {
    begin_end(message_of("no sign of life of rank ", *lost, " for ", options_.silence, " s"),
              options_.lost_code, now);
  } else if (const std::string fault = world_.fault(); !fault.empty()) {
    begin_end(fault, options_.lost_code, now);
  } else if (begun_seen_ > 0 && allowance_ > 0 && now > deadline_) {
    begin_end(message_of("takes longer than ", allowance_.load(), " s"), options_.hung_code, now);
  } else if (const auto mute = beats_ ? beats_->never_heard() : std::nullopt;
             mute && now > kFirstSigns && !has_warned_) {
    has_warned_ = true;
    print_error(message_of(name_, "hears nothing of rank ", *mute,
                           " by UDP; that it is lost will be noticed late\n"));
  }
}

void Watchdog::begin_end(const std::string& cause, int code, double now) {
  print_error(message_of(name_, cause, "; last: ", heartbeat_.text(Trace::now()), "\n"));
  if (beats_) {
    beats_->tell_of_end(code);
  }
  end_code_ = code;
  end_at_ = now + options_.grace;
}

}  // namespace bam
