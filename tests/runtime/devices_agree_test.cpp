// Every kernel of the device under test against the CPU's, on sizes that take its wide and its
// ragged paths; outputs hold NaN before. (On a CPU it is held against itself.)
#include <functional>
#include <limits>

#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/embedding.h"
#include "runtime/gated_block.h"
#include "runtime/layer_norm.h"
#include "runtime/matmul.h"
#include "runtime/rope.h"
#include "runtime/routing_tally.h"
#include "runtime/sparse_gates.h"
#include "runtime/stacked_parts.h"
#include "runtime/swiglu.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

constexpr DType kFp32 = DType::kFloat32;
constexpr DType kBf16 = DType::kBFloat16;

using Results = std::vector<std::vector<double>>;

/// Holds what `body(stream)` returns on the device under test to what it returns on a CPU.
void expect_agreement(double tolerance, const std::function<Results(Stream&)>& body) {
  Memory memory;
  Stream cpu(memory);
  Device device;
  const Results expected = body(cpu);
  const Results found = body(device.stream);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    SCOPED_TRACE(message_of("result ", i));
    expect_near(found[i], expected[i], tolerance);
  }
}

Results results_of(Stream& stream, const std::vector<Tensor>& tensors) {
  Results results;
  for (const Tensor& tensor : tensors) {
    results.push_back(values_of(stream, tensor));
  }
  return results;
}

Tensor poisoned(Stream& stream, const Shape& shape, DType dtype) {
  const Tensor poison(stream, shape, kFp32);
  fill(stream, poison, std::numeric_limits<float>::quiet_NaN());
  Tensor out(stream, shape, dtype);
  copy(stream, poison, out);
  return out;
}

/// `count` numbers below `end`, the low ones often.
std::vector<int> skewed(std::int64_t count, int end, std::string_view name) {
  const Random random(11, name);
  std::vector<int> drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    const double u = random.uniform(static_cast<std::uint64_t>(i));
    drawn.push_back(static_cast<int>(u * u * u * end));
  }
  return drawn;
}

/// The numbers below `count`, shuffled.
std::vector<int> shuffled(std::int64_t count) {
  const Permutation order(Random(11, "rows"), 0, static_cast<std::uint64_t>(count));
  std::vector<int> numbers;
  for (std::int64_t i = 0; i < count; ++i) {
    numbers.push_back(static_cast<int>(order(static_cast<std::uint64_t>(i))));
  }
  return numbers;
}

void for_both_dtypes(const std::function<void(DType)>& body) {
  for (const DType dtype : {kFp32, kBf16}) {
    SCOPED_TRACE(name_of(dtype));
    body(dtype);
  }
}

TEST(DevicesAgree, LayerNorm) {
  for_both_dtypes([](DType dtype) {
    for (const std::int64_t d : {256, 1030, 1100, 2304, 6148}) {
      expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
        const Tensor x = normal_tensor(stream, {150, d}, kFp32, "x");
        const Tensor weight = normal_tensor(stream, {d}, kFp32, "weight");
        const Tensor h = poisoned(stream, {150, d}, dtype);
        const Tensor statistics = poisoned(stream, {150, 2}, kFp32);
        layer_norm(stream, x, weight, 1e-5, h, statistics);
        const Tensor dx = normal_tensor(stream, {150, d}, kFp32, "dx");
        const Tensor dw = normal_tensor(stream, {d}, kFp32, "dw");
        const Tensor dh = normal_tensor(stream, {150, d}, dtype, "dh");
        layer_norm_backward(stream, x, weight, statistics, dh, dx, dw);
        return results_of(stream, {h, statistics, dx, dw});
      });
    }
  });
}

// Heads whose pairs move one by one, more of them than a block has threads.
TEST(DevicesAgree, RopeOfOddHeads) {
  for_both_dtypes([](DType dtype) {
    expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
      const Tensor x = normal_tensor(stream, {5, 2100}, dtype, "x");
      const Tensor table = rope_table(stream, 20, 6, 1e4);
      rope(stream, x, int_tensor(stream, {5}, {19, 3, 0, 7, 3}), table, Rotation::kBackward);
      return results_of(stream, {x});
    });
  });
}

