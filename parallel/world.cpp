#include "parallel/world.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "parallel/host_staged.h"
#include "parallel/nccl_backend.h"
#include "runtime/check.h"

namespace bam {
namespace {

// Where a rank is, as all of them tell each other. Texts end with a zero.
struct Seat {
  char host[128] = {};
  char gpu[32] = {};
  char no_nccl[256] = {};  // why not; empty: it has NCCL
};

template <std::size_t kSize>
void put(const std::string& text, char (&into)[kSize]) {
  std::memcpy(into, text.data(), std::min(text.size(), kSize - 1));
}

// The name alone is not enough: containers may share one.
std::string name_of_host() {
  char name[64] = {};
  const bool is_known = ::gethostname(name, sizeof name - 1) == 0;
  check(is_known, "gethostname: ", std::strerror(errno));
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return std::string(name) + " " + boot;
}

std::vector<Seat> seats_of_all(Communicator::Backend& ranks, const Seat& own) {
  Memory memory;
  Stream stream(memory);
  std::vector<Seat> seats(static_cast<std::size_t>(ranks.size()));
  ranks
      .all_gather(stream, std::as_bytes(std::span(&own, 1)),
                  std::as_writable_bytes(std::span(seats)))
      .wait(stream);
  return seats;
}

bool same(const char* a, const char* b) { return std::strcmp(a, b) == 0; }

// This rank's GPU: as many ranks of its machine come before it, modulo the GPUs it sees.
void take_gpu(Communicator::Backend& ranks, Seat& own) {
  put(name_of_host(), own.host);
  const std::vector<Seat> seats = seats_of_all(ranks, own);
  const auto before =
      std::ranges::count_if(seats.begin(), seats.begin() + ranks.rank(),
                            [&](const Seat& other) { return same(other.host, own.host); });
  check(gpu_count() > 0, "rank ", ranks.rank(), " sees no GPU");
  use_gpu(static_cast<int>(before % gpu_count()));
  put(gpu_address(), own.gpu);
}

bool shares_its_gpu(const std::vector<Seat>& seats, const Seat& own) {
  return std::ranges::count_if(seats, [&](const Seat& other) {
           return same(other.host, own.host) && same(other.gpu, own.gpu);
         }) > 1;
}

bool wants_nccl(Transport transport, const std::vector<Seat>& seats) {
  if (transport == Transport::kMpi || seats.size() == 1) {
    return false;
  }
  for (std::size_t rank = 0; rank < seats.size(); ++rank) {
    if (seats[rank].no_nccl[0] != '\0') {
      check_input(transport != Transport::kNccl, "--transport nccl: rank ", rank, ": ",
                  seats[rank].no_nccl);
      return false;
    }
  }
  return true;
}

std::unique_ptr<Communicator::Backend> gpu_backend(std::unique_ptr<Communicator::Backend> ranks,
                                                   Transport transport) {
  Seat own;
  take_gpu(*ranks, own);
  put(transport == Transport::kMpi ? "" : obstacle_to_nccl(), own.no_nccl);
  const std::vector<Seat> seats = seats_of_all(*ranks, own);
  if (!wants_nccl(transport, seats)) {
    return host_staged(std::move(ranks));
  }
  if (shares_its_gpu(seats, own)) {
    const std::string id = message_of(own.host, " rank ", ranks->rank());
    ::setenv("NCCL_HOSTID", id.c_str(), /*overwrite=*/0);
  }
  return nccl_backend(*ranks);
}

}  // namespace

Communicator world_on(const MpiSession& session, DeviceKind device, Transport transport) {
  if (device == DeviceKind::kCpu) {
    return Communicator::world(session);
  }
  return {gpu_backend(Communicator::mpi(session), transport), std::make_shared<TransferClock>()};
}

}  // namespace bam
