// The last rank fails while work of all ranks is in flight; the others wait for it.
#include "parallel/communicator.h"
#include "parallel/mpi_session.h"
#include "runtime/check.h"

int main() {
  using namespace bam;
  MpiSession session;
  return session.guarded([&] {
    Communicator world = Communicator::world(session);
    Memory memory;
    Stream stream(memory);
    Pending started = world.barrier(stream);
    check(world.rank() != world.size() - 1, "the disk is full");
    world.barrier(stream).wait(stream);
    return 0;
  });
}