TEST(DevicesAgree, RopeAndSwiglu) {
  for_both_dtypes([](DType dtype) {
    expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
      const Tensor x = normal_tensor(stream, {77, 256}, dtype, "x");
      const Tensor table = rope_table(stream, 100, 64, 1e4);
      rope(stream, x, int_tensor(stream, {77}, skewed(77, 100, "places")), table,
           Rotation::kForward);
      std::vector<Tensor> results = {x};
      for (const std::int64_t hidden : {256, 9}) {
        const Tensor gate_up = normal_tensor(stream, {77, 2 * hidden}, dtype, "gate_up");
        const Tensor d_out = normal_tensor(stream, {77, hidden}, dtype, "d_out");
        const Tensor out = poisoned(stream, {77, hidden}, dtype);
        swiglu(stream, gate_up, out);
        const Tensor d_gate_up = poisoned(stream, {77, 2 * hidden}, dtype);
        const Tensor again = poisoned(stream, {77, hidden}, dtype);
        swiglu_backward(stream, gate_up, d_out, d_gate_up, again);
        results.insert(results.end(), {out, d_gate_up, again});
      }
      return results_of(stream, results);
    });
  });
}

TEST(DevicesAgree, RopeOfPartsOfOneProduct) {
  for_both_dtypes([](DType dtype) {
    for (const std::int64_t head_dim : {64, 6}) {
      expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
        const std::int64_t n = 77;
        const Shape queries = {n, 4 * head_dim};
        const Shape keys = {n, 2 * head_dim};
        const Tensor table = rope_table(stream, 100, head_dim, 1e4);
        const Tensor places = int_tensor(stream, {n}, skewed(n, 100, "places"));
        const Tensor qkv = normal_tensor(stream, {n, 8 * head_dim}, dtype, "qkv");
        const Tensor q = poisoned(stream, queries, dtype);
        const Tensor k = poisoned(stream, keys, dtype);
        const Tensor v = poisoned(stream, keys, dtype);
        rope_unpack(stream, qkv, places, table, q, k, v);
        const Tensor back = poisoned(stream, qkv.shape(), dtype);
        rope_pack(stream, q, k, v, places, table, back);
        return results_of(stream, {q, k, v, back});
      });
    }
  });
}

TEST(DevicesAgree, EmbeddingOfRepeatedTokensToTheBit) {
  for (const int vocabulary : {50, 256, 70000}) {
    expect_agreement(0, [&](Stream& stream) {
      const Tensor table = normal_tensor(stream, {vocabulary, 8}, kFp32, "table");
      const Tensor tokens = int_tensor(stream, {900}, skewed(900, vocabulary, "tokens"));
      const Tensor x = poisoned(stream, {900, 8}, kFp32);
      embedding(stream, tokens, table, x);
      embedding_backward(stream, tokens, normal_tensor(stream, {900, 8}, kFp32, "dx"), table);
      return results_of(stream, {x, table});
    });
  }
}

TEST(DevicesAgree, CrossEntropy) {
  for_both_dtypes([](DType dtype) {
    for (const int vocabulary : {2, 5000, 5001, 20000}) {
      expect_agreement(1e-5 + tolerance_of(dtype) / 10, [&](Stream& stream) {
        const Tensor logits = normal_tensor(stream, {9, vocabulary}, dtype, "logits");
        std::vector<int> targets = skewed(9, vocabulary, "targets");
        targets[4] = kNotScored;
        const Tensor losses = poisoned(stream, {9}, kFp32);
        const Tensor gradient = poisoned(stream, {9, vocabulary}, dtype);
        cross_entropy_with_gradient(stream, logits, int_tensor(stream, {9}, targets), 0.7, losses,
                                    gradient);
        const Tensor alone = poisoned(stream, {9}, kFp32);
        cross_entropy(stream, logits, int_tensor(stream, {9}, targets), alone);
        return results_of(stream, {losses, alone, gradient});
      });
    }
  });
}

