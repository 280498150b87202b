//! The controller: the one state machine that steers a network, whatever framework trains it.
//!
//! At each step a host measures the norms of its layers and calls [`Controller::step`]. The
//! controller decides ([`crate::control`]) and remembers; the host acts on the [`Plan`]. Hosts are the
//! roll-out of forecasts, and the adapters for Burn, PyTorch and optax. None of them decides anything.
//!
//! ```
//! use evenkeel::control::Hold;
//! use evenkeel::controller::{Controller, Layers, Reading};
//! use evenkeel::optimizer::Measure;
//! use evenkeel::quantity::LearningRate;
//!
//! let layers = Layers::whole(["first.weight", "second.weight"])?;
//! let mut controller = Controller::new(Hold::default(), Measure::Gradient);
//! // ‖W‖ and ‖∇W‖ of each layer.
//! let readings = [Reading::of_norms(2.0, 8.0), Reading::of_norms(2.0, 2.0)];
//! let plan = controller.step(&layers, &readings, LearningRate::new(0.1)?);
//! let multipliers: Vec<f64> = plan.multipliers.iter().map(|m| m.get()).collect();
//! assert!((multipliers[0] - 0.5).abs() < 1e-12 && (multipliers[1] - 2.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod layers;
mod plan;
mod reading;
mod state;

use std::sync::Arc;

use crate::control::{Controls, Decision, StepContext};
use crate::equalise;
use crate::optimizer::Measure;
use crate::quantity::{Elr, Growth, LearningRate, LrMultiplier, RescaleFactor, all_are};

pub use layers::{Layer, Layers, LayersError};
pub use plan::Plan;
pub use reading::Reading;
pub use state::{ControllerState, StateError};

/// Steps in a row in which nothing is changed, after which a control counts as finished.
pub const IDLE_STEPS: u32 = 10;

/// Decides at each step and remembers what the next decision needs.
///
/// A clone goes on from the same state by itself.
#[derive(Debug, Clone)]
pub struct Controller {
    controls: Controls,
    measure: Measure,
    state: ControllerState,
    /// The layers of the last step, as they were given.
    current: Option<Layers>,
}

impl Controller {
    /// A controller before its first step. `measure` says which ELRs it is given:
    /// [`Controls::measure`] knows which an optimiser and a control go by.
    pub fn new(controls: impl Into<Controls>, measure: Measure) -> Self {
        Self {
            controls: controls.into(),
            measure,
            state: ControllerState::default(),
            current: None,
        }
    }

    /// The same controller in the state that another was in.
    #[must_use]
    pub fn resumed(mut self, state: ControllerState) -> Self {
        self.state = state;
        self.current = None;
        self
    }

    /// What it remembers.
    pub fn state(&self) -> &ControllerState {
        &self.state
    }

    /// Its controls.
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Which ELRs it is given.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// Whether the controls have changed nothing in the last [`IDLE_STEPS`] steps.
    pub fn is_finished(&self) -> bool {
        self.state.idle_steps >= IDLE_STEPS
    }

    /// Whether to measure the next step: always until it is finished, then every `every` steps, and
    /// when the schedule asks for a higher rate than any that was left alone.
    pub fn wakes(&self, target: LearningRate, every: u64) -> bool {
        !self.is_finished()
            || target.get() > self.state.idle_target
            || self.state.steps.is_multiple_of(every.max(1))
    }

    /// Counts a step that was taken at the schedule's rate without being measured.
    pub fn pass_over(&mut self) {
        self.state.steps += 1;
    }

    /// Decides about one step and remembers it.
    ///
    /// `layers` may come and go: what is remembered of a layer waits for its return. A part without an
    /// ELR is dead in this step: it takes no part in the decision and keeps its multiplier. `target` is
    /// the rate that the schedule asks for.
    ///
    /// # Panics
    /// If there is not one reading for each part of the layers.
    pub fn step(&mut self, layers: &Layers, readings: &[Reading], target: LearningRate) -> Plan {
        assert_eq!(
            readings.len(),
            layers.parts(),
            "one reading for each part of the layers"
        );
        self.turn_to(layers);
        let raw: Arc<[Option<Elr>]> = readings.iter().map(|r| r.elr_at(target)).collect();
        let context = self.context(&raw, readings);
        let mut alive = Vec::with_capacity(raw.len());
        alive.extend(raw.iter().flatten());
        let decision = self.controls.decide(&context, alive, target);
        let plan = self.plan(raw, readings, &decision);
        self.remember(readings, &plan, &decision);
        plan
    }

    /// Brings what is remembered into the order of these layers.
    fn turn_to(&mut self, layers: &Layers) {
        if !self.current.as_ref().is_some_and(|now| now.same(layers)) {
            self.state.arrange(layers);
            self.current = Some(layers.clone());
        }
    }

