#include "launch/inspect_command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <vector>

#include "io/checkpoint_reader.h"
#include "launch/checkpoint_difference.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/file_tree.h"
#include "launch/inspection.h"
#include "launch/lineage_tree.h"
#include "launch/message_json.h"
#include "launch/read_apart.h"
#include "launch/verification.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kUsage =
    "bam inspect [show|verify|diff|lineage|tree] FILE [FILE] [--json] [--statistics]";
constexpr std::int64_t kBytesPerSecond = 20'000'000;  // read and hashed, on a slow machine

struct Request {
  std::vector<std::string> files;
  Statistics statistics = Statistics::kNone;
};

json show(const Request& request) { return inspect(request.files[0], request.statistics); }

json verify(const Request& request) { return verification_of(request.files[0]); }

json diff(const Request& request) {
  return difference_of_checkpoints(request.files[0], request.files[1]);
}

json lineage(const Request& request) {
  return lineage_json(CheckpointReader(request.files[0]).lineage());
}

json tree(const Request& request) { return tree_of(request.files[0]); }

std::string nothing_wrong(const json&) { return ""; }

/// What is done in a process of its own, and how its answer is printed here; an answer that has
/// something wrong ends the command as bad input does.
struct Verb {
  std::string_view name;
  std::size_t files;
  json (*read)(const Request&);
  void (*print)(const json&, std::ostream&);
  std::string (*wrong)(const json&) = nothing_wrong;
};

constexpr std::array kVerbs = {Verb{"show", 1, show, print_inspection},
                               Verb{"verify", 1, verify, print_verification, complaint_of},
                               Verb{"diff", 2, diff, print_difference},
                               Verb{"lineage", 1, lineage, print_lineage},
                               Verb{"tree", 1, tree, print_tree}};

/// The verb that the words begin with and take away; without one, show.
const Verb& take_verb(std::vector<std::string>& words) {
  if (words.size() < 2) {
    return kVerbs.front();
  }
  const auto found = std::ranges::find(kVerbs, words.front(), &Verb::name);
  check_input(found != kVerbs.end(), words.front(),
              ": there is no such verb, and show takes one file; usage: ", kUsage);
  words.erase(words.begin());
  return *found;
}

/// Bytes of a file, or of a folder with all below it, as far as they can be seen: a run that goes
/// on removes checkpoints meanwhile.
std::int64_t bytes_of(const fs::path& path) {
  std::error_code ignored;
  const auto size_of = [&](const fs::directory_entry& entry) {
    const bool is_file = entry.is_regular_file(ignored);
    const auto bytes = is_file ? static_cast<std::int64_t>(entry.file_size(ignored)) : 0;
    return std::max<std::int64_t>(bytes, 0);
  };
  std::int64_t bytes = size_of(fs::directory_entry(path, ignored));
  for (auto entry = fs::recursive_directory_iterator(path, ignored); entry != fs::end(entry);
       entry.increment(ignored)) {
    bytes += size_of(*entry);
  }
  return bytes;
}

ReadLimits limits_for(const Request& request) {
  ReadLimits limits;
  for (const std::string& file : request.files) {
    limits.cpu_seconds += bytes_of(file) / kBytesPerSecond;
  }
  return limits;
}

}  // namespace

int inspect_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::vector<std::string> words;
  CommandLine line{.usage = kUsage, .options = {}, .positional = {}};
  line.options.add_options()
      ("words", options::value(&words), "show (default): parameters, tokens seen, lineage; "
       "verify: reads every byte, says which tiles are damaged; "
       "diff A B: fields and values that differ; lineage: the family tree; "
       "tree: the data sets in the file. FILE: checkpoint or run folder; show reads configs too, "
       "tree any HDF5 file")
      ("json", "print JSON")
      ("statistics", "mean, deviation and range of each tensor (reads all weights)");
  line.positional.add("words", -1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  const Verb& verb = take_verb(words);
  check_input(words.size() == verb.files, "usage: ", kUsage);
  check_input(verb.read == show || !values->contains("statistics"),
              "--statistics: goes with show, not with ", verb.name);
  const Request request{words, values->contains("statistics") ? Statistics::kPerTensor
                                                              : Statistics::kNone};
  const json answer =
      read_apart(words.front(), limits_for(request), [&] { return verb.read(request); });
  if (values->contains("json")) {
    std::cout << answer.dump(2) << "\n";
  } else {
    verb.print(answer, std::cout);
  }
  const std::string wrong = verb.wrong(answer);
  check_input(wrong.empty(), wrong);
  return kDone;
}

}  // namespace bam
