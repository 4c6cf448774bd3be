#include "tests/emulation/emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace bam::emulation {
namespace {

constexpr std::size_t kStackBytes = std::size_t{128} << 10;

// Opens when all of `expected` threads have come.
struct Barrier {
  std::size_t expected = 0;
  std::size_t arrived = 0;
  std::uint64_t opened = 0;

  void open_if_full() {
    if (arrived == expected) {
      arrived = 0;
      ++opened;
    }
  }
};

struct Warp {
  Barrier barrier;
  std::array<std::uint64_t, kWarpSize> words{};
};

struct Fiber {
  std::unique_ptr<std::byte[]> stack;
  ucontext_t start;
  jmp_buf place;
  bool is_started = false;
  bool is_done = false;
  const Barrier* waits_for = nullptr;
  std::uint64_t seen = 0;  // how often the barrier had opened by then

  bool can_run() const { return !is_done && (waits_for == nullptr || waits_for->opened != seen); }
};

struct Machine {
  const std::function<void()>* kernel = nullptr;
  std::vector<Fiber> fibers = std::vector<Fiber>(kMostThreads);
  std::vector<Warp> warps = std::vector<Warp>(kMostThreads / kWarpSize);
  Barrier barrier;  // the block's
  std::vector<std::byte> shared = std::vector<std::byte>(kMostSharedBytes);
  std::size_t shared_bytes = 0;  // that the launch asked for
  std::size_t current = 0;
  jmp_buf scheduler;
  ucontext_t caller;
  std::mt19937 order{1};
};

Machine& machine() {
  static thread_local Machine one;
  return one;
}

void back_to_scheduler(Fiber& fiber) {
  if (_setjmp(fiber.place) == 0) {
    _longjmp(machine().scheduler, 1);
  }
}

void wait_at(Barrier& barrier) {
  Fiber& fiber = machine().fibers[machine().current];
  fiber.waits_for = &barrier;
  fiber.seen = barrier.opened;
  ++barrier.arrived;
  barrier.open_if_full();
  back_to_scheduler(fiber);
}

// A thread that has ended is no longer waited for.
void leave(Barrier& barrier) {
  --barrier.expected;
  if (barrier.expected > 0) {
    barrier.open_if_full();
  }
}

void fiber_main() {
  Machine& here = machine();
  (*here.kernel)();
  here.fibers[here.current].is_done = true;
  leave(here.barrier);
  leave(here.warps[here.current / kWarpSize].barrier);
  _longjmp(here.scheduler, 1);
}

void switch_to(Fiber& fiber) {
  if (_setjmp(machine().scheduler) != 0) {
    return;
  }
  fiber.waits_for = nullptr;
  if (fiber.is_started) {
    _longjmp(fiber.place, 1);
  }
  fiber.is_started = true;
  setcontext(&fiber.start);
}

void prepare(Fiber& fiber) {
  if (fiber.stack == nullptr) {
    fiber.stack = std::make_unique<std::byte[]>(kStackBytes);
  }
  fiber.is_started = fiber.is_done = false;
  fiber.waits_for = nullptr;
  getcontext(&fiber.start);
  fiber.start.uc_stack.ss_sp = fiber.stack.get();
  fiber.start.uc_stack.ss_size = kStackBytes;
  makecontext(&fiber.start, fiber_main, 0);
}

Size index_of(std::size_t flat, Size size) {
  const auto plane = std::size_t{size.x} * size.y;
  return {static_cast<unsigned>(flat % size.x), static_cast<unsigned>(flat % plane / size.x),
          static_cast<unsigned>(flat / plane)};
}

void begin_block(std::size_t threads) {
  Machine& here = machine();
  std::memset(here.shared.data(), 0xff, here.shared_bytes);
  here.barrier = {.expected = threads};
  for (std::size_t first = 0; first < threads; first += kWarpSize) {
    here.warps[first / kWarpSize].barrier = {.expected =
                                                 std::min<std::size_t>(kWarpSize, threads - first)};
  }
  for (std::size_t i = 0; i < threads; ++i) {
    prepare(here.fibers[i]);
  }
}

void run_block(std::size_t threads) {
  Machine& here = machine();
  begin_block(threads);
  std::vector<std::size_t> order(threads);
  std::iota(order.begin(), order.end(), std::size_t{0});
  while (here.barrier.expected > 0) {
    std::ranges::shuffle(order, here.order);
    bool moved = false;
    for (const std::size_t i : order) {
      if (here.fibers[i].can_run()) {
        here.current = i;
        threadIdx = index_of(i, blockDim);
        switch_to(here.fibers[i]);
        moved = true;
      }
    }
    if (!moved) {
      throw std::runtime_error("threads of a block wait for each other at different places");
    }
  }
}

}  // namespace

void run(Size grid, Size block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  const std::size_t threads = block.count();
  if (grid.count() == 0 || threads == 0 || threads > kMostThreads || grid.y > 65535 ||
      grid.z > 65535 || shared_bytes > kMostSharedBytes) {
    throw std::runtime_error("a launch that no GPU takes");
  }
  Machine& here = machine();
  gridDim = grid;
  blockDim = block;
  here.kernel = &kernel;
  here.shared_bytes = shared_bytes;
  std::vector<std::size_t> blocks(grid.count());
  std::iota(blocks.begin(), blocks.end(), std::size_t{0});
  std::ranges::shuffle(blocks, here.order);
  for (const std::size_t i : blocks) {
    blockIdx = index_of(i, grid);
    run_block(threads);
  }
}

void check_aligned(const void* address, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0) {
    throw std::runtime_error("misaligned address");
  }
}

std::byte* shared_bytes() { return machine().shared.data(); }

void wait_for_block() { wait_at(machine().barrier); }
void wait_for_warp() { wait_at(machine().warps[machine().current / kWarpSize].barrier); }

std::array<std::uint64_t, kWarpSize> exchange(std::uint64_t word) {
  Warp& warp = machine().warps[machine().current / kWarpSize];
  warp.words[machine().current % kWarpSize] = word;
  wait_for_warp();
  const auto words = warp.words;
  wait_for_warp();  // until all have read, none may write the next
  return words;
}

}  // namespace bam::emulation
