#pragma once

#include <nccl.h>

namespace bam {

/// NCCL's functions, found when they are first asked for (runtime/cuda/library.h), so that a
/// program starts without it.
struct NcclLibrary {
  /// Throws Error where there is no NCCL, or one that is too old.
  NcclLibrary();

  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetErrorString) get_error_string;
  decltype(&ncclGetLastError) get_last_error;

  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRank) comm_init_rank;
  decltype(&ncclCommSplit) comm_split;
  decltype(&ncclCommDestroy) comm_destroy;
  decltype(&ncclCommAbort) comm_abort;
  decltype(&ncclCommGetAsyncError) comm_get_async_error;
  decltype(&ncclCommCount) comm_count;
  decltype(&ncclCommUserRank) comm_user_rank;

  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) recv;
  decltype(&ncclBroadcast) broadcast;
  decltype(&ncclAllGather) all_gather;

  /// Throws Error with NCCL's own words unless `code` is success.
  void check_ok(ncclResult_t code, const char* what) const;
};

}  // namespace bam
