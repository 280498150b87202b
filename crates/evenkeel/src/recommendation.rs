//! One recommendation for a network: which control to take, why, and how sure that is (T31, T32).

use crate::advice::{EXPLODES, EXPLODES_IN_ALL, default_control, for_exploding, for_steady};
use crate::control::{Controls, Critical, MaxAngle};
use crate::optimizer::{Decay, Measure, Optimizer};
use crate::quantity::LearningRate;
use crate::spread::Spread;
use crate::trend::{Direction, Trend};

/// A spread, in decades, below which there is nothing to mend: a factor of about 3.
pub const FINE: f64 = 0.5;
/// Layers from which a line through their ELRs says more than a few of them by chance.
const MANY: usize = 8;
/// The angle of one step, in radians, up to which the loss is nearly linear in the weights (T29).
const SMALL_ANGLE: f64 = 0.1;

/// How sure a recommendation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It rests on what has not been measured for such networks.
    Low,
    /// One of the conditions of what was measured is not known to hold.
    Medium,
    /// All of them hold.
    High,
}

impl Confidence {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is known of a network.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// How far ELRs are apart.
    pub spread: Spread,
    /// How they grow over depth.
    pub trend: Trend,
    /// The tangent of the angle by which the planned rate turns the fastest layer, its inertia
    /// included.
    pub tangent: f64,
    /// The optimiser.
    pub optimizer: &'a Optimizer,
    /// The training step of the ELRs; `None` where nobody says.
    pub step: Option<u64>,
}

/// One control to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// The control.
    pub control: Controls,
    /// Why, in one sentence.
    pub reason: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// What limits it, in one sentence; none at high confidence.
    pub doubt: Option<&'static str>,
}

impl Recommendation {
    /// The recommendation for a network.
    pub fn of(network: &Network) -> Self {
        let decades = network.spread.decades();
        if network.trend.layers() < 2 {
            return sure(
                Controls::default(),
                "a single layer has none to be even with".to_owned(),
            );
        }
        match network.optimizer.measure() {
            Measure::Update => by_updates(network, decades),
            Measure::Gradient if decades < FINE && network.tangent <= 1.0 => sure(
                Controls::default(),
                format!(
                    "ELRs are within {decades:.2} decades and the planned rate is below critical: there is little to gain"
                ),
            ),
            Measure::Gradient if network.step.is_some_and(|step| step > 0) => {
                later(network, decades)
            }
            Measure::Gradient => at_initialisation(network),
        }
    }

