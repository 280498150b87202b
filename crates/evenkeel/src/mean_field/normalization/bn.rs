//! Batch normalization.

use super::Normalization;
use crate::mean_field::activation::Activation;
use crate::mean_field::batch::Batch;

pub(super) const ROW: Normalization = Normalization {
    name: "bn",
    summary: "each feature over the batch: E phi'^2 / Var phi in large batches",
    over_batch: true,
    growth,
    disparity,
};

/// With `a, b` the mean square and product of φ′, `e, f` those of zφ′ and `u` the variance of φ
/// over the batch, `((B − 1)a + b − e + f)/((B − 3)u)`, which is `a/u` for large `B` (T21).
///
/// Source: Yang et al. 2019, theorems 7 and 8; derived in `docs/theory.md`.
fn growth(activation: &Activation, batch: Batch) -> f64 {
    let moments = activation.moments(batch);
    let (slope, tangent) = (moments.slope, moments.tangent);
    let Some(samples) = batch.samples() else {
        return slope.square / moments.variance();
    };
    let through = (samples - 1.0) * slope.square + slope.product - tangent.square + tangent.product;
    through / ((samples - 3.0) * moments.variance())
}

/// With `q, k` the mean square and product of φ, `q', k'` the same weighted with `z₁²`, and `u` the
/// variance: `((q' − q) − 2(B − 1)/(B − 2)·(k' − k))/2u` (T21).
///
/// Source: Yang et al. 2019, theorem 6, for ReLU; derived in `docs/theory.md`.
fn disparity(activation: &Activation, batch: Batch) -> f64 {
    let moments = activation.moments(batch);
    let (value, weighted) = (moments.value, moments.weighted);
    let centring = batch
        .samples()
        .map_or(1.0, |samples| (samples - 1.0) / (samples - 2.0));
    let stretched =
        weighted.square - value.square - 2.0 * centring * (weighted.product - value.product);
    stretched / (2.0 * moments.variance())
}
