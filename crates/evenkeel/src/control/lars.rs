//! Fixed relative steps, `λ_l = λ·η/E_l`, as in LARS (You et al. 2017, without its weight decay): a
//! peer to compare with.
//!
//! Every layer turns by `λη` at every step, so ELRs are equal as under `hold`. Their mean is fixed
//! too: norms grow and nothing comes of it, while under `hold` the mean falls as they grow (T4),
//! which anneals.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, shared};
use super::{Control, Decision, Stage, StepContext};
use crate::quantity::{Elr, LrMultiplier};

pub(super) const ENTRY: Entry = Entry {
    name: "lars",
    grammar: "lars:ETA",
    summary: "fixed relative steps LR * ETA of every layer, as in LARS; to compare with",
    build: |argument| {
        let eta = argument.and_then(|eta| Elr::new(eta.parse().ok()?).ok());
        let control = eta.map(|eta| shared(Lars { eta }));
        control.ok_or_else(|| "write lars:ETA with a number above 0, such as lars:0.1".to_owned())
    },
};

/// Gives every layer the same fixed ELR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lars {
    /// The ELR that every layer is given.
    pub eta: Elr,
}

impl fmt::Display for Lars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lars:{}", self.eta)
    }
}

impl Control for Lars {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn decide(&self, _context: &StepContext, decision: &mut Decision) {
        let multiplier = |elr: &Elr| LrMultiplier::from_ln(self.eta.ln() - elr.ln());
        decision.multiply(decision.elrs().iter().map(multiplier).collect());
    }
}
