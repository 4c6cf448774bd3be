#include "parallel/peer_beats.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "runtime/check.h"

namespace bam {
namespace {

sockaddr_in address_of(std::uint32_t address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = address;
  out.sin_port = port;
  return out;
}

int open_socket() {
  const int file = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  check(file >= 0, "socket: ", std::strerror(errno));
  const sockaddr_in any = address_of(htonl(INADDR_ANY), 0);
  const bool is_bound = ::bind(file, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
  check(is_bound, "bind: ", std::strerror(errno));
  return file;
}

/// Equal for processes that see the same network devices: a machine, or one of its namespaces.
std::uint64_t network_identity() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat space {};
  const bool is_known = ::stat("/proc/self/ns/net", &space) == 0;
  return std::hash<std::string>{}(boot) ^ (is_known ? space.st_ino * 0x9e3779b97f4a7c15U : 0);
}

std::uint64_t drawn() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

PeerBeats::PeerBeats(Stream& stream, Communicator& world)
    : rank_(world.rank()), socket_(open_socket()), cards_(static_cast<std::size_t>(world.size())) {
  const Card own = own_card(socket_);
  world
      .all_gather(stream, std::as_bytes(std::span(&own, 1)),
                  std::as_writable_bytes(std::span(cards_)))
      .wait(stream);
  job_ = rank_ == 0 ? drawn() : 0;
  world.broadcast(stream, std::as_writable_bytes(std::span(&job_, 1)), 0).wait(stream);
  for (const int step : {1, world.size() - 1}) {
    if (const int neighbour = (rank_ + step) % world.size(); neighbour != rank_) {
      heard_[neighbour] = std::nullopt;
    }
  }
}

PeerBeats::~PeerBeats() { ::close(socket_); }

PeerBeats::Card PeerBeats::own_card(int socket) {
  Card card{.host = network_identity(), .addresses = {}, .port = 0};
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool has_port = ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  check(has_port, "getsockname: ", std::strerror(errno));
  card.port = own.sin_port;
  ifaddrs* list = nullptr;
  const bool is_listed = ::getifaddrs(&list) == 0;
  check(is_listed, "getifaddrs: ", std::strerror(errno));
  std::size_t count = 0;
  for (const ifaddrs* device = list; device != nullptr; device = device->ifa_next) {
    const bool serves = device->ifa_addr != nullptr && device->ifa_addr->sa_family == AF_INET &&
                        (device->ifa_flags & IFF_UP) != 0 &&
                        (device->ifa_flags & IFF_LOOPBACK) == 0;
    if (serves && count < kAddresses) {
      sockaddr_in address{};
      std::memcpy(&address, device->ifa_addr, sizeof address);
      card.addresses[count++] = address.sin_addr.s_addr;
    }
  }
  ::freeifaddrs(list);
  return card;
}

void PeerBeats::exchange(double now) {
  if (!sent_ || now - *sent_ >= kInterval) {
    for (const auto& [neighbour, when] : heard_) {
      send(neighbour, 0);
    }
    sent_ = now;
  }
  receive(now);
}

// A datagram that cannot be sent is one that does not arrive.
void PeerBeats::send(int rank, std::int32_t end_code) const {
  const Card& own = cards_[static_cast<std::size_t>(rank_)];
  const Card& card = cards_[static_cast<std::size_t>(rank)];
  const Beat beat{.job = job_, .rank = rank_, .end_code = end_code};
  const auto send_to = [&](std::uint32_t address) {
    const sockaddr_in to = address_of(address, card.port);
    [[maybe_unused]] const ssize_t sent =
        ::sendto(socket_, &beat, sizeof beat, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  };
  if (own.host == card.host) {
    send_to(htonl(INADDR_LOOPBACK));
    return;
  }
  for (const std::uint32_t address : card.addresses) {
    if (address != 0) {
      send_to(address);
    }
  }
}

void PeerBeats::receive(double now) {
  Beat beat;
  ssize_t bytes = 0;
  while ((bytes = ::recv(socket_, &beat, sizeof beat, 0)) >= 0 || errno == EINTR) {
    if (bytes != sizeof beat || beat.job != job_) {
      continue;
    }
    if (beat.end_code == kLeaves) {
      heard_.erase(beat.rank);
    } else if (beat.end_code != 0 && !end_) {
      end_ = End{beat.rank, beat.end_code};
    }
    if (const auto neighbour = heard_.find(beat.rank); neighbour != heard_.end()) {
      neighbour->second = now;
    }
  }
}

std::optional<int> PeerBeats::silent_for(double seconds, double now) const {
  for (const auto& [neighbour, when] : heard_) {
    if (when && now - *when > seconds) {
      return neighbour;
    }
  }
  return std::nullopt;
}

std::optional<int> PeerBeats::never_heard() const {
  for (const auto& [neighbour, when] : heard_) {
    if (!when) {
      return neighbour;
    }
  }
  return std::nullopt;
}

// Datagrams get lost; one of three arrives.
void PeerBeats::take_leave() const {
  for (int i = 0; i < 3; ++i) {
    for (const auto& [neighbour, when] : heard_) {
      send(neighbour, kLeaves);
    }
  }
}

void PeerBeats::tell_of_end(int code) const {
  for (std::size_t rank = 0; rank < cards_.size(); ++rank) {
    if (static_cast<int>(rank) != rank_) {
      send(static_cast<int>(rank), code);
    }
  }
}

}  // namespace bam
