#pragma once

#include "tests/reference/config.h"
#include "tests/reference/matrix.h"

namespace bam::reference {

/// x_i = row tokens[i] of the table (vocabulary, d_model).
Matrix embedding(const Batch& batch, const Matrix& table);
/// d_table[tokens[i]] += dx_i.
void embedding_backward(const Batch& batch, const Matrix& dx, Matrix& d_table);

/// -log softmax(logits_i)[targets[i]] (n), 0 where not scored. logits (n, vocabulary).
std::vector<double> token_losses(const Batch& batch, const Matrix& logits);
/// Gradient of scale * their sum.
Matrix token_losses_backward(const Batch& batch, const Matrix& logits, double scale);

/// Mean over the scored targets of the negative log-likelihood, and the weighted auxiliary losses,
/// summed over layers.
struct Losses {
  double nll = 0;
  double balance = 0;  // alpha * L_LB
  double z = 0;        // beta * L_z
  double total() const { return nll + balance + z; }
};
Losses losses(const Config& config, const Weights& w, const Batch& batch);
/// Gradient of losses().total() by every weight.
Weights gradients(const Config& config, const Weights& w, const Batch& batch);

/// Smallest margin (router.h) of the model's top-k choices on this batch.
double smallest_margin(const Config& config, const Weights& w, const Batch& batch);

}  // namespace bam::reference
