//! Claims. One file a claim under `claim/`, one row in [`ALL`].

mod constrained;
mod convergence;
mod critical_lr;
mod explosion;
mod initial_turn;
mod norm_law;
mod optimisers;
mod random_walk;
mod ratio_prediction;
mod trainability;
mod transformers;
mod warm_up;

use evenkeel_runs::settings::RunSettings;

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::scale::Scale;
use crate::sheet::Sheet;

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Claim {
    /// The name on the command line.
    pub name: &'static str,
    /// A heading.
    pub title: &'static str,
    /// What is claimed, and by whom.
    pub statement: &'static str,
    /// What is measured, and when the claim holds: written before the runs.
    pub measure: &'static str,
    /// The runs it needs.
    pub runs: fn(Scale) -> Vec<RunSettings>,
    /// The numbers that are read off them.
    pub sheets: &'static [Sheet],
    /// What they say, if there are any.
    judge: fn(&Evidence) -> Finding,
}

impl Claim {
    /// What the numbers say.
    pub fn judge(&self, evidence: &Evidence) -> Finding {
        match evidence.is_empty() {
            true => Finding::undecided(),
            false => (self.judge)(evidence),
        }
    }
}

/// Every claim.
pub const ALL: &[Claim] = &[
    norm_law::CLAIM,
    explosion::CLAIM,
    ratio_prediction::CLAIM,
    convergence::CLAIM,
    critical_lr::CLAIM,
    warm_up::CLAIM,
    trainability::CLAIM,
    constrained::CLAIM,
    initial_turn::CLAIM,
    optimisers::CLAIM,
    random_walk::CLAIM,
    transformers::CLAIM,
];

/// The claim of this name.
pub fn find(name: &str) -> Option<&'static Claim> {
    ALL.iter().find(|claim| claim.name == name)
}
