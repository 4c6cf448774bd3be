#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "parallel/communicator.h"
#include "parallel/mpi_check.h"
#include "parallel/mpi_session.h"
#include "runtime/check.h"

namespace bam {
namespace {

// MPI counts are ints: larger messages travel in pieces.
constexpr std::size_t kPieceBytes = std::size_t{1} << 30;
constexpr int kTags = 32768;  // every MPI has at least as many

// MPI requests, and what must live until they are complete.
class Requests final : public Pending::Work {
 public:
  bool done() override {
    int flag = 0;
    check_mpi(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &flag,
                          MPI_STATUSES_IGNORE),
              "MPI_Testall");
    return flag != 0;
  }
  void wait(Stream& /*stream*/) override {
    check_mpi(
        MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE),
        "MPI_Waitall");
  }

  MPI_Request* add() {
    requests_.push_back(MPI_REQUEST_NULL);
    return &requests_.back();
  }
  void keep(Tensor tensor) { kept_.push_back(std::move(tensor)); }

 private:
  std::vector<MPI_Request> requests_;
  std::vector<Tensor> kept_;
};

template <class Post>
void for_each_piece(const Tensor& rows, Post post) {
  check(rows.is_on_host(), "MPI moves tensors of the host, not of ", name_of(rows.device()));
  for (std::size_t begin = 0; begin < rows.bytes(); begin += kPieceBytes) {
    post(rows.raw() + begin, static_cast<int>(std::min(kPieceBytes, rows.bytes() - begin)));
  }
}

class MpiBackend final : public Communicator::Backend {
 public:
  explicit MpiBackend(MPI_Comm comm) : comm_(comm) {
    check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  }
  ~MpiBackend() override {
    // All ranks free it together, which they do not while an exception is under way.
    if (comm_ != MPI_COMM_WORLD && std::uncaught_exceptions() == 0) {
      tell_of_mpi(MPI_Comm_free(&comm_), "MPI_Comm_free");
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const char* name() const override { return "MPI"; }
  std::unique_ptr<Backend> split(int color, int key) const override {
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(comm_, color, key, &part), "MPI_Comm_split");
    return std::make_unique<MpiBackend>(part);
  }

  Pending transfer(Stream& stream, std::vector<Transfer> sends,
                   std::vector<Transfer> receives) override;
  Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root) override;
  Pending all_gather(Stream& stream, std::span<const std::byte> own,
                     std::span<std::byte> all) override;
  Pending barrier(Stream& stream) override;

 private:
  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  int next_tag_ = 0;
};

Pending MpiBackend::transfer(Stream& stream, std::vector<Transfer> sends,
                             std::vector<Transfer> receives) {
  const int tag = std::exchange(next_tag_, (next_tag_ + 1) % kTags);
  auto work = std::make_unique<Requests>();
  for (const Transfer& receive : receives) {
    for_each_piece(receive.rows, [&](std::byte* data, int bytes) {
      check_mpi(MPI_Irecv(data, bytes, MPI_BYTE, receive.peer, tag, comm_, work->add()),
                "MPI_Irecv");
    });
    work->keep(receive.rows);
  }
  for (const Transfer& send : sends) {
    for_each_piece(send.rows, [&](const std::byte* data, int bytes) {
      check_mpi(MPI_Isend(data, bytes, MPI_BYTE, send.peer, tag, comm_, work->add()), "MPI_Isend");
    });
    work->keep(send.rows);
  }
  return {stream, std::move(work)};
}

Pending MpiBackend::broadcast(Stream& stream, std::span<std::byte> bytes, int root) {
  auto work = std::make_unique<Requests>();
  for (std::size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
    const auto piece = bytes.subspan(begin, std::min(kPieceBytes, bytes.size() - begin));
    check_mpi(MPI_Ibcast(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, root, comm_,
                         work->add()),
              "MPI_Ibcast");
  }
  return {stream, std::move(work)};
}

Pending MpiBackend::all_gather(Stream& stream, std::span<const std::byte> own,
                               std::span<std::byte> all) {
  check(own.size() < kPieceBytes, "gather of ", own.size(), " bytes");
  auto work = std::make_unique<Requests>();
  const auto bytes = static_cast<int>(own.size());
  check_mpi(
      MPI_Iallgather(own.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, comm_, work->add()),
      "MPI_Iallgather");
  return {stream, std::move(work)};
}

Pending MpiBackend::barrier(Stream& stream) {
  auto work = std::make_unique<Requests>();
  check_mpi(MPI_Ibarrier(comm_, work->add()), "MPI_Ibarrier");
  return {stream, std::move(work)};
}

}  // namespace

std::unique_ptr<Communicator::Backend> Communicator::mpi(const MpiSession& /*session*/) {
  return std::make_unique<MpiBackend>(MPI_COMM_WORLD);
}

Communicator Communicator::world(const MpiSession& session) {
  return {mpi(session), std::make_shared<TransferClock>()};
}

}  // namespace bam
