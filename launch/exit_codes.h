#pragma once

namespace bam {

/// What `bam` ends with; documented in README.md.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,         // something that should not happen; the message says what
  kBadInput = 2,       // an argument, config or file is wrong
  kNotSaved = 3,       // training's last checkpoint could not be written (a full disk)
  kHung = 4,           // a step outlasted its limit; every rank's last operation is printed
  kLost = 5,           // another rank, its host, or what started the ranks is gone
  kDiverged = 6,       // loss or gradient not finite, or spiking, too often
  kInterrupted = 130,  // SIGINT
  kGoOn = 138,         // SIGUSR1, or a crash worth another try: the same call goes on
  kTerminated = 143,   // SIGTERM
};

}  // namespace bam
