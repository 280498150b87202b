//! What is done without a warm-up: function-preserving rescaling (T22), held ELRs (T23), spheres (T25).

use crate::optimizer::Measure;
use crate::quantity::{Elr, Growth, LrMultiplier, RescaleFactor};
use crate::spread::geometric_mean;

/// The factors `a_l = √(E_l/Ē)` that make all ELRs equal to their geometric mean `Ē` (T22).
///
/// Multiplying `W_l` by `a_l` leaves the network's function as it is and divides the gradient by
/// `a_l`, so `E_l → E_l/a_l² = Ē`. The mean of `ln E` does not move.
pub fn rescale_factors(elrs: &[Elr]) -> Vec<RescaleFactor> {
    rescale_factors_for(Measure::Gradient, elrs)
}

/// The factors `a_l = (E_l/Ē)^(1/p)` that equalise ELRs of this measure, which fall as `a^−p`:
/// under Adam `a_l = E_l/Ē`, without the root (T22).
pub fn rescale_factors_for(measure: Measure, elrs: &[Elr]) -> Vec<RescaleFactor> {
    log_distances(elrs)
        .map(|d| RescaleFactor::from_ln(d / measure.power()))
        .collect()
}

/// The multipliers `λ_l/λ = Ē/E_l` under which every layer turns by the same angle (T23), with the
/// weights left alone. In function space this is T22 applied at every step.
pub fn hold_multipliers(elrs: &[Elr]) -> Vec<LrMultiplier> {
    log_distances(elrs)
        .map(|d| LrMultiplier::from_ln(-d))
        .collect()
}

/// The multipliers of the layers' rates that bring all acting ELRs to within so many decades, half of them above the
/// geometric mean `Ē` and half below (T30): `ln m_l = clamp(d_l, ±w/2) − d_l` with `d_l = ln(E_l/Ē)` and `w` the
/// width. Zero decades hold all ELRs equal ([`hold_multipliers`]); layers within the band are left alone.
pub fn within_multipliers(elrs: &[Elr], decades: f64) -> Vec<LrMultiplier> {
    let most = decades * std::f64::consts::LN_10 / 2.0;
    log_distances(elrs)
        .map(|d| LrMultiplier::from_ln(d.clamp(-most, most) - d))
        .collect()
}

/// The factor that takes a weight back to the sphere it started on (T25): the inverse of its growth.
pub fn to_sphere(growth: Growth) -> RescaleFactor {
    RescaleFactor::from_ln(-growth.get().ln())
}

/// `ln(E_l/Ē)` for every layer.
fn log_distances(elrs: &[Elr]) -> impl Iterator<Item = f64> {
    let mean = geometric_mean(elrs).map_or(0.0, Elr::ln);
    elrs.iter().map(move |elr| elr.ln() - mean)
}

/// The ELR of a weight that was multiplied by `factor` (T22): `E/a²`.
pub fn rescaled(elr: Elr, factor: RescaleFactor) -> Elr {
    rescaled_for(Measure::Gradient, elr, factor)
}

/// The ELR of this measure of a weight that was multiplied by `factor` (T22): `E/a^p`.
pub fn rescaled_for(measure: Measure, elr: Elr, factor: RescaleFactor) -> Elr {
    Elr::from_ln(elr.ln() - measure.power() * factor.get().ln())
}

/// The ELR that acts under a per-layer rate (T23): `(λ_l/λ)·E`.
pub fn acting(elr: Elr, multiplier: LrMultiplier) -> Elr {
    Elr::saturating(elr.get() * multiplier.get())
}