    /// A line to paste, by the place where it goes.
    pub fn lines(&self, lr: LearningRate) -> [(&'static str, String); 4] {
        let (control, lr) = (&self.control, lr.get());
        [
            (
                "pytorch",
                format!("controller = ElrController(optimizer, ElrProbe(model), \"{control}\")"),
            ),
            (
                "optax",
                format!("optimizer = steered(optax.sgd(1.0), {lr}, \"{control}\")"),
            ),
            (
                "burn",
                format!(
                    "let controller = ElrController::new(probe, \"{control}\".parse::<Controls>()?);"
                ),
            ),
            (
                "cli",
                format!("evenkeel train --lr {lr} --control {control}"),
            ),
        ]
    }
}

fn sure(control: Controls, reason: String) -> Recommendation {
    Recommendation {
        control,
        reason,
        confidence: Confidence::High,
        doubt: None,
    }
}

/// Gradients at initialisation say whether they explode (T31).
fn at_initialisation(network: &Network) -> Recommendation {
    let (trend, factor) = (network.trend, network.trend.factor());
    let grows = factor >= EXPLODES || trend.total() >= EXPLODES_IN_ALL;
    let explodes = trend.is_clear() && grows;
    let reason = match trend.direction() {
        Direction::Input if explodes => format!(
            "ELRs grow by a factor of {factor:.2} a layer towards the input: gradients explode"
        ),
        Direction::Output if explodes => format!(
            "ELRs grow by a factor of {factor:.2} a layer towards the output: gradients vanish"
        ),
        Direction::Neither => {
            "ELRs show no clear trend over depth, so nothing says that gradients explode".to_owned()
        }
        _ => format!(
            "ELRs grow by a factor of {factor:.2} a layer, less than {EXPLODES}: gradients do not explode"
        ),
    };
    let is_settled = explodes
        || trend
            .largest_factor()
            .is_some_and(|largest| largest < EXPLODES);
    let doubt = if explodes && trend.direction() == Direction::Output {
        Some((
            Confidence::Low,
            "it was measured for gradients that grow towards the input",
        ))
    } else if !is_settled {
        Some((
            Confidence::Low,
            "layers differ too much for a growth of 1.1 a layer to be seen or ruled out",
        ))
    } else if network.optimizer.settings().decay != Decay::None {
        Some((Confidence::Medium, "it was measured without weight decay"))
    } else if trend.layers() < MANY {
        Some((Confidence::Medium, "these are few layers"))
    } else if network.step.is_none() {
        Some((
            Confidence::Medium,
            "it holds if these are norms at initialisation, which the file does not say",
        ))
    } else {
        None
    };
    Recommendation {
        control: if explodes {
            for_exploding()
        } else {
            for_steady()
        },
        reason,
        confidence: doubt.map_or(Confidence::High, |doubt| doubt.0),
        doubt: doubt.map(|doubt| doubt.1),
    }
}

/// Later on, growth over depth says nothing about initialisation.
fn later(network: &Network, decades: f64) -> Recommendation {
    let step = network.step.unwrap_or_default();
    let (control, reason) = match decades < FINE {
        true => (
            Controls::from(Critical::default()),
            format!(
                "at step {step} ELRs are close together, but the planned rate is above critical"
            ),
        ),
        false => (
            default_control(),
            format!(
                "at step {step} ELRs are {decades:.2} decades apart, and equal turns even them out from any state"
            ),
        ),
    };
    Recommendation {
        control,
        reason,
        confidence: Confidence::Low,
        doubt: Some(
            "norms of a later step say nothing about initialisation: log step 0 to know whether gradients explode",
        ),
    }
}

/// The length of a normalised update does not depend on the gradient, so neither explosions nor
/// critical rates of pairs matter: only how far layers turn.
fn by_updates(network: &Network, decades: f64) -> Recommendation {
    let angle = network.tangent.atan();
    let (control, reason) = match (decades < FINE, angle <= SMALL_ANGLE) {
        (true, true) => (
            Controls::default(),
            format!(
                "layers turn alike, by at most {angle:.3} radians a step: there is little to gain"
            ),
        ),
        (true, false) => (
            MaxAngle::growing(SMALL_ANGLE, 0.001, 0.05)
                .map_or_else(|_| Controls::default(), Controls::from),
            format!(
                "the planned rate turns a layer by {angle:.2} radians in one step, and above {SMALL_ANGLE} steps are no longer small"
            ),
        ),
        (false, _) => (
            for_steady(),
            format!(
                "updates turn layers at rates {decades:.2} decades apart, the fastest by {angle:.3} radians a step"
            ),
        ),
    };
    Recommendation {
        control,
        reason,
        confidence: Confidence::Low,
        doubt: Some(
            "the controls were compared under SGD, not under optimisers with normalised updates",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Elr;

    fn recommended(
        logs: impl IntoIterator<Item = f64>,
        optimizer: &str,
        step: Option<u64>,
    ) -> Recommendation {
        let elrs: Vec<Elr> = logs.into_iter().map(Elr::from_ln).collect();
        Recommendation::of(&Network {
            spread: Spread::of(&elrs),
            trend: Trend::of(&elrs),
            tangent: 0.5,
            optimizer: &optimizer.parse().unwrap(),
            step,
        })
    }

    fn exploding(layers: i32) -> impl Iterator<Item = f64> {
        (0..layers).map(|l| -0.2 * f64::from(l) + 0.05 * f64::from(l % 3))
    }

    #[test]
    fn gradients_that_explode_at_step_0_are_a_sure_case() {
        let found = recommended(exploding(30), "sgd", Some(0));
        assert_eq!(
            (found.control, found.confidence),
            (for_exploding(), Confidence::High)
        );
        assert!(found.reason.contains("towards the input"));
        assert_eq!(
            recommended(exploding(30), "sgd", None).confidence,
            Confidence::Medium
        );
        assert_eq!(
            recommended(exploding(30), "sgd:l2=1e-4", Some(0)).confidence,
            Confidence::Medium
        );
        assert_eq!(
            recommended(exploding(30).map(|x| -x), "sgd", Some(0)).confidence,
            Confidence::Low
        );
    }

    #[test]
    fn what_is_no_initialisation_and_no_trend_is_not_read_as_an_explosion() {
        let later = recommended(exploding(30), "sgd", Some(100));
        assert_eq!(
            (later.control, later.confidence),
            (default_control(), Confidence::Low)
        );
        let scattered = recommended([0.0, 3.0, -2.0, 4.0, 0.0, 3.0, -1.0], "sgd", Some(0));
        assert_eq!(
            (scattered.control, scattered.confidence),
            (for_steady(), Confidence::Low)
        );
        assert!(scattered.reason.contains("no clear trend"));
    }

    #[test]
    fn where_there_is_nothing_to_mend_nothing_is_recommended() {
        for optimizer in ["sgd", "momentum"] {
            let found = recommended([0.0, 0.1, 0.05, 0.0], optimizer, Some(0));
            assert_eq!(found.control, Controls::default());
        }
    }

    #[test]
    fn normalised_updates_are_judged_by_their_angles() {
        let found = recommended(exploding(30), "adamw", Some(0));
        assert_eq!(found.control, for_steady());
        assert!(found.reason.contains("turn") && !found.reason.contains("explode"));
        assert_eq!(
            recommended([0.0, 0.1, 0.0], "adam", Some(0))
                .control
                .to_string(),
            "max-angle:0.1:0.001:0.05"
        );
    }

    #[test]
    fn lines_to_paste_hold_the_control() {
        let found = recommended(exploding(30), "sgd", Some(0));
        for (_, line) in found.lines(LearningRate::new(0.1).unwrap()) {
            assert!(line.contains("band:0.5:1+max-angle:0.1"), "{line}");
        }
    }
}
