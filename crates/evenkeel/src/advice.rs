//! Which control a network should begin with, read off its ELRs at initialisation (T31).
//!
//! Networks differ in one thing that can be measured before the first step: whether gradients explode
//! from layer to layer. Where they do, the first steps have to leave that state, and equal angles leave it
//! with the least turning (T30). Where they do not, steps within which the loss is nearly linear are long
//! enough to train with, and larger ones throw the network onto a plateau (T29).

use crate::control::{Band, ControlError, Controls, Hold, MaxAngle};
use crate::mean_field::{explosion_per_layer, total_explosion};
use crate::quantity::Elr;

/// Gradients explode if ELRs grow by this factor or more from layer to layer. Measured
/// (docs/results/controls.md): 1.16 to 1.22 in BN-MLPs of 8 to 50 layers and in ResNets of 20 to 110
/// layers without shortcuts, 1.02 to 1.04 in ResNets with them.
pub const EXPLODES: f64 = 1.1;

/// ELRs that grow by this factor or more over the whole network explode as well, however little they do
/// from layer to layer. BN-tanh grows by 1.09 a layer and by 3.5 decades over 100 layers; ResNets with
/// shortcuts stay below one decade at 110 layers (T31).
pub const EXPLODES_IN_ALL: f64 = 100.0;

/// The control compared by default: of those without hyper-parameters, the one that trains best over
/// depths and rates in the claim `constrained`, by a rule that was set before.
pub fn default_control() -> Controls {
    Hold::default().into()
}

/// For gradients that explode: level with the best tuned linear warm-up or ahead of it, as far as
/// seeds can tell, on each of seven networks (T30).
pub fn for_exploding() -> Controls {
    let band = Band::new(0.5).and_then(|band| band.equal(0.0..1.0));
    joined(band.map(Controls::from), MaxAngle::new(0.1))
}

/// For gradients that do not explode: level with the tuned linear warm-up on ResNets of 20, 56 and 110
/// layers with shortcuts, as far as seeds can tell (T32).
pub fn for_steady() -> Controls {
    joined(
        Ok(Hold::default().into()),
        MaxAngle::growing(0.1, 0.001, 0.05),
    )
}

fn joined(one: Result<Controls, ControlError>, other: Result<MaxAngle, ControlError>) -> Controls {
    one.and_then(|one| one.and(other?))
        .expect("the constants above are in range and the stages differ")
}

/// What ELRs at initialisation say about the control to begin with.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The factor `g` by which they grow from one layer to the next, at least 1.
    pub growth: f64,
    /// The factor by which they grow from the first to the last layer along the same line, at least 1.
    pub total: f64,
}

impl Advice {
    /// Reads the ELRs of a network's layers at initialisation, in the order of the network: `g = exp(|slope|)` of the line
    /// through `ln E_l` by least squares, 1 for fewer than two layers.
    pub fn of(elrs: &[Elr]) -> Self {
        let numbers: Vec<f64> = elrs.iter().map(|elr| elr.get()).collect();
        // A finite number however far apart they are: JSON has no other.
        let either_way = |factor: f64| factor.max(1.0 / factor).min(f64::MAX);
        Self {
            growth: either_way(explosion_per_layer(&numbers).unwrap_or(1.0)),
            total: either_way(total_explosion(&numbers).unwrap_or(1.0)),
        }
    }

    /// Whether gradients explode: from layer to layer by [`EXPLODES`] or more, or over the network by
    /// [`EXPLODES_IN_ALL`].
    pub fn explodes(self) -> bool {
        self.growth >= EXPLODES || self.total >= EXPLODES_IN_ALL
    }

    /// The control that suits the network, with nothing to tune.
    pub fn control(self) -> Controls {
        match self.explodes() {
            true => for_exploding(),
            false => for_steady(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mean_field::{Synthetic, bn_relu_explosion};

    fn geometric(growth: f64, layers: i32) -> Vec<Elr> {
        (0..layers)
            .map(|l| Elr::new(10.0 * growth.powi(-l)).unwrap())
            .collect()
    }

    #[test]
    fn without_layers_nothing_grows() {
        assert_eq!(Advice::of(&geometric(2.0, 1)).growth, 1.0);
        assert_eq!(Advice::of(&[]).growth, 1.0);
    }

    #[test]
    fn growth_is_a_number_however_far_apart_layers_are() {
        let far = [1e-300, 1e300].map(|e| Elr::new(e).unwrap());
        assert_eq!(Advice::of(&far).growth, f64::MAX);
    }

    #[test]
    fn exploding_networks_are_told_from_others() {
        let mut plain = geometric(bn_relu_explosion(), 50);
        assert_eq!(Advice::of(&plain).control(), for_exploding());
        plain.reverse();
        assert_eq!(Advice::of(&plain).control(), for_exploding());
        // Little growth over many layers: batch normalization with tanh.
        let deep: Synthetic = "bn-tanh:100".parse().unwrap();
        assert!(Advice::of(&deep.elrs()).growth < EXPLODES);
        assert_eq!(Advice::of(&deep.elrs()).control(), for_exploding());
        let residual = Advice::of(&geometric(1.04, 110));
        assert_eq!(residual.control(), for_steady());
        // Layers of different kinds are far apart, and nothing grows.
        let kinds: Vec<Elr> = [0.01, 1.0, 1.0, 0.01].map(|e| Elr::new(e).unwrap()).into();
        assert_eq!(Advice::of(&kinds).control(), for_steady());
    }

    #[test]
    fn what_is_advised_has_a_text() {
        for (control, text) in [
            (default_control(), "hold"),
            (for_exploding(), "band:0.5:1+max-angle:0.1"),
            (for_steady(), "hold+max-angle:0.1:0.001:0.05"),
        ] {
            assert_eq!(control.to_string(), text);
            assert_eq!(control, text.parse().unwrap());
        }
    }
}
