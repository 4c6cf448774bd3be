#include "parallel/nccl_backend.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <iostream>
#include <utility>

#include "parallel/nccl_job.h"
#include "runtime/check.h"
#include "runtime/cuda/event.h"

namespace bam {
namespace {

// What one communicator's work runs on. Lives as long as any of it.
struct Lane {
  explicit Lane(std::shared_ptr<NcclJob> of) : job(std::move(of)) {}

  cudaStream_t handle() { return transfers.queue().handle(); }
  Tensor on_gpu(std::size_t bytes) { return {transfers, words(bytes), DType::kInt32}; }
  Tensor pinned(std::size_t bytes) { return {on_host, words(bytes), DType::kInt32}; }
  static Shape words(std::size_t bytes) { return {static_cast<std::int64_t>((bytes + 3) / 4)}; }

  std::shared_ptr<NcclJob> job;
  Memory gpu{DeviceKind::kCuda};
  Memory host{Pages::kPinned};
  Stream transfers{gpu, Urgency::kFirst};
  Stream on_host{host};
};

// Work on a lane, and what must live until it is over.
class InFlight : public Pending::Work {
 public:
  InFlight(std::shared_ptr<Lane> lane, std::vector<Tensor> kept)
      : lane_(std::move(lane)), end_(lane_->transfers.queue()), kept_(std::move(kept)) {}

  bool done() override { return end_.is_over(); }
  void wait(Stream& stream) override {
    lane_->job->check_alive();
    end_.hold_back(stream.queue());
  }

 protected:
  void wait_on_host() {
    end_.wait();
    lane_->job->check_alive();
  }

 private:
  std::shared_ptr<Lane> lane_;
  cuda::Event end_;
  std::vector<Tensor> kept_;
};

// Its results are for the host: they are in pinned memory when the work is over.
class InFlightToHost final : public InFlight {
 public:
  InFlightToHost(std::shared_ptr<Lane> lane, std::vector<Tensor> kept, Tensor arrived,
                 std::span<std::byte> to)
      : InFlight(std::move(lane), std::move(kept)), arrived_(std::move(arrived)), to_(to) {}

  void wait(Stream& /*stream*/) override {
    wait_on_host();
    std::copy_n(arrived_.raw(), to_.size(), to_.data());
  }

 private:
  Tensor arrived_;
  std::span<std::byte> to_;
};

class NcclBackend final : public Communicator::Backend {
 public:
  NcclBackend(std::shared_ptr<NcclJob> job, ncclComm_t comm)
      : job_(std::move(job)), lane_(std::make_shared<Lane>(job_)), comm_(comm) {
    job_->add(comm_);
    check_ok(nccl().comm_user_rank(comm_, &rank_), "ncclCommUserRank");
    check_ok(nccl().comm_count(comm_, &size_), "ncclCommCount");
  }
  ~NcclBackend() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const char* name() const override { return "NCCL"; }
  bool can_be_recorded() const override { return true; }
  std::unique_ptr<Backend> split(int color, int key) const override;
  std::string fault() const override { return job_->fault(); }
  void abort() noexcept override { job_->abort(); }

  Pending transfer(Stream& stream, std::vector<Transfer> sends,
                   std::vector<Transfer> receives) override;
  Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root) override;
  Pending all_gather(Stream& stream, std::span<const std::byte> own,
                     std::span<std::byte> all) override;
  Pending barrier(Stream& stream) override;

 private:
  const NcclLibrary& nccl() const { return job_->nccl(); }
  void check_ok(ncclResult_t code, const char* what) const { nccl().check_ok(code, what); }
  // What the lane is given from now on comes after what a GPU's stream was given.
  void come_after(Stream& stream) {
    if (stream.device() == DeviceKind::kCuda) {
      cuda::Event(stream.queue()).hold_back(lane_->transfers.queue());
    }
  }
  Tensor copy_in(std::span<const std::byte> from, std::vector<Tensor>& kept);
  Pending copy_out(Stream& stream, const Tensor& from, std::span<std::byte> to,
                   std::vector<Tensor> kept);

