#include "parallel/group_exchange.h"

#include <utility>

namespace bam {

Pending GroupExchange::start(Stream& stream, std::vector<Transfer> sends,
                             std::vector<Transfer> receives) {
  for (const Transfer& send : sends) {
    bytes_sent_ += send.rows.bytes();
  }
  Pending transfers = group_.transfer(stream, std::move(sends), std::move(receives));
  if (overlap_ == Overlap::kOff) {
    transfers.wait(stream);
  }
  return transfers;
}

}  // namespace bam
