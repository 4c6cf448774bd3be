#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bam {

/// What came of one injected fault.
struct FaultTrial {
  bool detected = false;          // refused, told of, or survived: whatever must happen did
  bool bad_accepted = false;      // damaged state was loaded, or written as if it were good
  std::optional<double> seconds;  // from the fault to its detection
  std::optional<std::int64_t> steps_lost;
};

/// One row of the fault report: counts the trials of a fault and, at its end, prints the row and
/// writes it as JSON into the folder that the environment's BAM_FAULT_ROWS names (`launch/faults`
/// sets it; without it the row is only printed). A row of the same fault and injection is replaced.
///
///     FaultTally tally({.fault = "F5", .injection = "a bit of data.h5 flipped", .goal = "0
///     accepted"}); for (int i = 0; i < fault_trials(100, 10'000); ++i) { tally.add({.detected =
///     ...}); }
class FaultTally {
 public:
  struct Row {
    std::string fault;      // "F5", as in docs/reliability.md
    std::string injection;  // how it was injected, a few words
    std::string goal;       // what is asked for, a few words
  };

  explicit FaultTally(Row row) : row_(std::move(row)) {}
  FaultTally(const FaultTally&) = delete;
  FaultTally& operator=(const FaultTally&) = delete;
  ~FaultTally();

  void add(const FaultTrial& trial) { trials_.push_back(trial); }
  /// As many trials that came out alike.
  void add(std::int64_t count, const FaultTrial& each);

  std::int64_t trials() const { return static_cast<std::int64_t>(trials_.size()); }
  std::int64_t detected() const;
  std::int64_t bad_accepted() const;

 private:
  nlohmann::json row_json() const;

  Row row_;
  std::vector<FaultTrial> trials_;
};

/// Whether BAM_FAULTS_LONG asks for the long form: the same code, more trials.
bool is_long_form();
/// Trials of a fault: few in `launch/test`, many under `launch/faults --long`.
int fault_trials(int short_form, int long_form);

/// The rows in a folder as one table, in the faults' order, for people; writes `report.txt` and
/// `report.json` beside them. Zero failures in n trials bound the rate at 3 / n (95 %), which
/// stands in the table too.
std::string write_fault_report(const std::filesystem::path& rows);

}  // namespace bam