  std::shared_ptr<NcclJob> job_;
  std::shared_ptr<Lane> lane_;
  ncclComm_t comm_;
  int rank_ = 0;
  int size_ = 1;
};

// Other ranks may never answer while an exception is under way.
NcclBackend::~NcclBackend() {
  if (std::uncaught_exceptions() > 0) {
    job_->abort();
    return;
  }
  try {
    job_->destroy(comm_);
  } catch (const std::exception& error) {
    std::cerr << std::string("bam: ") + error.what() + "\n" << std::flush;
  }
}

std::unique_ptr<Communicator::Backend> NcclBackend::split(int color, int key) const {
  job_->check_alive();
  ncclComm_t part = nullptr;
  check_ok(nccl().comm_split(comm_, color, key, &part, nullptr), "ncclCommSplit");
  return std::make_unique<NcclBackend>(job_, part);
}

Pending NcclBackend::transfer(Stream& stream, std::vector<Transfer> sends,
                              std::vector<Transfer> receives) {
  job_->check_alive();
  if (sends.empty() && receives.empty()) {
    return {};
  }
  check(stream.device() == DeviceKind::kCuda, "NCCL between streams of the ",
        name_of(stream.device()));
  std::vector<Tensor> kept;
  for (const auto& transfers : {sends, receives}) {
    for (const Transfer& transfer : transfers) {
      check(transfer.rows.device() == DeviceKind::kCuda, "NCCL moves tensors of a GPU, not of the ",
            name_of(transfer.rows.device()));
      kept.push_back(transfer.rows);
    }
  }
  come_after(stream);
  check_ok(nccl().group_start(), "ncclGroupStart");
  for (const auto& [peer, rows] : receives) {
    check_ok(nccl().recv(rows.raw(), rows.bytes(), ncclUint8, peer, comm_, lane_->handle()),
             "ncclRecv");
  }
  for (const auto& [peer, rows] : sends) {
    check_ok(nccl().send(rows.raw(), rows.bytes(), ncclUint8, peer, comm_, lane_->handle()),
             "ncclSend");
  }
  check_ok(nccl().group_end(), "ncclGroupEnd");
  return {stream, std::make_unique<InFlight>(lane_, std::move(kept))};
}

Pending NcclBackend::broadcast(Stream& stream, std::span<std::byte> bytes, int root) {
  job_->check_alive();
  if (bytes.empty()) {
    return {};
  }
  come_after(stream);
  std::vector<Tensor> kept;
  const Tensor all = copy_in(bytes, kept);
  check_ok(
      nccl().broadcast(all.raw(), all.raw(), bytes.size(), ncclUint8, root, comm_, lane_->handle()),
      "ncclBroadcast");
  return copy_out(stream, all, bytes, std::move(kept));
}

Pending NcclBackend::all_gather(Stream& stream, std::span<const std::byte> own,
                                std::span<std::byte> all) {
  job_->check_alive();
  if (own.empty()) {
    return {};
  }
  come_after(stream);
  std::vector<Tensor> kept;
  const Tensor mine = copy_in(own, kept);
  const Tensor gathered = lane_->on_gpu(all.size());
  check_ok(
      nccl().all_gather(mine.raw(), gathered.raw(), own.size(), ncclUint8, comm_, lane_->handle()),
      "ncclAllGather");
  return copy_out(stream, gathered, all, std::move(kept));
}

// Over on a rank when it has something of every other.
Pending NcclBackend::barrier(Stream& stream) {
  job_->check_alive();
  come_after(stream);
  const Tensor mine = lane_->on_gpu(1);
  const Tensor everyones = lane_->on_gpu(static_cast<std::size_t>(size_));
  check_ok(nccl().all_gather(mine.raw(), everyones.raw(), 1, ncclUint8, comm_, lane_->handle()),
           "ncclAllGather");
  return copy_out(stream, everyones, {}, {mine});
}

Tensor NcclBackend::copy_in(std::span<const std::byte> from, std::vector<Tensor>& kept) {
  const Tensor staged = lane_->pinned(from.size());
  const Tensor on_gpu = lane_->on_gpu(from.size());
  std::ranges::copy(from, staged.raw());
  cuda::check_cuda(cudaMemcpyAsync(on_gpu.raw(), staged.raw(), from.size(), cudaMemcpyHostToDevice,
                                   lane_->handle()),
                   "copy to the GPU");
  kept.insert(kept.end(), {staged, on_gpu});
  return on_gpu;
}

Pending NcclBackend::copy_out(Stream& stream, const Tensor& from, std::span<std::byte> to,
                              std::vector<Tensor> kept) {
  const Tensor arrived = lane_->pinned(std::max<std::size_t>(to.size(), 1));
  if (!to.empty()) {
    cuda::check_cuda(cudaMemcpyAsync(arrived.raw(), from.raw(), to.size(), cudaMemcpyDeviceToHost,
                                     lane_->handle()),
                     "copy from the GPU");
  }
  kept.push_back(from);
  return {stream, std::make_unique<InFlightToHost>(lane_, std::move(kept), arrived, to)};
}

}  // namespace

std::string obstacle_to_nccl() {
  try {
    NcclLibrary();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

std::unique_ptr<Communicator::Backend> nccl_backend(Communicator::Backend& bootstrap) {
  auto job = std::make_shared<NcclJob>();
  const NcclLibrary& nccl = job->nccl();
  ncclUniqueId id{};
  if (bootstrap.rank() == 0) {
    nccl.check_ok(nccl.get_unique_id(&id), "ncclGetUniqueId");
  }
  Memory memory;
  Stream stream(memory);
  bootstrap.broadcast(stream, std::as_writable_bytes(std::span(&id, 1)), 0).wait(stream);
  ncclComm_t comm = nullptr;
  nccl.check_ok(nccl.comm_init_rank(&comm, bootstrap.size(), id, bootstrap.rank()),
                "ncclCommInitRank");
  return std::make_unique<NcclBackend>(std::move(job), comm);
}

}  // namespace bam
