//! Fixed relative steps, `λ_l = λ·η/E_l`, as in LARS (You et al. 2017, without its weight decay): a
//! peer to compare with.
//!
//! Every layer turns by `λη` at every step, so ELRs are equal as under `hold`. What differs is that
//! their mean is fixed, too: norms grow and nothing comes of it, while under `hold` the mean falls as
//! they grow (T4), which anneals.

use super::{Control, Entry, Moment, Plan, Stage};
use crate::quantity::{Elr, LrMultiplier};

pub(super) const ENTRY: Entry = Entry {
    name: "lars",
    grammar: "lars:ETA",
    summary: "fixed relative steps LR * ETA of every layer, as in LARS; to compare with",
    build: |argument| match argument.and_then(|eta| Elr::new(eta.parse().ok()?).ok()) {
        Some(eta) => Ok(Box::new(Lars { eta })),
        None => Err("write lars:ETA with a number above 0, such as lars:0.1".into()),
    },
};

#[derive(Debug)]
struct Lars {
    /// The ELR that every layer is given.
    eta: Elr,
}

impl Control for Lars {
    fn stage(&self) -> Stage {
        Stage::Multipliers
    }

    fn decide(&self, _moment: &Moment, plan: &mut Plan) {
        let multiplier = |elr: &Elr| LrMultiplier::from_ln(self.eta.ln() - elr.ln());
        plan.multiply_by(plan.elrs.iter().map(multiplier).collect());
    }
}
