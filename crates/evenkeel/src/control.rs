//! Controls of effective learning rates, as pure decisions.
//!
//! A control looks at the ELRs of a step and decides: which rate to use, by which factors to
//! rescale weights first, which multipliers to put on the layers' rates. It does not act; what acts
//! (on a real network, or on a predicted one in [`crate::forecast`]) carries out its [`Plan`].
//! A control is one file under `control/` and one row in [`ALL`].

mod critical;
mod hold;
mod lars;
mod linear;
mod none;
mod rescale;
mod sphere;
mod turn;
mod within;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::equalise;
use crate::optimizer::{Measure, Optimizer};
use crate::quantity::{Elr, Growth, LearningRate, LrMultiplier, Momentum, RescaleFactor};
use crate::quote::quote;
use crate::turning::mean_angle;
use crate::warmup::{self, Policy};

/// What to do at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which ELRs these are: it decides how they change when weights are rescaled.
    pub measure: Measure,
    /// The rate that the schedule asks for.
    pub target: LearningRate,
    /// The rate to use: at most the target.
    pub lr: LearningRate,
    /// The critical rate by the control's policy, at the ELRs as they act.
    pub critical: Option<LearningRate>,
    /// Multiply each weight by its factor before the step, and its gradient by the inverse (T22).
    pub rescale: Option<Vec<RescaleFactor>>,
    /// Multiply the rate by each layer's multiplier (T23).
    pub multipliers: Option<Vec<LrMultiplier>>,
    /// The ELRs as they act in this step: after rescaling, with multipliers.
    pub elrs: Vec<Elr>,
}

impl Plan {
    /// The plan that leaves everything as it is.
    fn free(measure: Measure, elrs: Vec<Elr>, target: LearningRate) -> Self {
        Self {
            measure,
            target,
            lr: target,
            critical: None,
            rescale: None,
            multipliers: None,
            elrs,
        }
    }

    /// Whether the warm-up still holds the rate below its target.
    pub fn is_capped(&self) -> bool {
        self.lr < self.target
    }

    /// Whether ELRs act as they are: nothing is rescaled, and no layer has a rate of its own.
    pub fn leaves_elrs(&self) -> bool {
        self.rescale.is_none() && self.multipliers.is_none()
    }

    /// The share of the target rate that is used; 1 when there is none to share.
    pub fn share(&self) -> f64 {
        match self.target.get() {
            target if target > 0.0 => self.lr.get() / target,
            _ => 1.0,
        }
    }

    /// The angle by which the step turns the layers that it is about, in radians ([`mean_angle`]).
    pub fn mean_turn(&self) -> f64 {
        mean_angle(self.elrs.iter().map(|elr| self.lr.get() * elr.get()))
    }

    fn rescale_by(&mut self, factors: Vec<RescaleFactor>) {
        for (elr, factor) in self.elrs.iter_mut().zip(&factors) {
            *elr = equalise::rescaled_for(self.measure, *elr, *factor);
        }
        self.rescale = Some(match self.rescale.take() {
            Some(before) => before
                .into_iter()
                .zip(factors)
                .map(|(one, other)| one.then(other))
                .collect(),
            None => factors,
        });
    }

    fn multiply_by(&mut self, multipliers: Vec<LrMultiplier>) {
        for (elr, multiplier) in self.elrs.iter_mut().zip(&multipliers) {
            *elr = equalise::acting(*elr, *multiplier);
        }
        self.multipliers = Some(multipliers);
    }

    fn cap(&mut self, limit: LearningRate) {
        self.lr = self.lr.min(limit);
    }
}

/// The order in which composed controls decide: each sees the ELRs that the earlier ones leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Changes weights.
    Weights,
    /// Changes per-layer rates.
    Multipliers,
    /// Caps the global rate.
    Rate,
}

/// When a decision is made, and what went before it: all that controls remember.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment<'a> {
    /// The step, counted from 0.
    pub step: usize,
    /// Which ELRs are given: those of the optimiser in use.
    pub measure: Measure,
    /// The multipliers of the step before, one for each ELR; empty when there are none.
    pub multipliers: &'a [LrMultiplier],
    /// By how much each weight's norm has grown since the first step, as it was when that was taken;
    /// empty before.
    pub growths: &'a [Growth],
    /// The angle that weights have turned so far, summed over steps, mean over layers; in radians (T24's `P`).
    pub path: f64,
}

