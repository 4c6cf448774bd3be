#include "tests/emulation/work_queue.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace bam::emulation {
namespace {

struct Gpu {
  std::vector<std::unique_ptr<WorkQueue>> queues;
  std::map<std::uintptr_t, std::size_t> pinned;  // bytes, by address
  std::mt19937 order{1};
};

Gpu& gpu() {
  static Gpu one;
  return one;
}

// One piece of each queue; returns whether any was done.
bool advance_all() {
  std::vector<WorkQueue*> order;
  for (const auto& queue : gpu().queues) {
    order.push_back(queue.get());
  }
  std::ranges::shuffle(order, gpu().order);
  return std::ranges::count_if(order, [](WorkQueue* queue) { return queue->advance(); }) > 0;
}

}  // namespace

bool Capture::is_joined() const {
  std::set<const WorkQueue*> joined = {queues[0]};
  std::set<int> awaited;  // events that a joined queue waits for, later on
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (awaited.contains(item->recorded)) {
      joined.insert(item->queue);
    }
    if (!joined.contains(item->queue)) {
      return false;
    }
    awaited.insert(item->waited_for);
  }
  return true;
}

void Capture::launch(WorkQueue* queue) const {
  std::vector<std::shared_ptr<bool>> is_over;
  for (int i = 0; i < events; ++i) {
    is_over.push_back(std::make_shared<bool>(false));
  }
  for (const Item& item : items) {
    WorkQueue* to = item.queue == queues[0] ? queue : item.queue;
    if (item.recorded >= 0) {
      to->put([done = is_over[static_cast<std::size_t>(item.recorded)]] { return *done = true; });
    } else if (item.waited_for >= 0) {
      to->put([done = is_over[static_cast<std::size_t>(item.waited_for)]] { return *done; });
    } else {
      to->put(item.work);
    }
  }
}

WorkQueue* make_queue() {
  gpu().queues.push_back(std::make_unique<WorkQueue>(drain));
  return gpu().queues.back().get();
}

void drop_queue(WorkQueue* queue) {
  wait_until(queue, [&] { return queue->is_empty(); });
  std::erase_if(gpu().queues, [&](const auto& other) { return other.get() == queue; });
}

bool look(WorkQueue* first, const std::function<bool()>& is_over) {
  while (!is_over()) {
    if (!first->advance() && !advance_all()) {
      return is_over();
    }
  }
  return true;
}

// What other ranks do their part of takes its time.
void wait_until(WorkQueue* first, const std::function<bool()>& is_over) {
  while (!look(first, is_over)) {
    std::this_thread::yield();
  }
}

void drain() {
  for (const auto& queue : gpu().queues) {
    wait_until(queue.get(), [&] { return queue->is_empty(); });
  }
}

void* take_pinned(std::size_t bytes) {
  void* block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(block, 0xff, bytes);
  gpu().pinned[reinterpret_cast<std::uintptr_t>(block)] = bytes;
  return block;
}

void give_pinned(void* block) {
  drain();
  gpu().pinned.erase(reinterpret_cast<std::uintptr_t>(block));
  std::free(block);
}

bool is_pinned(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  const auto after = gpu().pinned.upper_bound(place);
  return after != gpu().pinned.begin() &&
         place - std::prev(after)->first < std::prev(after)->second;
}

}  // namespace bam::emulation
