#include "io/whole_checkpoint.h"

#include <algorithm>
#include <sstream>

#include "io/retention.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// Step of the checkpoint that `latest` names; -1 where there is none.
std::int64_t latest_step(const fs::path& run) {
  if (!has_checkpoint(run)) {
    return -1;
  }
  std::string name = read_file(run / kLatestFile);
  name.erase(name.find_last_not_of('\n') + 1);
  const std::vector<std::int64_t> steps = steps_in(run);
  const auto found = std::ranges::find(steps, name, step_folder);
  return found == steps.end() ? -1 : *found;
}

/// Rank 0's words, on every rank; the folder may change while others look.
std::vector<fs::path> agreed_candidates(CheckpointPeers& peers, const fs::path& run) {
  std::string names;
  if (peers.rank() == 0) {
    for (const fs::path& checkpoint : checkpoints_to_try(run)) {
      names += checkpoint.filename().string() + "\n";
    }
  }
  std::istringstream lines(peers.broadcast(names));
  std::vector<fs::path> candidates;
  for (std::string name; std::getline(lines, name);) {
    candidates.push_back(run / name);
  }
  return candidates;
}

/// A checkpoint, or why it is none.
struct Opened {
  std::optional<CheckpointReader> reader;
  std::string refusal;
};

/// Reads this rank's part of it.
Opened open_part(const fs::path& checkpoint, int rank, int ranks) {
  Opened opened;
  try {
    opened.reader.emplace(checkpoint);
    opened.reader->verify(kStateKinds, rank, ranks);
  } catch (const BadInput& error) {
    opened.refusal = error.what();
  }
  return opened;
}

/// The first rank's refusal, on every rank; empty where no rank has one.
std::string agreed_refusal(CheckpointPeers& peers, const std::string& own) {
  const std::vector<std::string> all = peers.gather(own);
  const auto first =
      std::ranges::find_if(all, [](const std::string& text) { return !text.empty(); });
  return first == all.end() ? "" : *first;
}

std::string refusal_of(const fs::path& run, const std::vector<std::string>& refusals) {
  if (refusals.size() == 1) {
    return refusals.front();
  }
  std::string all = run.string() + ": no checkpoint in it is whole:";
  for (const std::string& refusal : refusals) {
    all += "\n  " + refusal;
  }
  return all;
}

}  // namespace

std::vector<fs::path> checkpoints_to_try(const fs::path& run) {
  if (!is_folder(run)) {
    return {};
  }
  std::vector<std::int64_t> steps = steps_in(run);
  const std::int64_t latest = latest_step(run);
  std::erase_if(steps, [&](std::int64_t step) {  // one that is being removed, or never was whole
    return step != latest && !is_file(run / step_folder(step) / kManifestFile);
  });
  std::ranges::sort(steps, [latest](std::int64_t left, std::int64_t right) {
    const bool left_is_after = latest >= 0 && left > latest;
    const bool right_is_after = latest >= 0 && right > latest;
    return left_is_after != right_is_after ? right_is_after : left > right;
  });
  std::vector<fs::path> folders;
  for (const std::int64_t step : steps) {
    folders.push_back(run / step_folder(step));
  }
  return folders;
}

std::optional<CheckpointReader> newest_whole_checkpoint(
    CheckpointPeers& peers, const fs::path& run,
    const std::function<void(const std::string&)>& tell) {
  const auto ranks = static_cast<int>(peers.gather("x").size());
  const std::vector<fs::path> candidates = agreed_candidates(peers, run);
  std::vector<std::string> refusals;
  if ((!candidates.empty() || has_checkpoint(run)) && latest_step(run) < 0) {
    refusals.push_back((run / kLatestFile).string() + ": names no checkpoint of this run");
  }
  for (const fs::path& candidate : candidates) {
    Opened opened = open_part(candidate, peers.rank(), ranks);
    const std::string refusal = agreed_refusal(peers, opened.refusal);
    if (refusal.empty()) {
      if (peers.rank() == 0) {
        std::ranges::for_each(refusals, tell);
      }
      return std::move(opened.reader);
    }
    refusals.push_back(refusal);
  }
  if (!refusals.empty()) {
    throw BadInput(refusal_of(run, refusals));
  }
  return std::nullopt;
}

}  // namespace bam
