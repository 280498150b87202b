//! Batch normalization.

use super::Normalization;
use crate::mean_field::activation::Activation;
use crate::mean_field::batch::Batch;

pub(super) const ROW: Normalization = Normalization {
    name: "bn",
    summary: "each feature over the batch: E phi'^2 / Var phi in large batches",
    over_batch: true,
    growth,
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
