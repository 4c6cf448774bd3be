#include "launch/stop_signal.h"

#include <unistd.h>

#include <array>
#include <csignal>

namespace bam {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};

// A signal handler has nothing but globals to write to.
volatile std::sig_atomic_t received_signal = 0;

void note_signal(int signal) {
  if (received_signal != 0) {
    _exit(128 + signal);
  }
  received_signal = signal;
}

}  // namespace

StopSignal::StopSignal() {
  received_signal = 0;
  for (const int signal : kSignals) {
    std::signal(signal, note_signal);
  }
}

StopSignal::~StopSignal() {
  for (const int signal : kSignals) {
    std::signal(signal, SIG_DFL);
  }
}

int StopSignal::received() const { return received_signal; }

}  // namespace bam
