#include "launch/generate_command.h"

#include <iostream>

#include "io/tokenizer.h"
#include "launch/command_line.h"
#include "launch/device_option.h"
#include "launch/exit_codes.h"
#include "launch/loaded_model.h"
#include "launch/sampling.h"
#include "launch/try_tokenizer.h"
#include "runtime/check.h"
#include "runtime/host.h"

namespace bam {
namespace {

namespace options = boost::program_options;

constexpr std::int64_t kMostTokens = 1 << 20;

struct Request {
  std::string checkpoint;
  std::string prompt;
  std::string device;
  std::int64_t tokens = 0;
  std::int64_t seed = 0;
  Sampling sampling;
};

std::optional<Request> read_request(std::span<const std::string> arguments) {
  Request request;
  CommandLine line{.usage = "bam generate CHECKPOINT --prompt TEXT", .options = {}, .positional = {}};
  line.options.add_options()
      ("checkpoint", options::value(&request.checkpoint)->required(), "checkpoint or run folder")
      ("prompt", options::value(&request.prompt)->default_value(""), "text to continue")
      ("tokens", options::value(&request.tokens)->default_value(128), "tokens to generate at most")
      ("temperature", options::value(&request.sampling.temperature)->default_value(0.8, "0.8"),
       "0: always the likeliest token")
      ("top-p", options::value(&request.sampling.top_p)->default_value(0.95, "0.95"),
       "draw among the likeliest tokens that hold this much probability")
      ("seed", options::value(&request.seed)->default_value(1), "the same seed, the same text");
  add_device_option(line.options, request.device);
  line.positional.add("checkpoint", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return std::nullopt;
  }
  check_input(request.tokens > 0 && request.tokens <= kMostTokens, "--tokens: ", request.tokens,
              " where a number from 1 to ", kMostTokens, " was expected");
  check_input(request.seed >= 0, "--seed: ", request.seed, " is negative");
  check_input(request.sampling.temperature >= 0, "--temperature: ", request.sampling.temperature,
              " is negative");
  check_input(request.sampling.top_p > 0 && request.sampling.top_p <= 1, "--top-p: ",
              request.sampling.top_p, " is not in (0, 1]");
  return request;
}

Tensor as_tensor(Stream& stream, const std::vector<std::int32_t>& tokens) {
  return to_device(stream, {static_cast<std::int64_t>(tokens.size())}, tokens);
}

void generate(const Request& request) {
  const CheckpointReader checkpoint(request.checkpoint);
  try_tokenizer(checkpoint.tokenizer(), request.checkpoint);
  Memory memory(device_named(request.device));
  Stream stream(memory);
  LocalExchange alone;
  const Tokenizer tokenizer = Tokenizer::from_bytes(checkpoint.tokenizer(), request.checkpoint);
  const LoadedModel model(stream, checkpoint, alone, Precision::kFloat32);

  std::vector<std::int32_t> tokens = tokenizer.encode(request.prompt);
  tokens.insert(tokens.begin(), tokenizer.bos());
  KeyValueCache cache(model.config().n_layers,
                      static_cast<std::int64_t>(tokens.size()) + request.tokens);
  const Random random(static_cast<std::uint64_t>(request.seed), "generate");
  std::cout << request.prompt << std::flush;
  Tensor input = as_tensor(stream, tokens);
  for (std::int64_t i = 0; i < request.tokens && std::cout; ++i) {
    const Tensor logits = model.transformer().next_logits(stream, input, cache);
    const std::int32_t token = sample(to_host<float>(stream, logits), request.sampling,
                                      random.uniform(static_cast<std::uint64_t>(i)));
    if (token == tokenizer.eos()) {
      break;
    }
    std::cout << tokenizer.bytes_of(token) << std::flush;
    input = as_tensor(stream, {token});
  }
  std::cout << "\n";
}

}  // namespace

int generate_command(std::span<const std::string> arguments) {
  if (const std::optional<Request> request = read_request(arguments)) {
    generate(*request);
  }
  return kDone;
}

}  // namespace bam
