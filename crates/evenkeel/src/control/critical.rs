//! The critical warm-up: `λ_t = min(critical(E_t), target_t)` (T11–T14).

use super::{Control, Entry, Moment, Plan, Stage};
use crate::warmup::{self, Policy};

pub(super) const ENTRY: Entry = Entry {
    name: "critical",
    grammar: "critical[:POLICY]",
    summary: "warm-up from measured ELRs: the smaller of critical and target rate",
    build: |argument| {
        let policy = match argument {
            None => Some(warmup::DEFAULT),
            Some(name) => Policy::find(name),
        };
        let names = || {
            let all: Vec<&str> = warmup::ALL.iter().map(|policy| policy.name).collect();
            format!("permitted policies: {}", all.join(", "))
        };
        Ok(Box::new(Critical {
            policy: policy.ok_or_else(names)?,
        }))
    },
};

#[derive(Debug)]
struct Critical {
    policy: &'static Policy,
}

impl Control for Critical {
    fn stage(&self) -> Stage {
        Stage::Rate
    }

    fn decide(&self, _moment: &Moment, plan: &mut Plan) {
        // By this control's own policy: see `Controls::policy`.
        if let Some(critical) = plan.critical {
            plan.cap(critical);
        }
    }

    fn policy(&self) -> Option<&'static Policy> {
        Some(self.policy)
    }
}
