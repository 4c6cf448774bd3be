#include "launch/slurm_queue.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "launch/child_output.h"
#include "runtime/check.h"

namespace bam {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "12" or "12_3".
bool is_task_id(std::string_view text) {
  const auto cut = text.find('_');
  return is_number(text.substr(0, cut)) &&
         (cut == std::string_view::npos || is_number(text.substr(cut + 1)));
}

QueuedTask parse_line(std::string_view line) {
  std::array<std::string, 4> fields;
  std::string_view rest = line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto bar = i + 1 < fields.size() ? rest.find('|') : rest.size();
    check(bar != std::string_view::npos, "squeue: \"", line, "\" is not ID|STATE|REASON|NAME");
    fields[i] = rest.substr(0, bar);
    rest.remove_prefix(std::min(rest.size(), bar + 1));
  }
  check(is_task_id(fields[0]), "squeue: \"", fields[0], "\" in \"", line, "\" is not a job's id");
  return {fields[0], fields[1], fields[2], fields[3]};
}

std::string output_of_tool(const std::vector<std::string>& words) {
  const ChildOutput output = output_of(words);
  check(output.code == 0, words.front(), " failed with exit code ", output.code, ": ",
        output.errors);
  return output.text;
}

}  // namespace

std::vector<QueuedTask> parse_slurm_queue(std::string_view text) {
  std::vector<QueuedTask> tasks;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty()) {
      tasks.push_back(parse_line(line));
    }
  }
  return tasks;
}

std::string parse_slurm_job_id(std::string_view text) {
  const std::string_view id = text.substr(0, text.find_first_of(";\n"));
  check(is_number(id), "sbatch: its answer \"", text, "\" does not begin with a job's id");
  return std::string(id);
}

std::vector<QueuedTask> slurm_queue() {
  return parse_slurm_queue(
      output_of_tool({"squeue", "--me", "--noheader", "--array", "--format=%i|%T|%r|%j"}));
}

std::string submit_to_slurm(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"sbatch", "--parsable"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return parse_slurm_job_id(output_of_tool(words));
}

void cancel_in_slurm(const std::string& id) { output_of_tool({"scancel", id}); }

}  // namespace bam
