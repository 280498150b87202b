//! The critical warm-up: `λ_t = min(critical(E_t), target_t)` (T11–T14).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grammar::{Entry, shared};
use super::{Control, Decision, Stage, StepContext};
use crate::warmup::{self, Policy};

pub(super) const ENTRY: Entry = Entry {
    name: "critical",
    grammar: "critical[:POLICY]",
    summary: "warm-up from measured ELRs: the smaller of critical and target rate",
    build: |argument| {
        let Some(name) = argument else {
            return Ok(shared(Critical::default()));
        };
        let policy = Policy::find(name).ok_or_else(|| {
            let all: Vec<&str> = warmup::ALL.iter().map(|policy| policy.name).collect();
            format!("permitted policies: {}", all.join(", "))
        })?;
        Ok(shared(Critical::by(policy)))
    },
};

/// Caps the rate at the critical rate of the ELRs as they act.
///
/// By default that is `no-overshoot`: no layer turns by more than 45° in a step (T11).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Critical {
    policy: Option<&'static Policy>,
}

impl Critical {
    /// By this policy.
    pub fn by(policy: &'static Policy) -> Self {
        Self {
            policy: Some(policy),
        }
    }
}

impl fmt::Display for Critical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.policy {
            None => f.write_str("critical"),
            Some(policy) => write!(f, "critical:{}", policy.name),
        }
    }
}

impl Control for Critical {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, _context: &StepContext, decision: &mut Decision) {
        // Computed by this control's own policy: see `Controls::policy`.
        if let Some(critical) = decision.critical() {
            decision.cap(critical);
        }
    }

    fn policy(&self) -> Option<&'static Policy> {
        Some(self.policy.unwrap_or(warmup::DEFAULT))
    }
}
