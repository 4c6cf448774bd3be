// A library in NCCL's place for emulated GPUs: what is put on an emulated stream moves between the
// processes' memory by MPI when its turn comes. It refuses what NCCL refuses: ranks on one GPU
// without an NCCL_HOSTID of their own, ids that differ, use after an abort. NCCL_FAKE_FAULT=N has a
// rank's Nth operation never end, and every communicator tell of an error of the other side from
// then on; with NCCL_FAKE_SLOW_ABORT an abort never returns.
#include "nccl.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::string last_error;
std::atomic<long> operations{0};
std::atomic<bool> has_failed{false};

struct Operation {
  ncclComm_t comm;
  cudaStream_t stream;
  void (*post)(const Operation& operation, std::vector<MPI_Request>& requests);
  const void* from = nullptr;
  void* to = nullptr;
  int bytes = 0;
  int peer = 0;
};

int group_depth = 0;
std::vector<Operation> group;

ncclResult_t refuse(ncclResult_t code, const char* why) {
  last_error = why;
  return code;
}

}  // namespace

struct ncclComm {
  MPI_Comm ranks = MPI_COMM_NULL;
  std::atomic<bool> is_aborted{false};
  cudaStream_t stream = nullptr;  // of its last operation
};

namespace {

long fault_at() {
  static const char* const text = std::getenv("NCCL_FAKE_FAULT");
  static const long at = text == nullptr ? 0 : std::atol(text);
  return at;
}

void post_send(const Operation& it, std::vector<MPI_Request>& requests) {
  MPI_Isend(it.from, it.bytes, MPI_BYTE, it.peer, 0, it.comm->ranks, &requests.emplace_back());
}
void post_recv(const Operation& it, std::vector<MPI_Request>& requests) {
  MPI_Irecv(it.to, it.bytes, MPI_BYTE, it.peer, 0, it.comm->ranks, &requests.emplace_back());
}
void post_broadcast(const Operation& it, std::vector<MPI_Request>& requests) {
  int rank = 0;
  MPI_Comm_rank(it.comm->ranks, &rank);
  if (rank == it.peer && it.from != it.to) {
    std::memcpy(it.to, it.from, static_cast<std::size_t>(it.bytes));
  }
  MPI_Ibcast(it.to, it.bytes, MPI_BYTE, it.peer, it.comm->ranks, &requests.emplace_back());
}
void post_all_gather(const Operation& it, std::vector<MPI_Request>& requests) {
  MPI_Iallgather(it.from, it.bytes, MPI_BYTE, it.to, it.bytes, MPI_BYTE, it.comm->ranks,
                 &requests.emplace_back());
}

// One kernel: it begins when the stream has come to it, and is over when all its parts are.
bool run(const std::vector<Operation>& parts, std::vector<MPI_Request>& requests, bool hangs) {
  if (parts[0].comm->is_aborted) {
    return true;
  }
  if (hangs) {
    has_failed = true;
    return false;
  }
  if (requests.empty()) {
    for (const Operation& part : parts) {
      part.post(part, requests);
    }
  }
  int is_over = 0;
  MPI_Testall(static_cast<int>(requests.size()), requests.data(), &is_over, MPI_STATUSES_IGNORE);
  return is_over != 0;
}

void put_on_stream(std::vector<Operation> parts) {
  const bool hangs = ++operations == fault_at();
  parts[0].stream->put([parts = std::move(parts), requests = std::vector<MPI_Request>(),
                        hangs]() mutable { return run(parts, requests, hangs); });
}

ncclResult_t add(const Operation& operation, ncclDataType_t type) {
  if (operation.comm->is_aborted) {
    return refuse(ncclInvalidUsage, "the communicator has been aborted");
  }
  if (type != ncclUint8 || operation.stream == nullptr) {
    return refuse(ncclInvalidArgument, "a type or a stream that is not here");
  }
  operation.comm->stream = operation.stream;
  if (group_depth == 0) {
    put_on_stream({operation});
  } else {
    group.push_back(operation);
  }
  return ncclSuccess;
}

struct Seat {
  char host[256] = {};
  ncclUniqueId id{};
};

// All emulated ranks are on one GPU.
ncclResult_t check_seats(const Seat& own, MPI_Comm ranks, int count) {
  std::vector<Seat> seats(static_cast<std::size_t>(count));
  MPI_Allgather(&own, sizeof own, MPI_BYTE, seats.data(), sizeof own, MPI_BYTE, ranks);
  for (std::size_t a = 0; a < seats.size(); ++a) {
    if (std::memcmp(&seats[a].id, &own.id, sizeof own.id) != 0) {
      return refuse(ncclInvalidArgument, "ranks with ids that differ");
    }
    for (std::size_t b = 0; b < a; ++b) {
      if (std::strcmp(seats[a].host, seats[b].host) == 0) {
        return refuse(ncclInvalidUsage, "duplicate GPU: two ranks on one");
      }
    }
  }
  return ncclSuccess;
}

}  // namespace

ncclResult_t ncclGetVersion(int* version) { return *version = 22809, ncclSuccess; }
const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote process exited or there was a network error"
                                   : "invalid";
}
const char* ncclGetLastError(ncclComm_t /*comm*/) { return last_error.c_str(); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  for (char& each : id->internal) {
    each = static_cast<char>(std::rand());
  }
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  auto made = std::make_unique<ncclComm>();
  MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &made->ranks);
  int size = 0;
  MPI_Comm_size(made->ranks, &size);
  if (size != ranks) {
    return refuse(ncclInvalidArgument, "not all ranks of the job");
  }
  Seat own{.host = {}, .id = id};
  const char* host = std::getenv("NCCL_HOSTID");
  std::strncpy(own.host, host == nullptr ? "" : host, sizeof own.host - 1);
  const ncclResult_t code = check_seats(own, made->ranks, ranks);
  *comm = code == ncclSuccess ? made.release() : nullptr;
  return code;
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* part,
                           ncclConfig_t* /*config*/) {
  auto made = std::make_unique<ncclComm>();
  MPI_Comm_split(comm->ranks, color, key, &made->ranks);
  *part = made.release();
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm->stream != nullptr) {
    comm->stream->drain_all();
  }
  MPI_Comm_free(&comm->ranks);
  delete comm;
  return ncclSuccess;
}

// What is in flight refers to it: it is not deleted.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  while (std::getenv("NCCL_FAKE_SLOW_ABORT") != nullptr) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  comm->is_aborted = true;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t /*comm*/, ncclResult_t* error) {
  *error = has_failed ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclCommCount(ncclComm_t comm, int* count) {
  return MPI_Comm_size(comm->ranks, count), ncclSuccess;
}
ncclResult_t ncclCommUserRank(ncclComm_t comm, int* rank) {
  return MPI_Comm_rank(comm->ranks, rank), ncclSuccess;
}

ncclResult_t ncclGroupStart() { return ++group_depth, ncclSuccess; }

ncclResult_t ncclGroupEnd() {
  if (group_depth == 0) {
    return refuse(ncclInvalidUsage, "the end of no group");
  }
  if (--group_depth == 0 && !group.empty()) {
    put_on_stream(std::exchange(group, {}));
  }
  return ncclSuccess;
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return add({comm, stream, post_send, from, nullptr, static_cast<int>(count), peer}, type);
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return add({comm, stream, post_recv, nullptr, to, static_cast<int>(count), peer}, type);
}
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  return add({comm, stream, post_broadcast, from, to, static_cast<int>(count), root}, type);
}
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  return add({comm, stream, post_all_gather, from, to, static_cast<int>(count), 0}, type);
}
