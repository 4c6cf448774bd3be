#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "launch/child_process.h"
#include "tests/io/temporary_folder.h"

namespace bam {

using Words = std::vector<std::string>;

/// How a program ended, and what it wrote.
struct Outcome {
  int code = 0;  // exit code; 128 + signal where one killed it
  std::string out;
  std::string err;
  std::int64_t peak_bytes = 0;  // that it ever had resident
};

/// A program that runs while the test goes on. At the end of the scope it is killed.
class Program {
 public:
  explicit Program(const ChildCommand& command);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  pid_t id() const { return id_; }
  /// Processes it has started itself: under mpirun the ranks.
  std::vector<pid_t> children() const;
  bool is_running();
  /// Waits for its end, at most four minutes, or 45 under BAM_FAULTS_LONG, whose jobs have many
  /// steps: then it is killed, and the code is 137.
  Outcome wait();

 private:
  TemporaryFolder files_;
  pid_t id_ = 0;
  int status_ = 0;
  std::int64_t peak_bytes_ = 0;
  bool has_ended_ = false;
};

/// `bam arguments...`: the built program in one process, or on ranks under mpirun. One thread each.
ChildCommand alone(const Words& arguments);
ChildCommand on_ranks(int ranks, const Words& arguments);

/// Runs it to its end.
Outcome outcome_of(const ChildCommand& command);

}  // namespace bam
