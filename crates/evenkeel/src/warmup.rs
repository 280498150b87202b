//! Warm-up without hyper-parameters: the critical learning rate of a whole network (T11–T14).
//!
//! Every policy turns the ELRs of the moment into one rate. The warm-up is
//! `λ_t = min(critical(E_t), target_t)` around any schedule for the target: it starts by itself
//! while ELRs are far apart and is over by itself when the critical rate has risen to the target.
//! A policy is one file under `warmup/` and one row in [`ALL`].

mod min_spread;
mod minimax;
mod no_overshoot;
mod top_pair;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::quantity::{Elr, LearningRate};
use crate::quote::quote;

/// A row of [`ALL`]: a policy for the critical learning rate of a network.
#[derive(Debug)]
pub struct Policy {
    /// The name on the command line and in run folders.
    pub name: &'static str,
    /// One line for help texts, with the equation.
    pub summary: &'static str,
    /// The logarithm of the rate, none without layers.
    critical: fn(&[Elr]) -> Option<f64>,
}

/// Every policy, the default first.
pub const ALL: &[Policy] = &[
    no_overshoot::POLICY,
    top_pair::POLICY,
    minimax::POLICY,
    min_spread::POLICY,
];

/// The default policy: `no-overshoot` (T11), under which no layer turns by more than 45°.
pub const DEFAULT: &Policy = &ALL[0];

impl Policy {
    /// The policy called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|policy| policy.name == name)
    }

    /// The critical learning rate of the network, `None` without layers.
    pub fn critical(&self, elrs: &[Elr]) -> Option<LearningRate> {
        (self.critical)(elrs).map(LearningRate::from_ln)
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for &'static Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Policy::find(&name).ok_or_else(|| {
            let all: Vec<&str> = ALL.iter().map(|policy| policy.name).collect();
            let given = quote(&name);
            de::Error::custom(format!(
                "unknown policy {given}; permitted: {}",
                all.join(", ")
            ))
        })
    }
}
