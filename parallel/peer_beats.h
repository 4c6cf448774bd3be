#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "parallel/communicator.h"

namespace bam {

/// Signs of life between a job's ranks, by UDP and so independent of MPI: each rank sends one a
/// second to the ranks before and after it. Not thread-safe; after its making one thread uses it.
class PeerBeats {
 public:
  static constexpr double kInterval = 1;  // seconds

  /// Collective: all ranks tell each other where they listen. Throws Error where a socket cannot be
  /// made.
  PeerBeats(Stream& stream, Communicator& world);
  PeerBeats(const PeerBeats&) = delete;
  PeerBeats& operator=(const PeerBeats&) = delete;
  ~PeerBeats();

  /// Sends what is due and takes what has come. Times are the caller's seconds.
  void exchange(double now);

  /// A neighbour that was heard before and not in the last `seconds`.
  std::optional<int> silent_for(double seconds, double now) const;
  /// A neighbour that was never heard; a firewall may be why.
  std::optional<int> never_heard() const;

  /// Tells every rank that this one ends the job.
  void tell_of_end(int code) const;
  /// Tells the neighbours that there will be no more signs of life, in peace.
  void take_leave() const;
  /// What a rank ends the job with.
  struct End {
    int rank = 0;
    int code = 0;
  };
  const std::optional<End>& end() const { return end_; }

 private:
  static constexpr std::size_t kAddresses = 8;
  static constexpr std::int32_t kLeaves = -1;
  struct Card {                                       // where a rank listens
    std::uint64_t host = 0;                           // of its network; equal: the same machine
    std::array<std::uint32_t, kAddresses> addresses;  // IPv4, 0: none; network byte order
    std::uint16_t port = 0;                           // likewise
  };
  struct Beat {
    std::uint64_t job = 0;  // drawn by rank 0: others' datagrams are told apart
    std::int32_t rank = 0;
    std::int32_t end_code = 0;  // 0: goes on; kLeaves
  };

  static Card own_card(int socket);
  void send(int rank, std::int32_t end_code) const;
  void receive(double now);

  int rank_;
  int socket_;
  std::uint64_t job_ = 0;
  std::vector<Card> cards_;                     // of all ranks
  std::map<int, std::optional<double>> heard_;  // neighbours: when last
  std::optional<double> sent_;
  std::optional<End> end_;
};

}  // namespace bam
