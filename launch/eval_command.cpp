#include "launch/eval_command.h"

#include <chrono>
#include <iostream>
#include <set>

#include "io/bootstrap.h"
#include "io/content_hash.h"
#include "io/text_file.h"
#include "launch/command_line.h"
#include "launch/device_option.h"
#include "launch/evaluation.h"
#include "launch/exit_codes.h"
#include "launch/loaded_model.h"
#include "launch/routing_json.h"
#include "model/flops.h"
#include "parallel/mpi_session.h"
#include "parallel/watchdog.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

struct NamedPath {
  std::string name;
  std::string path;
};

struct Request {
  std::string checkpoint;
  std::vector<NamedPath> domains;
  std::string json;
  DeviceRequest device;
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
  std::int64_t sequence_length = 0;  // tokens; 0: the one it was trained with
};

std::vector<NamedPath> split(const std::vector<std::string>& data) {
  std::vector<NamedPath> domains;
  std::set<std::string> names;
  for (const std::string& argument : data) {
    const std::size_t equals = argument.find('=');
    check_input(equals != std::string::npos && equals > 0 && equals + 1 < argument.size(),
                "--data: ", argument, " where NAME=FILE.h5 was expected");
    domains.push_back({argument.substr(0, equals), argument.substr(equals + 1)});
    check_input(names.insert(domains.back().name).second, "--data: ", domains.back().name,
                " is given twice");
  }
  return domains;
}

std::optional<Request> read_request(std::span<const std::string> arguments) {
  Request request;
  std::vector<std::string> data;
  CommandLine line{.usage = "bam eval CHECKPOINT --data NAME=FILE.h5 ...",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("checkpoint", options::value(&request.checkpoint)->required(), "checkpoint or run folder")
      ("data", options::value(&data)->required()->multitoken()->composing(),
       "token data set of a domain, NAME=FILE.h5; its validation split is scored")
      ("tokens", options::value(&request.tokens)->default_value(32768),
       "tokens a domain, rounded up to whole documents")
      ("sequences", options::value(&request.sequences)->default_value(32),
       "sequences computed at once, over all ranks")
      ("sequence-length", options::value(&request.sequence_length),
       "tokens that are seen together; default: as it was trained")
      ("json", options::value(&request.json),
       "write scores, each document's too, and the routing here");
  add_device_options(line.options, request.device);
  line.positional.add("checkpoint", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return std::nullopt;
  }
  check_input(request.tokens > 0, "--tokens: ", request.tokens, " where a positive number was expected");
  check_input(request.sequence_length >= 0, "--sequence-length: ", request.sequence_length,
              " where a positive number was expected");
  check_input(request.sequences > 0, "--sequences: ", request.sequences,
              " where a positive number was expected");
  if (!request.json.empty()) {
    check_folder_can_be_made(std::filesystem::absolute(request.json).parent_path());
  }
  request.domains = split(data);
  return request;
}

/// A model that was imported, or upcycled from a model config, says nothing of its sequences.
std::int64_t sequence_length_of(const CheckpointReader& checkpoint, const Request& request) {
  const std::int64_t trained = checkpoint.config().data.sequence_length;
  check_input(request.sequence_length > 0 || trained > 0, "--sequence-length: missing; ",
              checkpoint.path().string(), " has not been trained here and does not say it");
  return request.sequence_length > 0 ? request.sequence_length : trained;
}

ValidationData open_domain(const NamedPath& domain, const CheckpointReader& checkpoint,
                           const Request& request) {
  TokenData data = TokenData::open(domain.path);
  data.verify(Split::kValidation);
  const std::string tokenizer = hex_of(hash_of(std::string_view(checkpoint.tokenizer())));
  check_input(data.info().tokenizer_hash == tokenizer, domain.path,
              ": made with another tokenizer than ", request.checkpoint);
  return ValidationData(std::move(data), sequence_length_of(checkpoint, request), request.tokens, 0,
                        checkpoint.config().model.separate_documents);
}

nlohmann::json documents_json(const DomainScore& score) {
  nlohmann::json documents = nlohmann::json::array();
  for (const DocumentScore& document : score.documents) {
    documents.push_back(
        {{"nll", document.nll}, {"tokens", document.tokens}, {"bytes", document.bytes}});
  }
  return documents;
}

nlohmann::json interval_json(const Interval& interval) {
  return {{"value", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

/// Prints a domain's row, and returns the same for the JSON.
nlohmann::json report_score(const std::string& name, const DomainScore& score) {
  const Interval perplexity = bootstrap(score.documents, perplexity_of);
  const Interval bits = bootstrap(score.documents, bits_per_byte_of);
  std::cout << name << ": perplexity " << perplexity.value << " [" << perplexity.low << ", "
            << perplexity.high << "], bits per byte " << bits.value << " [" << bits.low << ", "
            << bits.high << "], " << score.documents.size() << " documents"
            << (score.documents.size() < 2 ? ": too few for intervals" : "") << std::endl;
  return {{"loss", score.loss()},
          {"perplexity", interval_json(perplexity)},
          {"bits_per_byte", interval_json(bits)},
          {"documents", documents_json(score)}};
}

void evaluate_checkpoint(const Request& request, Stream& stream, Communicator& world) {
  const auto start = std::chrono::steady_clock::now();
  const CheckpointReader checkpoint(request.checkpoint);
  Layout layout(world, world.size());
  GroupExchange exchange(layout.expert_group(), Overlap::kOn);
  stream.on_poll([&world] { world.clock().progress(); });
  const LoadedModel model(stream, checkpoint, exchange, checkpoint.config().training.precision);

  nlohmann::json out = {{"checkpoint", request.checkpoint}, {"routing", nlohmann::json::array()}};
  double flops = 0;
  for (const NamedPath& domain : request.domains) {
    const ValidationData data = open_domain(domain, checkpoint, request);
    const DomainScore score =
        evaluate(stream, model.transformer(), data, world, layout, request.sequences);
    flops += forward_flops(model.config(), static_cast<double>(data.windows()),
                           static_cast<double>(sequence_length_of(checkpoint, request)));
    for (nlohmann::json& entry : routing_json(score.routing, {domain.name})) {
      out["routing"].push_back(std::move(entry));
    }
    if (world.rank() == 0) {
      out["domains"][domain.name] = report_score(domain.name, score);
    }
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  out["flops"] = flops;
  out["seconds"] = elapsed.count();
  if (world.rank() == 0 && !request.json.empty()) {
    write_file(request.json, out.dump(1));
  }
}

}  // namespace

int eval_command(std::span<const std::string> arguments) {
  const std::optional<Request> request = read_request(arguments);
  if (!request) {
    return kDone;
  }
  MpiSession session;
  return session.guarded([&] {
    auto [device, world] = workers_named(session, request->device);
    Memory memory(device);
    Stream stream(memory);
    const Watchdog watchdog(stream, world, {.hung_code = kHung, .lost_code = kLost});
    evaluate_checkpoint(*request, stream, world);
    return static_cast<int>(kDone);
  });
}

}  // namespace bam
