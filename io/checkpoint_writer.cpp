#include "io/checkpoint_writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "io/run_config.h"
#include "io/snapshot_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kBackgroundNiceness = 10;  // compute comes first

std::string cause_of(const std::exception& error) {
  const std::string cause = error.what();
  return cause.empty() ? "failed" : cause;
}

/// What every rank answered: "rank 1: disk full; rank 3: ..." where any begins with 'f'.
std::string failures_in(const std::vector<std::string>& answers) {
  std::string failures;
  for (std::size_t rank = 0; rank < answers.size(); ++rank) {
    if (answers[rank].starts_with('f')) {
      failures +=
          message_of(failures.empty() ? "" : "; ", "rank ", rank, ": ", answers[rank].substr(1));
    }
  }
  return failures;
}

/// Runs `work` on rank 0. Returns, on every rank, what failed; nothing where nothing did.
template <class Work>
std::string leaders_failure(CheckpointPeers& peers, Work work) {
  std::string failure;
  if (peers.rank() == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      failure = cause_of(error);
    }
  }
  return peers.broadcast(std::move(failure));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Where it cannot be made nothing is left of it.
BlankDataFile blank_data_file(const CheckpointPlan& plan) {
  try {
    return {plan.folder, plan.specs, plan.is_stored};
  } catch (...) {
    drop_draft(plan.folder, 0);
    throw;
  }
}

/// Adds the time until its end.
class Timed {
 public:
  explicit Timed(double& seconds) : seconds_(seconds) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { seconds_ += seconds_since(start_); }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

IsStored stored_states(const proto::RunConfig& config) {
  const Trainable trainable = run_config_of(config, "checkpoint").training.trainable;
  return [trainable](StateKind kind, const ParameterSpec& spec) {
    return kind == StateKind::kWeight || is_trainable(spec, trainable);
  };
}

CheckpointWriter::CheckpointWriter(CheckpointPeers& peers, CheckpointPlan plan,
                                   std::span<const OwnedTile> tiles, Stream* staging)
    : peers_(peers), plan_(std::move(plan)), is_in_background_(staging != nullptr) {
  const std::string failure = leaders_failure(peers_, [&] {
    drop_drafts(plan_.folder);
    blank_ = blank_data_file(plan_);
    layout_ = blank_->layout();
  });
  if (!failure.empty()) {
    throw CannotSave(failure);
  }
  check(layout_.ParseFromString(peers_.broadcast(layout_.SerializeAsString())),
        "checkpoint: its layout came broken from rank 0");
  if (is_in_background_) {
    snapshot_.emplace(layout_, plan_.specs, tiles, *staging);
  } else {
    snapshot_.emplace(layout_, plan_.specs, tiles);
  }
}

CheckpointWriter::~CheckpointWriter() {
  is_given_up_ = true;
  if (work_.valid()) {
    work_.wait();
  }
  if (is_leader() && phase_ != Phase::kIdle) {
    drop_draft(plan_.folder, info_.step);
  }
}

// `work` returns an answer for the leader; on a thread of its own, where a failure is an answer
// too.
template <class Work>
void CheckpointWriter::start(Phase phase, Work work) {
  phase_ = phase;
  work_ = std::async(
      std::launch::async, [work = std::move(work), is_in_background = is_in_background_] {
        if (is_in_background) {
          ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackgroundNiceness);
        }
        try {
          return "h" + work();
        } catch (const std::exception& error) {
          return "f" + cause_of(error);
        }
      });
}

void CheckpointWriter::save(CheckpointInfo info) {
  finish();
  save_start_ = Clock::now();
  info_ = std::move(info);
  report_ = {.step = info_.step, .failure = {}};
  for (const proto::DataSet& data_set : layout_.data_sets()) {
    report_.bytes += bytes_of(data_set);
  }
  if (std::string failure = start_tiles(); !failure.empty()) {
    end_save(std::move(failure));
  } else if (!is_in_background_) {
    finish();
  }
}

std::string CheckpointWriter::start_tiles() {
  const Timed timed(report_.blocked_seconds);
  std::string failure = leaders_failure(peers_, [&] { check_space(plan_.folder, layout_); });
  if (failure.empty()) {
    snapshot_->capture();
    start(Phase::kTiles, [this] {
      std::string hashes =
          write_parts(draft_folder(plan_.folder, info_.step) / kDataFile, snapshot_->parts(),
                      blank_ ? &*blank_ : nullptr, is_given_up_);
      report_.tiles_seconds = seconds_since(save_start_);
      return hashes;
    });
  }
  return failure;
}

bool CheckpointWriter::is_ready() const {
  return phase_ != Phase::kIdle &&
         (!work_.valid() || work_.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

void CheckpointWriter::advance() {
  std::optional<std::string> failure;  // once the save is over
  {
    const Timed timed(report_.blocked_seconds);
    failure = next_phase();
  }
  if (failure) {
    end_save(std::move(*failure));
  }
}

// BEFORE: all ranks are ready.  AFTER: tiles -> commit -> over; over at once where a rank failed.
std::optional<std::string> CheckpointWriter::next_phase() {
  if (phase_ == Phase::kCommit) {
    return failures_in({peers_.broadcast(is_leader() ? work_.get() : "")});
  }
  std::vector<std::string> answers = peers_.gather(work_.get());
  std::string failures = failures_in(answers);
  if (!failures.empty()) {
    return failures;
  }
  start_commit(std::move(answers));
  return std::nullopt;
}

void CheckpointWriter::start_commit(std::vector<std::string> hashes) {
  phase_ = Phase::kCommit;
  if (!is_leader()) {
    return;
  }
  for (std::string& answer : hashes) {
    answer.erase(0, 1);
  }
  start(Phase::kCommit, [this, hashes = std::move(hashes)] {
    std::erase(plan_.retention.not_counted, info_.step);
    commit_draft(plan_.folder, layout_, info_, hashes, plan_.retention);
    return std::string();
  });
}

void CheckpointWriter::end_save(std::string failure) {
  if (is_leader() && !failure.empty()) {
    drop_draft(plan_.folder, info_.step);
  }
  phase_ = Phase::kIdle;
  report_.failure = std::move(failure);
  report_.write_seconds = seconds_since(save_start_);
  reports_.push_back(std::move(report_));
}

void CheckpointWriter::finish() {
  while (phase_ != Phase::kIdle) {
    if (work_.valid()) {
      const Timed timed(report_.blocked_seconds);
      work_.wait();
    }
    advance();
  }
}

std::vector<SaveReport> CheckpointWriter::take_reports() { return std::exchange(reports_, {}); }

void write_checkpoint(CheckpointPeers& peers, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention) {
  CheckpointWriter writer(peers, {folder, specs, stored_states(info.config), retention}, tiles,
                          nullptr);
  writer.save(info);
  const std::string failure = writer.take_reports().back().failure;
  check(failure.empty(), "checkpoint: ", failure);
}

}  // namespace bam
