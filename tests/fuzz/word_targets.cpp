// Words: a command's arguments, and what Slurm's commands print.
#include <sstream>

#include "launch/command_line.h"
#include "launch/slurm_queue.h"
#include "runtime/check.h"
#include "tests/fuzz/targets.h"

namespace bam {
namespace {

namespace options = boost::program_options;

/// Options of every kind that the subcommands have; an argument a line.
void read_arguments(std::string_view bytes) {
  std::vector<std::string> words;
  std::istringstream lines{std::string(bytes)};
  for (std::string line; std::getline(lines, line);) {
    if (line != "--help" && line != "-h") {  // prints
      words.push_back(line);
    }
  }
  CommandLine line{.usage = "bam command", .options = {}, .positional = {}};
  line.options.add_options()("out", options::value<std::string>()->required(), "a folder")(
      "domain", options::value<std::vector<std::string>>()->multitoken(), "words")(
      "set", options::value<std::vector<std::string>>()->composing(), "an assignment")(
      "tokens", options::value<std::int64_t>()->default_value(100), "a whole number")(
      "share", options::value<double>(), "a number")("json", "a flag");
  line.positional.add("out", 1);
  const auto values = read_command_line(std::move(line), words);
  const bool is_help = !values;  // boost has more spellings: ---h
  check(is_help || values->contains("out"), "a required option that is not there");
}

/// Slurm's answers are refused as Error, since no user wrote them.
void read_slurm(std::string_view bytes) {
  try {
    if (bytes.find('|') == bytes.npos) {
      parse_slurm_job_id(bytes);
      return;
    }
    for (const QueuedTask& task : parse_slurm_queue(bytes)) {
      parse_slurm_job_id(task.id.substr(0, task.id.find('_')));
    }
  } catch (const Error& error) {
    throw BadInput(error.what());
  }
}

std::vector<std::string> argument_seeds() {
  return {"folder\n--set\na=1\n--set=b=2\n--tokens\n7", "--out=x\n--domain\na\nb\n--json",
          "--share=nan\n--\n--out", "--tokens\n%value%", "--out=x\n---h"};
}

std::vector<std::string> slurm_seeds() {
  return {"12_3|PENDING|Dependency|bam-a-1\n12|RUNNING|None|x\n", "12;cluster\n", "7"};
}

}  // namespace

std::vector<FuzzTarget> word_targets() {
  return {{"command_line", read_arguments, argument_seeds}, {"slurm", read_slurm, slurm_seeds}};
}

}  // namespace bam