/// One control's decision. Members are stateless: the moment is all they know.
trait Control: fmt::Debug + Send + Sync {
    fn stage(&self) -> Stage;
    fn decide(&self, moment: &Moment, plan: &mut Plan);
    /// Whether it sets the lengths of steps, so that it has to know them.
    fn sets_steps(&self) -> bool {
        false
    }
    /// Whether it decides by ELRs.
    fn needs_elrs(&self) -> bool {
        self.stage() != Stage::Rate || self.policy().is_some()
    }
    /// Whether it goes by what the moment remembers.
    fn remembers(&self) -> bool {
        false
    }
    /// The policy by which this control computes critical rates, if it has one.
    fn policy(&self) -> Option<&'static Policy> {
        None
    }
}

/// A row of [`ALL`]: how a control is written and what it does.
#[derive(Debug)]
pub struct Entry {
    /// The name on the command line.
    pub name: &'static str,
    /// How it is written, with its argument.
    pub grammar: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Builds the member from its argument; `Err` says what would be permitted.
    build: fn(Option<&str>) -> Built,
}

/// The numbers of an argument such as `0.5:1`, if all of them are permitted.
fn numbers(argument: &str, permitted: impl Fn(f64) -> bool) -> Option<Vec<f64>> {
    let number = |text: &str| text.parse().ok().filter(|x| permitted(*x));
    argument.split(':').map(number).collect()
}

/// A member, or what would be permitted as its argument.
type Built = Result<Box<dyn Control>, String>;

/// Every control.
pub const ALL: &[Entry] = &[
    none::ENTRY,
    linear::ENTRY,
    critical::ENTRY,
    rescale::ENTRY,
    hold::ENTRY,
    lars::ENTRY,
    sphere::ENTRY,
    turn::ENTRY,
    within::ENTRY,
];

/// A control that could not be read.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ControlError {
    /// No such control.
    #[error(
        "unknown control {}; permitted: {}, and combinations such as critical+hold",
        quote(given),
        grammars()
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// A known control with an argument it cannot use.
    #[error("control {}: {permitted}", quote(given))]
    Argument {
        /// What was given.
        given: String,
        /// What would be permitted.
        permitted: String,
    },
    /// A combination that makes no sense.
    #[error("controls {} cannot be combined: {why}", quote(given))]
    Combination {
        /// What was given.
        given: String,
        /// Why not.
        why: &'static str,
    },
}

fn grammars() -> String {
    let all: Vec<&str> = ALL.iter().map(|entry| entry.grammar).collect();
    all.join(", ")
}

/// One control or several joined by `+`, read from text with [`FromStr`] and written back with
/// [`fmt::Display`].
#[derive(Debug)]
pub struct Controls {
    name: String,
    members: Vec<Box<dyn Control>>,
}

impl Controls {
    /// Decides what to do at `step` (counted from 0), given the ELRs in the weights as they stand
    /// and the rate that the schedule asks for.
    ///
    /// Without ELRs, as in a step in which every layer is dead, only what goes by the step number
    /// still decides: a linear warm-up.
    pub fn decide(&self, step: usize, elrs: &[Elr], target: LearningRate) -> Plan {
        self.decide_for(Measure::Gradient, step, elrs, target)
    }

    /// Decides as [`Controls::decide`] does, on ELRs of the given measure: that of the optimiser in
    /// use.
    pub fn decide_for(
        &self,
        measure: Measure,
        step: usize,
        elrs: &[Elr],
        target: LearningRate,
    ) -> Plan {
        let moment = Moment {
            step,
            measure,
            multipliers: &[],
            growths: &[],
            path: 0.0,
        };
        self.decide_at(&moment, elrs, target)
    }

