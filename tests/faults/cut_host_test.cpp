// F11: the cable to one of two hosts is cut; packets vanish in silence. Needs root.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "launch/exit_codes.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"
#include "tests/launch/shell.h"

namespace bam {
namespace {

constexpr double kPatience = 60;

/// Two hosts on one machine, and one of them.
class TwoHosts {
 public:
  TwoHosts() { is_up_ = geteuid() == 0 && network("up fault 2").code == 0; }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;
  ~TwoHosts() {
    for (const pid_t process : processes(2)) {
      kill(process, SIGKILL);
    }
    network("down fault");
  }

  bool is_up() const { return is_up_; }
  void cut() const { network("cut fault 2"); }
  void join() const { network("join fault 2"); }

  ChildCommand with_mpirun(ChildCommand command) const {
    Words words = {BAM_NETWORK, "mpirun", "fault", "-x", "OMP_NUM_THREADS=1"};
    // What `bam pipeline run --hostfile` gives to mpirun too.
    for (const char* setting : {"time=5", "intvl=5", "probes=3"}) {
      const std::string text = setting;
      words.insert(words.end(), {"--mca", "oob_tcp_keepalive_" + text.substr(0, text.find('=')),
                                 text.substr(text.find('=') + 1)});
    }
    words.insert(words.end(), command.words.begin(), command.words.end());
    command.words = words;
    return command;
  }
  /// All of a host's processes, Open MPI's daemon among them.
  std::vector<pid_t> processes(int host) const {
    std::istringstream list(run_in_shell("ip netns pids bam-fault-" + std::to_string(host)).text);
    std::vector<pid_t> found;
    for (pid_t process = 0; list >> process;) {
      found.push_back(process);
    }
    return found;
  }

 private:
  static Ended network(const std::string& what) {
    return run_in_shell(std::string(BAM_NETWORK) + " " + what);
  }

  bool is_up_ = false;
};

std::vector<pid_t> ranks_of(std::vector<pid_t> processes) {
  std::erase_if(processes, [](pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/comm");
    std::string name;
    return !(file >> name) || name != "bam";
  });
  return processes;
}

// On the side without mpirun Open MPI's daemon may stay behind, asleep; the rank may not.
TEST(F11, ACutCableEndsTheJobOnBothSides) {
  const TwoHosts hosts;
  if (!hosts.is_up()) {
    GTEST_SKIP() << "network namespaces cannot be made here (they need root)";
  }
  FaultTally tally({.fault = "F11", .injection = "a host's link down", .goal = "<= 30 s"});
  for (int i = 0; i < fault_trials(1, 10); ++i) {
    TrainingJob job(1'000'000, {"checkpoint.every=4"});
    Program program(hosts.with_mpirun(job.command(1)));
    ASSERT_TRUE(reaches_step(program, job, 5)) << program.wait().err;
    const std::vector<pid_t> there = ranks_of(hosts.processes(2));
    ASSERT_FALSE(there.empty());
    hosts.cut();
    const auto seconds =
        seconds_until([&] { return are_gone(there) && !program.is_running(); }, kPatience);
    hosts.join();
    tally.add({.detected = seconds.has_value(),
               .bad_accepted = job.checkpoint_step() == 0,
               .seconds = seconds,
               .steps_lost = job.logged_step() - job.checkpoint_step()});
    EXPECT_TRUE(are_gone(there));
    ASSERT_FALSE(program.is_running());
    EXPECT_NE(program.wait().code, kDone);
  }
}

}  // namespace
}  // namespace bam
