#include "launch/layout_report.h"

#include <cstdio>
#include <ostream>
#include <utility>

#include "launch/text_table.h"
#include "model/flops.h"

namespace bam {
namespace {

using nlohmann::json;

std::string line_of(const char* format, auto... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

json memory_json(const MemoryPrediction& memory) {
  return {{"weights", memory.weights},     {"gradients", memory.gradients},
          {"optimizer", memory.optimizer}, {"activations", memory.activations},
          {"exchange", memory.exchange},   {"staging", memory.staging},
          {"snapshot", memory.snapshot},   {"total", memory.total()}};
}

json step_json(const StepPrediction& step) {
  return {{"seconds", step.seconds()},
          {"forward", step.forward.total()},
          {"backward", step.backward.total()},
          {"optimizer", step.optimizer},
          {"exchange", step.exchange},
          {"exposed", step.exposed},
          {"hidden", step.hidden_share()},
          {"products", step.forward.products + step.backward.products},
          {"attention", step.forward.attention + step.backward.attention},
          {"rows", step.forward.rows + step.backward.rows}};
}

double number(const json& layout, const char* part, const char* name) {
  return layout[part][name].get<double>();
}

/// What is in bytes, for people.
std::string bytes_of(const json& layout, const char* part, const char* name) {
  return bytes_text(number(layout, part, name));
}

void print_line(const json& layout, std::ostream& out) {
  const bool fits = layout["fits"].get<bool>();
  const std::string shape =
      line_of("%d x %d", layout["data_parallel"].get<int>(), layout["expert_parallel"].get<int>());
  out << line_of("%12s  %11lld%c  %9s  %6d  %7s%c  %10.4g  %11s  %7.1f  %8.1f  %7s  %7s\n",
                 shape.c_str(), layout["micro_steps"].get<long long>(),
                 layout["changes_balance_loss"].get<bool>() ? '*' : ' ',
                 layout["recompute"].get<bool>() ? "yes" : "no",
                 layout["slices_per_peer"].get<int>(), bytes_of(layout, "memory", "total").c_str(),
                 fits ? ' ' : '!', number(layout, "step", "seconds"),
                 grouped(layout["tokens_per_second"].get<std::int64_t>()).c_str(),
                 100 * layout["share_of_peak"].get<double>(),
                 100 * number(layout, "step", "hidden"), bytes_of(layout, "bytes", "node").c_str(),
                 bytes_of(layout, "bytes", "network").c_str());
}

void print_without_sequences(const json& layout, const char* whose, std::ostream& out) {
  if (const int ranks = layout["without_sequences"].get<int>(); ranks > 0) {
    out << whose << ranks << (ranks == 1 ? " rank has" : " ranks have")
        << " no sequences: a step has fewer than there are ranks\n";
  }
}

void print_parts(const json& layout, std::ostream& out) {
  out << "\nof the first, memory:";
  const char* separator = " ";
  for (const char* part :
       {"weights", "gradients", "optimizer", "activations", "exchange", "staging", "snapshot"}) {
    out << std::exchange(separator, ", ") << part << " " << bytes_of(layout, "memory", part);
  }
  out << "\nof the first, seconds:";
  for (const char* part : {"forward", "backward", "optimizer", "exposed"}) {
    out << line_of(" %s %.4g", part, number(layout, "step", part));
  }
  out << line_of("; computing: products %.4g attention %.4g rows %.4g; in flight %.4g\n",
                 number(layout, "step", "products"), number(layout, "step", "attention"),
                 number(layout, "step", "rows"), number(layout, "step", "exchange"));
}

}  // namespace

json layout_json(const PricedLayout& layout, const PlanInput& input) {
  const double seconds = layout.step.seconds();
  const double flops = training_flops(input.run.model, static_cast<double>(input.run.sequences),
                                      static_cast<double>(input.run.length));
  const double peak = input.cluster.rates(input.run.dtype()).peak * input.cluster.ranks();
  return {
      {"data_parallel", layout.layout.data_parallel()},
      {"expert_parallel", layout.layout.expert_parallel},
      {"micro_steps", layout.layout.micro_steps},
      {"recompute", layout.layout.recompute},
      {"slices_per_peer", layout.layout.slices_per_peer},
      {"fits", layout.fits},
      {"without_sequences", layout.layout.without_sequences(input.run.sequences)},
      {"changes_balance_loss",
       changes_balance_loss(input.run, layout.layout.micro_steps, input.layout.micro_steps)},
      {"memory", memory_json(layout.memory)},
      {"step", step_json(layout.step)},
      {"tokens_per_second", static_cast<std::int64_t>(input.run.tokens() / seconds)},
      {"share_of_peak", flops / seconds / peak},
      {"bytes",
       {{"node", layout.step.traffic.bytes[static_cast<std::size_t>(LinkClass::kNode)]},
        {"network", layout.step.traffic.bytes[static_cast<std::size_t>(LinkClass::kNetwork)]}}}};
}

void print_layouts(const json& layouts, std::ostream& out) {
  out << line_of("%13s  %11s  %9s  %6s  %7s   %10s  %11s  %7s  %8s  %7s  %7s\n", "data x expert",
                 "micro-steps", "recompute", "slices", "memory", "step s", "tokens/s", "% peak",
                 "hidden %", "node", "network");
  bool is_marked = false;
  bool all_fit = true;
  for (const json& layout : layouts) {
    print_line(layout, out);
    is_marked = is_marked || layout["changes_balance_loss"].get<bool>();
    all_fit = all_fit && layout["fits"].get<bool>();
  }
  if (is_marked) {
    out << "*: the balancing loss is a mean over micro-steps, so it differs slightly from that "
           "with "
           "the config's micro_steps\n";
  }
  if (!all_fit) {
    out << "!: does not fit in a rank's memory\n";
  }
  print_without_sequences(layouts.front(), "", out);
  print_parts(layouts.front(), out);
}

void print_comparison(const json& before, const json& after, std::ostream& out) {
  const auto ratio = [](double a, double b) {
    return a > 0 ? line_of("x %.3g", b / a) : std::string();
  };
  const auto row = [&](const char* name, double a, double b) {
    out << line_of("%-22s %14.5g %14.5g %9s\n", name, a, b, ratio(a, b).c_str());
  };
  const auto bytes_row = [&](const std::string& name, const char* part, const char* of) {
    out << line_of("%-22s %14s %14s %9s\n", name.c_str(), bytes_of(before, part, of).c_str(),
                   bytes_of(after, part, of).c_str(),
                   ratio(number(before, part, of), number(after, part, of)).c_str());
  };
  const auto shape = [](const json& layout) {
    return line_of("%d x %d", layout["data_parallel"].get<int>(),
                   layout["expert_parallel"].get<int>());
  };
  out << line_of("%-22s %14s %14s\n", "", "as it is", "changed");
  out << line_of("%-22s %14s %14s\n", "data x expert", shape(before).c_str(), shape(after).c_str());
  row("micro-steps", before["micro_steps"].get<double>(), after["micro_steps"].get<double>());
  bytes_row("memory of a rank", "memory", "total");
  for (const char* part : {"seconds", "forward", "backward", "optimizer", "exposed"}) {
    row(part, number(before, "step", part), number(after, "step", part));
  }
  row("tokens/s", before["tokens_per_second"].get<double>(),
      after["tokens_per_second"].get<double>());
  row("% of peak", 100 * before["share_of_peak"].get<double>(),
      100 * after["share_of_peak"].get<double>());
  for (const char* link : {"node", "network"}) {
    bytes_row(std::string("sent by a rank, ") + link, "bytes", link);
  }
  print_without_sequences(before, "as it is, ", out);
  print_without_sequences(after, "changed, ", out);
  if (!before["fits"].get<bool>() || !after["fits"].get<bool>()) {
    out << "does not fit in a rank's memory: "
        << (!before["fits"].get<bool>() ? "as it is" : "changed") << "\n";
  }
}

}  // namespace bam