TEST(DevicesAgree, GatesOfEveryRouting) {
  for (const Gates kind : {Gates::kAsTheyAre, Gates::kRenormalised}) {
    expect_agreement(1e-5, [&](Stream& stream) {
      const Shape dense = {700, 9};
      const Shape chosen = {700, 3};
      const Tensor p = normal_tensor(stream, dense, kFp32, "p");
      const Tensor log_sums = poisoned(stream, {700}, kFp32);
      softmax_rows(stream, p, p, log_sums);
      const Tensor choices(stream, chosen, DType::kInt32);
      top_k(stream, p, choices);
      const Tensor gates = poisoned(stream, chosen, kFp32);
      chosen_gates(stream, p, choices, kind, gates);
      const Tensor spread = poisoned(stream, dense, kFp32);
      spread_gates(stream, choices, gates, spread);
      const Tensor d_gates = poisoned(stream, chosen, kFp32);
      pick_gates(stream, choices, normal_tensor(stream, dense, kFp32, "d_dense"), d_gates);
      const Tensor dp = poisoned(stream, dense, kFp32);
      chosen_gates_backward(stream, p, choices, kind, d_gates, dp);
      add_to_rows(stream, float_tensor(stream, {9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), dp);
      softmax_rows_backward(stream, p, log_sums, 0.3, dp, dp);
      const std::vector<std::vector<int>> sets = {{8, 2}, {5}, {}};
      const std::vector<Tensor> used = rows_using(stream, spread, sets);
      RoutingTally tally;
      tally.add(stream, p, log_sums, choices, 350, Pairs::kCounted);
      const RoutingSums sums = tally.read(stream).front().spans[1];
      Results results =
          results_of(stream, {p, log_sums, choices, gates, spread, d_gates, dp, used[0], used[1],
                              used[2], ascending(stream, 3, 9), shifted(stream, choices, -2)});
      results.insert(results.end(),
                     {sums.chosen, sums.gates, {sums.entropy, sums.squared_log_sum}, sums.pairs});
      return results;
    });
  }
}

TEST(DevicesAgree, OrderByExpertToTheRow) {
  for (const std::int64_t tokens : {1, 128, 129, 3000}) {
    expect_agreement(0, [&](Stream& stream) {
      const std::vector<int> experts = {4, 0, 5, 1, 3, 2};
      const Tensor choices =
          int_tensor(stream, {tokens, 2}, skewed(2 * tokens, 5, "choices"));  // none to expert 5
      const ExpertOrder order = order_by_expert(stream, choices, experts);
      const ExpertOrder room = padded(stream, order, tokens / 3 + 1);  // too little for the most
      return results_of(stream, {order.token_of_row, order.row_of_slot, order.counts,
                                 room.token_of_row, room.row_of_slot, room.counts});
    });
  }
}

TEST(DevicesAgree, RowsToExpertsAndBack) {
  for_both_dtypes([](DType dtype) {
    for (const std::int64_t d : {64, 65, 66}) {
      expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
        const Tensor rows = int_tensor(stream, {300}, shuffled(300));
        const Tensor answers = poisoned(stream, {300, d}, dtype);
        gather_rows(stream, normal_tensor(stream, {300, d}, dtype, "in"), rows, answers);
        const Tensor sum = normal_tensor(stream, {300, d}, kFp32, "sum");
        scatter_add_rows(stream, answers, rows, sum);
        const Tensor slots = rows.reshape({150, 2});
        const Tensor gates = normal_tensor(stream, {150, 2}, kFp32, "gates");
        const Tensor combined = normal_tensor(stream, {150, d}, kFp32, "combined");
        combine_rows(stream, answers, slots, gates, combined);
        const Tensor d_answers = poisoned(stream, {300, d}, dtype);
        const Tensor d_gates = poisoned(stream, {150, 2}, kFp32);
        combine_rows_backward(stream, answers, slots, gates, combined, d_answers, d_gates);
        return results_of(stream, {answers, sum, combined, d_answers, d_gates});
      });
    }
  });
}

