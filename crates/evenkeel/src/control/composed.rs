//! Several controls joined into one decision.

use std::any::Any;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::grammar::{ControlError, named, parse};
use super::{Control, Decision, NoControl, Stage, StepContext};
use crate::optimizer::{Measure, Optimizer};
use crate::quantity::{Elr, LearningRate, Momentum};
use crate::warmup::{self, Policy};

/// One control or several joined by `+`.
///
/// Built from values ([`Controls::from`], [`Controls::and`]) or from text ([`FromStr`]); written as
/// text by [`fmt::Display`] and serde. A control of your own can be written but not read.
#[derive(Debug, Clone)]
pub struct Controls {
    /// In the order in which they were joined.
    members: Vec<Arc<dyn Control>>,
}

impl<C: Control> From<C> for Controls {
    fn from(control: C) -> Self {
        Self {
            members: vec![Arc::new(control)],
        }
    }
}

impl Default for Controls {
    /// No control.
    fn default() -> Self {
        Self::from(NoControl)
    }
}

impl Controls {
    /// Joins these controls with others.
    ///
    /// # Errors
    /// [`ControlError::Combination`] for `none` with others, the same control twice, or two controls
    /// that set the rates of layers.
    pub fn and(mut self, others: impl Into<Self>) -> Result<Self, ControlError> {
        self.members.extend(others.into().members);
        self.checked()
    }

    fn checked(self) -> Result<Self, ControlError> {
        let refuse = |why| {
            Err(ControlError::Combination {
                given: self.to_string(),
                why,
            })
        };
        let is_none = |member: &Arc<dyn Control>| (member.as_ref() as &dyn Any).is::<NoControl>();
        if self.members.len() > 1 && self.members.iter().any(is_none) {
            return refuse("`none` stands alone");
        }
        // One type may be several controls, such as those that are written in Python.
        let kind = |member: &Arc<dyn Control>| {
            let text = member.to_string();
            let name = text.split(':').next().unwrap_or_default().to_owned();
            ((member.as_ref() as &dyn Any).type_id(), name)
        };
        let mut kinds: Vec<_> = self.members.iter().map(kind).collect();
        kinds.sort_unstable();
        if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
            return refuse("each control may appear once");
        }
        let sets_rates = |member: &&Arc<dyn Control>| member.stage() == Stage::Multipliers;
        if self.members.iter().filter(sets_rates).count() > 1 {
            return refuse("only one control may set the rates of layers");
        }
        Ok(self)
    }

    /// Decides about one step, from the ELRs in the weights as they stand and the rate that the
    /// schedule asks for.
    ///
    /// Without ELRs, as in a step in which every layer is dead, only controls of the rate decide.
    ///
    /// # Panics
    /// If the vectors of `context` are neither empty nor as long as `elrs`.
    pub fn decide(
        &self,
        context: &StepContext,
        elrs: impl Into<Vec<Elr>>,
        target: LearningRate,
    ) -> Decision {
        let mut decision = Decision::free(context.measure, elrs.into(), target);
        let fits = |length: usize| length == 0 || length == decision.elrs().len();
        assert!(
            fits(context.multipliers.len()) && fits(context.growths.len()),
            "one multiplier and one growth for each ELR, or none"
        );
        if !decision.elrs().is_empty() {
            for stage in [Stage::Weights, Stage::Multipliers] {
                self.run(stage, context, &mut decision);
            }
            // Rates are decided last, on the ELRs as they will act.
            decision.set_critical(self.policy().critical(decision.elrs()));
        }
        self.run(Stage::Rate, context, &mut decision);
        decision
    }

    fn run(&self, stage: Stage, context: &StepContext, decision: &mut Decision) {
        for member in self.members.iter().filter(|m| m.stage() == stage) {
            member.decide(context, decision);
        }
    }

    /// Whether it decides by ELRs, and so is of no use to a network without scale-invariant weights.
    pub fn needs_elrs(&self) -> bool {
        self.members.iter().any(|member| member.needs_elrs())
    }

    /// Whether it rescales weights (T22, T25).
    pub fn rescales(&self) -> bool {
        self.members.iter().any(|m| m.stage() == Stage::Weights)
    }

    /// Which ELRs to go by under an optimiser: its own, but those of the update where a control sets
    /// the lengths of steps under momentum.
    ///
    /// A momentum buffer remembers gradients of other lengths, so that steps held by the gradient of
    /// the moment have any length (T27). Controls that rescale weights go by the gradient there: the
    /// buffer is divided with it (T22).
    pub fn measure(&self, optimizer: &Optimizer) -> Measure {
        let has_momentum = optimizer.settings().momentum > Momentum::NONE;
        self.measure_under(optimizer.measure(), has_momentum)
    }

    /// As [`Controls::measure`], for an optimiser that goes by `own` ELRs and has momentum or not.
    pub fn measure_under(&self, own: Measure, has_momentum: bool) -> Measure {
        let sets_lengths = self.members.iter().any(|m| m.sets_step_lengths());
        match own {
            Measure::Gradient if has_momentum && sets_lengths && !self.rescales() => {
                Measure::Update
            }
            own => own,
        }
    }

    /// The policy by which critical rates are computed and reported.
    pub fn policy(&self) -> &'static Policy {
        let own = self.members.iter().find_map(|member| member.policy());
        own.unwrap_or(warmup::DEFAULT)
    }

    /// The text as a folder's name: `:` is written as `-`.
    pub fn folder_name(&self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl PartialEq for Controls {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, other): (&Arc<dyn Control>, &Arc<dyn Control>)| {
            let kind = |control: &dyn Control| (control as &dyn Any).type_id();
            kind(one.as_ref()) == kind(other.as_ref()) && one.to_string() == other.to_string()
        };
        self.members.len() == other.members.len()
            && self.members.iter().zip(&other.members).all(same)
    }
}

impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, member) in self.members.iter().enumerate() {
            let joint = if index == 0 { "" } else { "+" };
            write!(f, "{joint}{member}")?;
        }
        Ok(())
    }
}

impl FromStr for Controls {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, ControlError> {
        parse(text)
    }
}

impl Controls {
    /// The controls of `text`, parts of which were joined by `+`.
    pub(super) fn of_parts<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Self, ControlError> {
        let members = parts.map(named).collect::<Result<Vec<_>, _>>()?;
        Self { members }.checked()
    }
}

impl Serialize for Controls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Controls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
