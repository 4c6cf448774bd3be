#include "parallel/mpi_session.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

#include "parallel/mpi_check.h"
#include "runtime/check.h"

namespace bam {
namespace {

// 3 s: longer than an abort by rank 0 takes to end the others; after it they end by themselves.
constexpr std::chrono::seconds kAbortPatience{3};
// 1 ms between polls, and 2000 of them: 2 s, within which ranks refuse the same input. Polls are
// counted, since time in which the whole job is stopped is to count as none.
constexpr std::chrono::milliseconds kPause{1};
constexpr int kRefusalPolls = 2000;
// 50 ms: mpirun has then handed on what a rank has written.
constexpr std::chrono::milliseconds kForwarding{50};

void print(const std::string& who, const std::string& text) {
  std::cout << std::flush;
  std::cerr << "bam: " + who + text + "\n" << std::flush;
}

}  // namespace

/// Ranks that refuse the same input, and say so once.
class MpiSession::Refusals {
 public:
  Refusals() {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &ranks_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_rank(ranks_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(ranks_, &size_), "MPI_Comm_size");
  }
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;
  ~Refusals() { tell_of_mpi(MPI_Comm_free(&ranks_), "MPI_Comm_free"); }

  bool is_alone() const { return size_ == 1; }
  std::string who() const {
    return is_alone() ? "" : message_of("rank ", rank_, " of ", size_, ": ");
  }

  /// Prints the refusal: rank 0 for all, where all come here with the same one; else this rank.
  /// Returns on the rank that is to end the job.
  void tell(const std::string& text, int code) {
    try {
      tell_together(text, code);
    } catch (const Error&) {  // MPI is of no use any more
      print(who(), text);
    }
  }

 private:
  void tell_together(const std::string& text, int code) {
    if (is_alone() || !all_refuse()) {
      print(who(), text);
      return;
    }
    const bool is_shared = is_shared_by_all(text);
    if (!is_shared || rank_ == 0) {
      print(is_shared ? "" : who(), text);
    }
    check_mpi(MPI_Barrier(ranks_), "MPI_Barrier");
    if (rank_ != 0) {  // an abort of each rank would be told of by mpirun
      std::this_thread::sleep_for(kAbortPatience);
      _exit(code);
    }
    std::this_thread::sleep_for(kForwarding);
  }

  /// Whether every rank asks this within a while; others may be at anything, so nobody waits long.
  bool all_refuse() {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(ranks_, &request), "MPI_Ibarrier");
    int all_are_here = 0;
    for (int poll = 0; all_are_here == 0 && poll < kRefusalPolls; ++poll) {
      std::this_thread::sleep_for(kPause);
      check_mpi(MPI_Test(&request, &all_are_here, MPI_STATUS_IGNORE), "MPI_Test");
    }
    return all_are_here != 0;
  }

  /// Collective.
  bool is_shared_by_all(const std::string& text) {
    auto bytes = static_cast<int>(text.size());
    check_mpi(MPI_Bcast(&bytes, 1, MPI_INT, 0, ranks_), "MPI_Bcast");
    std::string first = rank_ == 0 ? text : std::string(static_cast<std::size_t>(bytes), ' ');
    check_mpi(MPI_Bcast(first.data(), bytes, MPI_CHAR, 0, ranks_), "MPI_Bcast");
    int differs = first == text ? 0 : 1;
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &differs, 1, MPI_INT, MPI_MAX, ranks_), "MPI_Allreduce");
    return differs == 0;
  }

  MPI_Comm ranks_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

MpiSession::MpiSession() {
  // A process that nothing started needs no daemon of Open MPI's beside it, which may outlive it.
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  int provided = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  refusals_ = std::make_unique<Refusals>();
}

MpiSession::~MpiSession() {
  refusals_.reset();
  tell_of_mpi(MPI_Finalize(), "MPI_Finalize");
}

int MpiSession::guarded(const std::function<int()>& part) {
  int code = 0;
  try {
    return part();
  } catch (const BadInput& error) {
    code = 2;
    refusals_->tell(error.what(), code);
  } catch (const std::exception& error) {
    code = 1;
    print(refusals_->who(), error.what());
  }
  if (!refusals_->is_alone()) {
    abort_job(code);
  }
  return code;
}

void abort_job(int code) noexcept {
  std::thread([code] {
    std::this_thread::sleep_for(kAbortPatience);
    _exit(code);
  }).detach();
  MPI_Abort(MPI_COMM_WORLD, code);
  _exit(code);
}

}  // namespace bam
