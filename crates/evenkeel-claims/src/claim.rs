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

use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use crate::evidence::Evidence;
use crate::finding::Finding;

/// How much is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Embedded digits and no more runs than verdicts need: under a quarter of an hour on two cores.
    Quick,
    /// Networks for images learn CIFAR-10 at reduced size, and grids are wider: for hours on a CPU.
    Standard,
    /// The paper's networks at their size and more seeds, for a GPU.
    Full,
}

/// Every scale with its name.
pub const SCALES: &[(&str, Scale)] = &[
    ("quick", Scale::Quick),
    ("standard", Scale::Standard),
    ("full", Scale::Full),
];

impl Scale {
    /// One thing at the quick scale, and another where there is time.
    pub(crate) fn pick<T>(self, quick: T, otherwise: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Standard | Self::Full => otherwise,
        }
    }

    /// How many seeds: so many, and at full scale more.
    pub(crate) fn seeds(self, few: u64, many: u64) -> u64 {
        match self {
            Self::Quick | Self::Standard => few,
            Self::Full => many,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let row = SCALES.iter().find(|(_, scale)| *scale == self);
        row.map_or("quick", |(name, _)| name)
    }
}

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

/// Numbers that are read off each run, as a table.
#[derive(Debug)]
pub struct Sheet {
    /// The name of its file.
    pub name: &'static str,
    /// Settings of the run that each row begins with, by their names in `run.toml`.
    pub settings: &'static [&'static str],
    /// The columns after them.
    pub columns: &'static [&'static str],
    /// The rows of a run, without its settings.
    pub rows: fn(&Run) -> Vec<Vec<Value>>,
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
