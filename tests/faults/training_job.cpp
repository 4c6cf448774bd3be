#include "tests/faults/training_job.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"

namespace bam {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{5};
constexpr double kLongestPause = 0.25;  // seconds; more: this process was stopped
constexpr double kMostPatience = 120;   // seconds

char state_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::stringstream text;
  text << file.rdbuf();
  const auto name_end = text.str().rfind(") ");
  return name_end == std::string::npos ? '\0' : text.str()[name_end + 2];
}

}  // namespace

TrainingJob::TrainingJob(int steps, Words assignments) : steps_(steps) {
  assignments.push_back("training.steps=" + std::to_string(steps));
  settings_ = settings(assignments);
}

ChildCommand TrainingJob::command(int ranks) const {
  return on_ranks(ranks, train(SmallWorld::get().expert_kv(), run(), settings_));
}

ChildCommand TrainingJob::drill(const std::string& fault, int ranks) const {
  ChildCommand command = this->command(ranks);
  command.environment["BAM_DRILL"] = fault;
  return command;
}

std::int64_t TrainingJob::logged_step() const {
  const auto metrics = run() / "metrics.jsonl";
  if (!std::filesystem::exists(metrics)) {
    return 0;
  }
  const auto lines = read_metrics(metrics);
  return lines.empty() ? 0 : lines.back()["step"].get<std::int64_t>();
}

std::int64_t TrainingJob::checkpoint_step() const {
  if (!has_checkpoint(run())) {
    return 0;
  }
  const CheckpointReader checkpoint(run());
  checkpoint.verify();
  return checkpoint.step();
}

std::optional<double> seconds_until(const std::function<bool()>& is_true, double most) {
  double seconds = 0;
  auto before = Clock::now();
  while (!is_true()) {
    if (seconds > most) {
      return std::nullopt;
    }
    std::this_thread::sleep_for(kPause);
    const auto now = Clock::now();
    seconds += std::min(std::chrono::duration<double>(now - before).count(), kLongestPause);
    before = now;
  }
  return seconds;
}

bool reaches_step(Program& program, const TrainingJob& job, std::int64_t step) {
  comes_true(240, [&] { return !program.is_running() || job.logged_step() >= step; });
  return program.is_running();
}

End end_after(Program& program, pid_t process, int number) {
  kill(process, number);
  return end_of(program);
}

End end_of(Program& program, const std::function<void()>& meanwhile) {
  const auto seconds = seconds_until(
      [&] {
        meanwhile();
        return !program.is_running();
      },
      kMostPatience);
  if (!seconds) {
    kill(program.id(), SIGKILL);
  }
  return {seconds.value_or(kMostPatience), program.wait()};
}

bool are_gone(const std::vector<pid_t>& processes) {
  for (const pid_t process : processes) {
    if (const char state = state_of(process); state != '\0' && state != 'Z') {
      return false;
    }
  }
  return true;
}

}  // namespace bam
