#include "parallel/nccl_library.h"

#include "runtime/check.h"
#include "runtime/cuda/library.h"

namespace bam {
namespace {

constexpr const char* kName = "libnccl.so.2";
constexpr int kLeastVersion = 21800;  // 2.18, the first with ncclCommSplit

}  // namespace

NcclLibrary::NcclLibrary() {
  const cuda::Library library(kName);
  const auto find = [&]<class Function>(Function*& function, const char* name) {
    function = library.function<Function>(name);
  };
  find(get_version, "ncclGetVersion");
  int version = 0;
  get_version(&version);
  check(version >= kLeastVersion, kName, " is version ", version, ": at least ", kLeastVersion,
        " is needed");
  find(get_error_string, "ncclGetErrorString");
  find(get_last_error, "ncclGetLastError");
  find(get_unique_id, "ncclGetUniqueId");
  find(comm_init_rank, "ncclCommInitRank");
  find(comm_split, "ncclCommSplit");
  find(comm_destroy, "ncclCommDestroy");
  find(comm_abort, "ncclCommAbort");
  find(comm_get_async_error, "ncclCommGetAsyncError");
  find(comm_count, "ncclCommCount");
  find(comm_user_rank, "ncclCommUserRank");
  find(group_start, "ncclGroupStart");
  find(group_end, "ncclGroupEnd");
  find(send, "ncclSend");
  find(recv, "ncclRecv");
  find(broadcast, "ncclBroadcast");
  find(all_gather, "ncclAllGather");
}

void NcclLibrary::check_ok(ncclResult_t code, const char* what) const {
  check(code == ncclSuccess, what, ": ", get_error_string(code), ": ", get_last_error(nullptr));
}

}  // namespace bam