    fn context(&self, raw: &[Option<Elr>], readings: &[Reading]) -> StepContext {
        let state = &self.state;
        let growths = state.initial_norms.iter().zip(readings);
        StepContext {
            step: state.steps,
            measure: self.measure,
            multipliers: of_alive(raw, state.multipliers.iter().copied()),
            growths: of_alive(raw, growths.map(|(start, now)| now.growth_since(*start))),
            path: state.path,
        }
    }

    fn plan(&self, raw: Arc<[Option<Elr>]>, readings: &[Reading], decision: &Decision) -> Plan {
        let parts = raw.len();
        let before = match self.state.multipliers.get(..parts) {
            Some(known) => known.into(),
            None => repeated(LrMultiplier::ONE, parts),
        };
        let multipliers: Arc<[LrMultiplier]> = match decision.multipliers() {
            None => before.clone(),
            Some(decided) => spread_out(&raw, decided, |index| before[index], |m| m),
        };
        let acting = match decision.leaves_elrs() {
            true => raw.clone(),
            false => spread_out(&raw, decision.elrs(), |_| None, Some),
        };
        let factors = match decision.rescale_factors() {
            None => repeated(RescaleFactor::ONE, parts),
            Some(decided) => spread_out(&raw, decided, |_| RescaleFactor::ONE, |factor| factor),
        };
        Plan {
            measure: self.measure,
            target: decision.target(),
            lr: decision.lr(),
            critical: decision.critical(),
            before_hold: before_hold(&raw, &before),
            fractions: plan::fractions(readings, &multipliers, decision),
            rescales: decision.rescale_factors().is_some(),
            multiplies: decision.multipliers().is_some(),
            mean_angle: decision.mean_angle(),
            raw,
            acting,
            multipliers,
            factors,
        }
    }

    fn remember(&mut self, readings: &[Reading], plan: &Plan, decision: &Decision) {
        let state = &mut self.state;
        let known = state.multipliers.len().min(plan.multipliers.len());
        state.multipliers[..known].copy_from_slice(&plan.multipliers[..known]);
        state.multipliers.extend(&plan.multipliers[known..]);
        state.begin(readings, &plan.factors);
        state.path += plan.mean_angle;
        if !plan.is_capped() {
            state.warmup_steps.get_or_insert(state.steps);
        }
        if !decision.elrs().is_empty() {
            let idle = !plan.is_capped() && decision.leaves_elrs();
            state.idle_steps = if idle {
                state.idle_steps.saturating_add(1)
            } else {
                0
            };
            state.idle_target = match idle {
                true => state.idle_target.max(plan.target.get()),
                false => 0.0,
            };
        }
        state.steps += 1;
    }
}

/// The ELRs under the multipliers of the step before: how far one step and a fresh batch have undone
/// the equality that a control had made.
fn before_hold(raw: &Arc<[Option<Elr>]>, before: &[LrMultiplier]) -> Arc<[Option<Elr>]> {
    if all_are(before, &LrMultiplier::ONE) {
        return raw.clone();
    }
    let acting = |(elr, multiplier): (&Option<Elr>, &LrMultiplier)| {
        elr.map(|elr| equalise::acting(elr, *multiplier))
    };
    raw.iter().zip(before).map(acting).collect()
}

/// Those of the values whose part is alive.
fn of_alive<T>(raw: &[Option<Elr>], values: impl Iterator<Item = T>) -> Vec<T> {
    let values = raw.iter().zip(values);
    values
        .filter_map(|(elr, value)| elr.map(|_| value))
        .collect()
}

/// Puts the values decided for the parts that are alive back into the order of all parts.
fn spread_out<T: Copy, U>(
    raw: &[Option<Elr>],
    decided: &[T],
    dead: impl Fn(usize) -> U,
    alive: impl Fn(T) -> U,
) -> Arc<[U]> {
    let mut decided = decided.iter();
    let value = |(index, elr): (usize, &Option<Elr>)| match elr.and_then(|_| decided.next()) {
        Some(value) => alive(*value),
        None => dead(index),
    };
    raw.iter().enumerate().map(value).collect()
}

fn repeated<T: Copy>(value: T, count: usize) -> Arc<[T]> {
    std::iter::repeat_n(value, count).collect()
}

impl Reading {
    /// By which factor the norm has grown since it was `start`; 1 without both norms.
    fn growth_since(&self, start: f64) -> Growth {
        match start > 0.0 && self.weight_norm > 0.0 {
            true => Growth::of_norms(start, self.weight_norm),
            false => Growth::ONE,
        }
    }
}

#[cfg(test)]
mod tests;
