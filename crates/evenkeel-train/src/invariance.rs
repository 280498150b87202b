//! Finds which weights, or units of weights, are scale-invariant, on several batches and scales.

use burn::module::Module;
use burn::optim::GradientsParams;
use evenkeel::quantity::RescaleFactor;
use evenkeel_burn::probe::{NormSource, Probe, ProbeError};

use crate::granularity::Granularity;

/// Batches on which a weight must be orthogonal to its gradient to count as scale-invariant.
const BATCHES: u8 = 6;

/// Logarithm of the factor by which the weights in question grow from one of them to the next.
const GROWTH: f64 = 0.4;

/// The probe of a network, given where it finds norms and what computes the gradients of the next
/// batch.
///
/// A weight that is not scale-invariant may have a cosine near zero that hardly moves from batch to
/// batch. It does move with the scale, while that of an invariant weight stays zero (T1).
///
/// # Errors
/// [`ProbeError`] when a weight or gradient cannot be measured.
pub fn probe<M: Module>(
    module: &M,
    granularity: Granularity,
    norms: NormSource,
    mut gradients: impl FnMut(&M) -> GradientsParams,
) -> Result<Probe, ProbeError> {
    let divided = |probe: Probe, module: &M, gradients: &GradientsParams| match granularity {
        Granularity::Layer => probe,
        Granularity::Unit => probe.by_unit(module, gradients),
    };
    let found = gradients(module);
    let first = divided(Probe::survey_with(norms, module, &found), module, &found);
    (1..BATCHES).try_fold(first, |probe, batch| {
        let factor = RescaleFactor::from_ln(f64::from(batch) * GROWTH);
        let scaled = probe.scaled(module, factor);
        let found = gradients(&scaled);
        let probe = probe.recheck(&scaled, &found)?;
        Ok(divided(probe, &scaled, &found))
    })
}
