//! A learning rate by the angle of the first step.

use std::f64::consts::FRAC_PI_2;

use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel::spread::geometric_mean;

use crate::error::TrainError;
use crate::setup::Setup;

/// The rate at which the first step turns weights by `angle` radians, when their ELRs are held equal:
/// `λ = tan(angle)(1 − μ)/E`, with E the geometric mean of the ELRs at initialisation (T2, T22) and
/// `1 − μ` for what a buffer of momentum adds up to (T15). To three digits, so that it can be read and
/// typed again.
///
/// # Errors
/// [`TrainError::NoAngle`] for a network without scale-invariant weights, for optimisers whose steps
/// do not follow the gradient's length, and for an angle that gives no rate.
pub fn rate(angle: f64, setup: &Setup, optimizer: &Optimizer) -> Result<LearningRate, TrainError> {
    let refuse = |why| TrainError::NoAngle { angle, why };
    if !(angle > 0.0 && angle < FRAC_PI_2) {
        return Err(refuse(
            "give an angle in radians above 0 and below 1.57, such as 0.2",
        ));
    }
    if optimizer.measure() != Measure::Gradient {
        return Err(refuse(
            "the optimiser's steps do not follow the gradient's length; give a rate",
        ));
    }
    let mean = geometric_mean(&setup.initial_elrs()?)
        .ok_or_else(|| refuse("the network has no scale-invariant weights; give a rate"))?;
    let inertia = 1.0 - optimizer.settings().momentum.get();
    let rate = angle.tan() * inertia / mean.get();
    let rate: f64 = format!("{rate:.2e}")
        .parse()
        .expect("a float that was written can be read");
    LearningRate::new(rate)
        .ok()
        .filter(|rate| rate.get() > 0.0)
        .ok_or_else(|| refuse("it gives no usable rate; give a rate"))
}