    /// Decides as [`Controls::decide`] does, knowing what went before: the multipliers that a gentle
    /// control starts from, and the growth that a sphere undoes.
    pub fn decide_at(
        &self,
        moment: &Moment,
        elrs: impl Into<Vec<Elr>>,
        target: LearningRate,
    ) -> Plan {
        let mut plan = Plan::free(moment.measure, elrs.into(), target);
        let (rates, others): (Vec<_>, Vec<_>) = self
            .members
            .iter()
            .partition(|member| member.stage() == Stage::Rate);
        if !plan.elrs.is_empty() {
            for member in others {
                member.decide(moment, &mut plan);
            }
            // Rates are decided last, on the ELRs as they will act.
            plan.critical = self.policy().critical(&plan.elrs);
        }
        for member in rates {
            member.decide(moment, &mut plan);
        }
        plan
    }

    /// Whether it decides by ELRs, and so is of no use to a network without scale-invariant weights.
    pub fn needs_elrs(&self) -> bool {
        self.members.iter().any(|member| member.needs_elrs())
    }

    /// Which ELRs to go by under an optimiser: its own, but those of the update where ELRs are held under
    /// momentum.
    ///
    /// A buffer remembers gradients of other lengths, so that steps held by the gradient of the moment are
    /// of any length (T27). Controls that rescale weights go by the gradient there: the
    /// buffer is divided with it (T22), and the update of the moment does not tell.
    pub fn measure(&self, optimizer: &Optimizer) -> Measure {
        let remembers = optimizer.settings().momentum > Momentum::NONE;
        let holds = self.members.iter().any(|member| member.sets_steps());
        match optimizer.measure() {
            Measure::Gradient if remembers && holds && !self.rescales() => Measure::Update,
            own => own,
        }
    }

    /// Whether it rescales weights (T22, T25).
    pub fn rescales(&self) -> bool {
        self.members.iter().any(|m| m.stage() == Stage::Weights)
    }

    /// Whether it goes by multipliers of the step before, by growths or by the path: a [`Moment`] for it has to
    /// have them.
    pub fn remembers(&self) -> bool {
        self.members.iter().any(|member| member.remembers())
    }

    /// The policy by which critical rates are computed and reported.
    pub fn policy(&self) -> &'static Policy {
        self.members
            .iter()
            .find_map(|member| member.policy())
            .unwrap_or(warmup::DEFAULT)
    }

    /// The name as a folder: `:` written as `-`.
    pub fn folder_name(&self) -> String {
        self.name.replace(':', "-")
    }
}

impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Clone for Controls {
    /// Members hold nothing but their arguments, and the name holds those.
    fn clone(&self) -> Self {
        let members = self.name.split('+').filter_map(|part| build(part).ok());
        Self {
            name: self.name.clone(),
            members: in_order(members.collect()),
        }
    }
}

impl FromStr for Controls {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, ControlError> {
        let parts: Vec<&str> = text.split('+').map(str::trim).collect();
        let mut kinds: Vec<&str> = parts.iter().map(|part| split(part).0).collect();
        let refuse = |why| ControlError::Combination {
            given: text.to_owned(),
            why,
        };
        let members = parts
            .iter()
            .map(|part| build(part))
            .collect::<Result<Vec<_>, _>>()?;
        if parts.len() > 1 && kinds.contains(&none::ENTRY.name) {
            return Err(refuse("`none` stands alone"));
        }
        kinds.sort_unstable();
        if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(refuse("each control may appear once"));
        }
        let setters = members.iter().filter(|m| m.stage() == Stage::Multipliers);
        if setters.count() > 1 {
            return Err(refuse("only one control may set the rates of layers"));
        }
        Ok(Self {
            name: parts.join("+"),
            members: in_order(members),
        })
    }
}

fn in_order(mut members: Vec<Box<dyn Control>>) -> Vec<Box<dyn Control>> {
    members.sort_by_key(|member| member.stage());
    members
}

fn split(part: &str) -> (&str, Option<&str>) {
    match part.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (part, None),
    }
}

fn build(part: &str) -> Result<Box<dyn Control>, ControlError> {
    let (name, argument) = split(part);
    let entry =
        ALL.iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| ControlError::Unknown {
                given: part.to_owned(),
            })?;
    (entry.build)(argument).map_err(|permitted| ControlError::Argument {
        given: part.to_owned(),
        permitted,
    })
}

/// For members without an argument.
fn no_argument(argument: Option<&str>) -> Result<(), String> {
    match argument {
        None => Ok(()),
        Some(_) => Err("it takes no argument".to_owned()),
    }
}
