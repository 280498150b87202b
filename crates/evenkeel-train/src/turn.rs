//! A learning rate by the turn that the first step makes, instead of by itself.

use evenkeel::optimizer::Measure;
use evenkeel::quantity::LearningRate;
use evenkeel::spread::geometric_mean;

use crate::error::TrainError;
use crate::initial::initial_elrs;
use crate::run::ResolvedRun;

/// The rate at which the first step turns weights by `tangent`, when their ELRs are held equal:
/// `λ = θ₀(1 − μ)/Ē`, with Ē the geometric mean of the ELRs at initialisation (T2, T22) and `1 − μ` for what a
/// buffer of momentum adds up to (T15). To three digits, so that it can be read and said again.
///
/// # Errors
/// [`TrainError::NoTurn`] for a network without scale-invariant weights, for optimisers whose steps do not
/// follow the gradient's length, and for a tangent that gives no rate.
pub fn rate(spec: &ResolvedRun, tangent: f64) -> Result<f64, TrainError> {
    let refuse = |why| TrainError::NoTurn { tangent, why };
    if spec.optimizer.measure() != Measure::Gradient {
        return Err(refuse(
            "the optimiser's steps do not follow the gradient's length; give a rate",
        ));
    }
    let mean = geometric_mean(&initial_elrs(spec)?)
        .ok_or_else(|| refuse("the network has no scale-invariant weights; give a rate"))?;
    let inertia = 1.0 - spec.optimizer.settings().momentum.get();
    let rate = tangent * inertia / mean.get();
    let rate: f64 = format!("{rate:.2e}").parse().unwrap_or(rate);
    let usable = LearningRate::new(rate).is_ok_and(|rate| rate.get() > 0.0);
    match tangent > 0.0 && usable {
        true => Ok(rate),
        false => Err(refuse("a turn is a tangent above 0, such as 0.2")),
    }
}