TEST(DevicesAgree, PartsStackedAndSideBySide) {
  for_both_dtypes([](DType dtype) {
    for (const std::int64_t d : {64, 65, 66, 2304}) {
      expect_agreement(0, [&](Stream& stream) {
        const Tensor stacked = normal_tensor(stream, {3 * 17, d}, dtype, "stacked");
        const Tensor wide = poisoned(stream, {17, 3 * d}, dtype);
        put_side_by_side(stream, stacked, wide);
        const Tensor gradient = normal_tensor(stream, {17, 3 * d}, kFp32, "gradient");
        const Tensor fresh = poisoned(stream, stacked.shape(), kFp32);
        stack_parts(stream, gradient, fresh, Write::kReplace);
        const Tensor sum = normal_tensor(stream, stacked.shape(), kFp32, "sum");
        stack_parts(stream, gradient, sum, Write::kAdd);
        return results_of(stream, {wide, fresh, sum});
      });
    }
  });
}

TEST(DevicesAgree, BlocksTimesTheirGates) {
  for_both_dtypes([](DType dtype) {
    for (const std::int64_t d : {64, 65, 66, 520}) {
      expect_agreement(tolerance_of(dtype), [&](Stream& stream) {
        const Shape rows = {33, d};
        const Tensor outputs = normal_tensor(stream, {33, 3 * d}, dtype, "outputs");
        const Tensor gates = normal_tensor(stream, {33, 4}, kFp32, "gates");
        const Tensor d_gates = normal_tensor(stream, {33, 4}, kFp32, "d_gates");
        const Tensor d_outputs = poisoned(stream, outputs.shape(), dtype);
        std::vector<Tensor> results;
        const Tensor wide = poisoned(stream, outputs.shape(), dtype);
        const Tensor wide_again = poisoned(stream, outputs.shape(), dtype);
        const Tensor wide_outputs = poisoned(stream, outputs.shape(), dtype);
        for (const auto& [block, expert] : {std::pair{0, 3}, std::pair{1, 0}, std::pair{2, 1}}) {
          const GatedBlock from{outputs, d, block, gates, expert};
          const Tensor weighted = poisoned(stream, rows, dtype);
          weigh(stream, from, weighted);
          const Tensor again = poisoned(stream, rows, dtype);
          weigh_backward(stream, from, normal_tensor(stream, rows, dtype, "u"), again, d_gates,
                         d_outputs);
          weigh(stream, from, wide);
          weigh_backward(stream, from, normal_tensor(stream, wide.shape(), dtype, "wide u"),
                         wide_again, d_gates, wide_outputs);
          results.insert(results.end(), {weighted, again});
        }
        results.insert(results.end(), {wide, wide_again, d_gates, d_outputs, wide_outputs});
        return results_of(stream, results);
      });
    }
  });
}

struct AttentionCase {
  AttentionShape shape;
  int document;
  int stride;
};

Results attend(Stream& stream, const AttentionCase& c, DType dtype) {
  std::vector<int> rows;
  std::vector<int> starts;
  for (int row = 0; row < c.shape.keys(); ++row) {
    starts.push_back(row - row % static_cast<int>(c.shape.length) % c.document);
    if (row % c.stride == 0) {
      rows.push_back(row);
    }
  }
  const auto m = static_cast<std::int64_t>(rows.size());
  const Shape queries = {m, c.shape.heads * c.shape.head_dim};
  const Shape keys = {c.shape.keys(), c.shape.kv_heads * c.shape.head_dim};
  const Tensor q = normal_tensor(stream, queries, dtype, "q");
  const Tensor k = normal_tensor(stream, keys, dtype, "k");
  const Tensor v = normal_tensor(stream, keys, dtype, "v");
  const Tensor query_rows = int_tensor(stream, {m}, rows);
  const Tensor document_starts = int_tensor(stream, {c.shape.keys()}, starts);
  const Tensor out = poisoned(stream, queries, dtype);
  const Tensor log_sums = poisoned(stream, {m, c.shape.heads}, kFp32);
  attention(stream, c.shape, q, k, v, query_rows, document_starts, out, log_sums);
  const Tensor d_out = normal_tensor(stream, queries, dtype, "d_out");
  std::vector<Tensor> results = {out, log_sums};
  for (const bool is_deterministic : {true, false}) {
    set_deterministic(stream, is_deterministic);
    const Tensor dq = poisoned(stream, queries, dtype);
    const Tensor dk = poisoned(stream, keys, dtype);
    const Tensor dv = poisoned(stream, keys, dtype);
    attention_backward(stream, c.shape, q, k, v, query_rows, document_starts, out, log_sums, d_out,
                       dq, dk, dv);
    results.insert(results.end(), {dq, dk, dv});
  }
  return results_of(stream, results);
}

