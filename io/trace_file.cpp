#include "io/trace_file.h"

#include <nlohmann/json.hpp>

#include "io/text_file.h"

namespace bam {
namespace {

double microseconds(double seconds) { return seconds * 1e6; }

nlohmann::json process_name(int rank) {
  return {{"ph", "M"},
          {"name", "process_name"},
          {"pid", rank},
          {"args", {{"name", "rank " + std::to_string(rank)}}}};
}

nlohmann::json event_of(const Trace::Work& work, int rank, double origin) {
  return {{"ph", "X"},
          {"name", work.name},
          {"cat", name_of(work.activity)},
          {"pid", rank},
          {"tid", 0},
          {"ts", microseconds(work.begin - origin)},
          {"dur", microseconds(work.end - work.begin)}};
}

nlohmann::json flight_edge(const char* edge, double time, std::size_t id, int rank) {
  return {{"ph", edge}, {"name", "in flight"},     {"cat", "exchange"}, {"id", id}, {"pid", rank},
          {"tid", 1},   {"ts", microseconds(time)}};
}

}  // namespace

void write_trace(const std::filesystem::path& path, const Trace& trace, int rank, double origin) {
  nlohmann::json events = {process_name(rank)};
  for (const Trace::Work& work : trace.work()) {
    events.push_back(event_of(work, rank, origin));
  }
  std::size_t id = 0;
  for (const Trace::Flight& flight : trace.flights()) {
    nlohmann::json begin = flight_edge("b", flight.begin - origin, id, rank);
    begin["args"]["bytes_sent"] = flight.bytes_sent;
    events.push_back(std::move(begin));
    events.push_back(flight_edge("e", flight.end - origin, id++, rank));
  }
  write_file(path, nlohmann::json{{"traceEvents", std::move(events)}}.dump());
}

}  // namespace bam
