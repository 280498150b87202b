//! Controls of effective learning rates, as pure decisions.
//!
//! A control looks at the ELRs of one step and decides: at which rate to step, by which factors to
//! rescale weights first, which multipliers to put on the rates of layers. It does not act. A host
//! (a training loop, or a predicted one in [`crate::forecast`]) measures ELRs, hands them to a
//! [`Controller`](crate::controller::Controller) and carries out its plan.
//!
//! A control is one file under `control/` and one row in [`ALL`]. Your own is a type that implements
//! [`Control`]; [`Controls`] joins several:
//!
//! ```
//! use evenkeel::control::{Controls, Critical, Hold};
//!
//! let controls = Controls::from(Critical::default()).and(Hold::default())?;
//! assert_eq!(controls, "critical+hold".parse()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod band;
mod composed;
mod critical;
mod decision;
mod grammar;
mod hold;
mod lars;
mod linear;
mod max_angle;
mod none;
mod rescale;
mod sphere;

use std::any::Any;
use std::fmt;

use crate::warmup::Policy;

pub use band::Band;
pub use composed::Controls;
pub use critical::Critical;
pub use decision::{Decision, StepContext};
pub use grammar::{ControlError, Entry, named};
pub use hold::Hold;
pub use lars::Lars;
pub use linear::Linear;
pub use max_angle::MaxAngle;
pub use none::NoControl;
pub use rescale::Rescale;
pub use sphere::Sphere;

/// Every control, in the order of help texts.
pub const ALL: &[Entry] = &[
    none::ENTRY,
    linear::ENTRY,
    critical::ENTRY,
    rescale::ENTRY,
    hold::ENTRY,
    band::ENTRY,
    max_angle::ENTRY,
    sphere::ENTRY,
    lars::ENTRY,
];

/// The order in which composed controls decide: each sees the ELRs that the earlier ones leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Rescales weights.
    Weights,
    /// Multiplies the rates of layers.
    Multipliers,
    /// Caps the global rate.
    Rate,
}

/// One control: a stateless decision. All that it may remember is in the [`StepContext`].
///
/// Its [`Display`](fmt::Display) text must contain all of its settings: two controls are equal when
/// they have the same type and the same text.
///
/// ```
/// use std::fmt;
/// use evenkeel::control::{Control, Controls, Decision, Stage, StepContext};
/// use evenkeel::quantity::LearningRate;
///
/// /// Halves the rate every `steps` steps.
/// #[derive(Debug)]
/// struct Halving { steps: u64 }
///
/// impl fmt::Display for Halving {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "halving:{}", self.steps)
///     }
/// }
///
/// impl Control for Halving {
///     fn stage(&self) -> Stage {
///         Stage::Rate
///     }
///
///     fn decide(&self, context: &StepContext, decision: &mut Decision) {
///         let halvings = (context.step / self.steps) as i32;
///         let rate = decision.target().get() * 0.5f64.powi(halvings);
///         decision.cap(LearningRate::new(rate).expect("a fraction of a valid rate is valid"));
///     }
/// }
///
/// let controls = Controls::from(Halving { steps: 100 }).and(evenkeel::control::Hold::default())?;
/// assert_eq!(controls.to_string(), "halving:100+hold");
/// # Ok::<(), evenkeel::control::ControlError>(())
/// ```
pub trait Control: Any + fmt::Debug + fmt::Display + Send + Sync {
    /// When it decides, relative to others.
    fn stage(&self) -> Stage;

    /// Decides about one step: calls [`Decision::rescale`], [`Decision::multiply`] or
    /// [`Decision::cap`], whichever belongs to its stage.
    ///
    /// Controls of the stages [`Stage::Weights`] and [`Stage::Multipliers`] are asked only in steps
    /// with at least one ELR.
    fn decide(&self, context: &StepContext, decision: &mut Decision);

    /// Whether it sets the lengths of steps. Under momentum it then goes by the ELRs of updates (T27).
    fn sets_step_lengths(&self) -> bool {
        false
    }

    /// Whether it decides by ELRs, and so is of no use to a network without scale-invariant weights.
    fn needs_elrs(&self) -> bool {
        self.stage() != Stage::Rate || self.policy().is_some()
    }

    /// The policy by which it computes critical rates, if it has one.
    fn policy(&self) -> Option<&'static Policy> {
        None
    }
}