TEST(DevicesAgree, AttentionForwardAndBackward) {
  const std::vector<AttentionCase> cases = {
      {{.sequences = 1, .length = 130, .heads = 2, .kv_heads = 1, .head_dim = 128}, 1000, 1},
      {{.sequences = 2, .length = 100, .heads = 2, .kv_heads = 2, .head_dim = 64}, 70, 1},
      {{.sequences = 3, .length = 90, .heads = 3, .kv_heads = 1, .head_dim = 40}, 50, 3},
      {{.sequences = 2, .length = 65, .heads = 1, .kv_heads = 1, .head_dim = 6}, 64, 64},
      // Where it is known how many documents there are, cuDNN may do it.
      {{.sequences = 2,
        .length = 130,
        .heads = 2,
        .kv_heads = 2,
        .head_dim = 128,
        .documents = AttentionShape::kWhole},
       1000,
       1},
      {{.sequences = 3,
        .length = 70,
        .heads = 4,
        .kv_heads = 2,
        .head_dim = 64,
        .documents = AttentionShape::kWhole},
       1000,
       1},
      {{.sequences = 2, .length = 100, .heads = 2, .kv_heads = 2, .head_dim = 64, .documents = 4},
       70,
       1},
      {{.sequences = 3, .length = 90, .heads = 4, .kv_heads = 2, .head_dim = 48, .documents = 10},
       37,
       1},
      {{.sequences = 20, .length = 20, .heads = 1, .kv_heads = 1, .head_dim = 16, .documents = 200},
       2,
       1},
  };
  for_both_dtypes([&](DType dtype) {
    for (const AttentionCase& c : cases) {
      SCOPED_TRACE(message_of("heads of ", c.shape.head_dim, ", documents ", c.shape.documents));
      expect_agreement(2 * tolerance_of(dtype),
                       [&](Stream& stream) { return attend(stream, c, dtype); });
    }
  });
}

TEST(DevicesAgree, ProductsOfPartsOfTensors) {
  for_both_dtypes([](DType dtype) {
    expect_agreement(1e-4, [&](Stream& stream) {
      const Tensor a = normal_tensor(stream, {70, 96}, dtype, "a");
      const Tensor b = normal_tensor(stream, {33, 96}, dtype, "b");
      const Tensor wide = poisoned(stream, {67, 33}, kFp32);
      matmul(stream, a.slice(3, 70), transposed(b), wide);
      const Tensor one = normal_tensor(stream, {1, 96}, kFp32, "one");
      matmul(stream, transposed(normal_tensor(stream, {67, 1}, dtype, "left")), a.slice(1, 68), one,
             Write::kAdd);
      return results_of(stream, {wide, one});
    });
  });
}

TEST(DevicesAgree, OptimizerOverManyPieces) {
  expect_agreement(1e-6, [](Stream& stream) {
    std::vector<AdamwPiece> pieces;
    std::vector<Tensor> gradients;
    std::vector<Tensor> results;
    for (const std::int64_t size : {5, 40000, 0, 1024}) {
      pieces.push_back({.gradient = normal_tensor(stream, {size}, kFp32, "g"),
                        .weight = normal_tensor(stream, {size}, kFp32, "w"),
                        .first_moment = normal_tensor(stream, {size}, kFp32, "m"),
                        .second_moment = Tensor(stream, {size}, kFp32),
                        .weight_decay = size == 5 ? 0 : 0.1});
      fill(stream, pieces.back().second_moment, 0.25F);
      gradients.push_back(pieces.back().gradient);
      results.insert(results.end(), {pieces.back().weight, pieces.back().first_moment,
                                     pieces.back().second_moment});
    }
    adamw(stream, {1e-2, 0.9, 0.95, 1e-8, 0.5, 3}, pieces);
    Results found = results_of(stream, results);
    found.push_back({squared_norm(stream, gradients), squared_norm(stream, gradients[2])});
    return found;
  });
}

}  // namespace
}  // namespace bam
