//! The phase diagram: how long until equal, by learning rate and initial spread.

use crate::control::Controls;
use crate::convergence::steps_until;
use crate::critical::{Regime, regime};
use crate::diagnosis::EQUAL;
use crate::optimizer::Optimizer;
use crate::quantity::{Elr, LearningRate};

/// One point of the diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The initial range in decades.
    pub decades: f64,
    /// The rate times the geometric mean of the ELRs, `λĒ`: dynamics depend on nothing else.
    pub lr: LearningRate,
    /// Steps until the largest ELR is at most twice the smallest; `None` when that is not foreseen.
    pub steps: Option<f64>,
    /// What the first step at the uncapped rate does to the fastest and the slowest layer (T8).
    pub regime: Regime,
}

/// A network of `layers` ELRs, geometrically spaced over `decades` around a mean of 1.
pub fn network(layers: usize, decades: f64) -> Vec<Elr> {
    let range = decades * std::f64::consts::LN_10;
    let step = range / (layers.max(2) - 1) as f64;
    (0..layers)
        .map(|layer| Elr::from_ln(0.5 * range - step * layer as f64))
        .collect()
}

/// The point of the diagram at one rate and one initial spread.
pub fn cell(
    layers: usize,
    decades: f64,
    lr: LearningRate,
    optimizer: &Optimizer,
    controls: &Controls,
) -> Cell {
    let elrs = network(layers, decades);
    let ends = (elrs.first(), elrs.last());
    Cell {
        decades,
        lr,
        steps: steps_until(EQUAL, &elrs, optimizer, controls, lr),
        regime: match ends {
            (Some(first), Some(last)) => regime(*first, *last, lr),
            _ => Regime::Converging,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Decay;
    use crate::spread::{Spread, geometric_mean};

    #[test]
    fn the_network_has_the_spread_it_is_asked_for() {
        let elrs = network(17, 3.5);
        assert!((Spread::of(&elrs).decades() - 3.5).abs() < 1e-12);
        assert!(geometric_mean(&elrs).unwrap().ln().abs() < 1e-12);
    }

    #[test]
    fn the_diagram_has_its_valley_at_the_critical_rate_of_the_extremes() {
        // T8 and T10: with the mean ELR at 1 the extremes are critical at λ = 1.
        let (sgd, none) = (Optimizer::sgd(Decay::None), Controls::default());
        let at = |lr: f64| cell(9, 4.0, LearningRate::new(lr).unwrap(), &sgd, &none);
        assert_eq!(at(1.0).regime, Regime::Critical);
        assert_eq!(
            (at(0.1).regime, at(10.0).regime),
            (Regime::Converging, Regime::Flipped)
        );
        let steps = [0.1, 1.0, 10.0].map(|lr| at(lr).steps.unwrap());
        assert!(steps[1] < steps[0] && steps[1] < steps[2], "{steps:?}");
    }
}
