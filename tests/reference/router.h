#pragma once

#include "tests/reference/matrix.h"

namespace bam::reference {

/// What a router made of each row. All (n, experts).
struct Routing {
  Matrix probabilities;          // p = softmax of the logits
  std::vector<double> log_sums;  // (n): logsumexp of the logits
  Matrix chosen;                 // 1 for the k largest, else 0
  Matrix gates;                  // chosen * p, divided by the row's sum if renormalised
};

/// h (n, d_model), w (experts, d_model). Of equal probabilities the lower expert is chosen.
Routing route(const Matrix& h, const Matrix& w, int k, bool renormalise);

/// Smallest difference, over rows, between a chosen probability and one that was not: what rounding
/// must stay below for the same choice. Infinity where all are chosen.
double margin(const Routing& routing);

/// L_LB = experts * sum_i f_i P_i: f_i the share of expert i in the chosen slots, P_i the mean of
/// p_i.
double balance_loss(const Routing& routing);
/// L_z = mean over rows of logsumexp^2.
double z_loss(const Routing& routing);

/// Weights of the auxiliary losses of one router.
struct AuxiliaryWeights {
  double alpha;  // of L_LB
  double beta;   // of L_z
};

/// From the gates' gradient and that of alpha * L_LB + beta * L_z, in which f is a constant:
/// returns dh; dw += the router's gradient.
Matrix route_backward(const Matrix& h, const Matrix& w, const Routing& routing, bool renormalise,
                      const Matrix& d_gates, AuxiliaryWeights auxiliary, Matrix& dw);

}  // namespace bam::reference
