//! Rolls a whole network's ELRs out under an optimiser with a schedule and a control (T5, T15–T20).

use std::fmt;

use crate::control::Controls;
use crate::optimizer::{Decay, Optimizer};
use crate::quantity::{Elr, GradientScale, LearningRate, Turn};
use crate::rollout::Rollout;
use crate::spread::Spread;

/// What to forecast: a network, how it is trained, and at which rates.
///
/// Without more said: plain SGD, no control, steady base gradients.
///
/// ```
/// use evenkeel::control::Critical;
/// use evenkeel::forecast::Forecaster;
/// use evenkeel::quantity::{Elr, LearningRate};
///
/// let elrs = [0.002, 0.03, 0.4, 5.0, 60.0].map(|e| Elr::new(e).expect("positive"));
/// let lr = LearningRate::new(0.1)?;
/// let run = Forecaster::new(&elrs, |_step| lr).controls(Critical::default()).run(100);
/// assert!(run.spreads[100].range < run.spreads[0].range);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Forecaster<'a> {
    pub(crate) start: &'a [Elr],
    pub(crate) optimizer: Optimizer,
    pub(crate) controls: Controls,
    schedule: Rates<'a>,
    scale: Option<Scales<'a>>,
}

/// The rate to aim at in each step.
type Rates<'a> = std::rc::Rc<dyn Fn(usize) -> LearningRate + 'a>;
/// The scale of all base gradients in each step.
type Scales<'a> = std::rc::Rc<dyn Fn(usize) -> GradientScale + 'a>;

impl fmt::Debug for Forecaster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forecaster")
            .field("start", &self.start)
            .field("optimizer", &self.optimizer)
            .field("controls", &self.controls)
            .finish_non_exhaustive()
    }
}

impl<'a> Forecaster<'a> {
    /// A forecast from the ELRs of the first step, at the rates that `schedule` asks for in each step.
    ///
    /// `start` holds ELRs by the optimiser's [`Measure`](crate::optimizer::Measure), with empty
    /// buffers.
    pub fn new(start: &'a [Elr], schedule: impl Fn(usize) -> LearningRate + 'a) -> Self {
        Self {
            start,
            optimizer: Optimizer::sgd(Decay::None),
            controls: Controls::default(),
            schedule: std::rc::Rc::new(schedule),
            scale: None,
        }
    }

    /// Under this optimiser (T15–T19).
    #[must_use]
    pub fn optimizer(mut self, optimizer: &Optimizer) -> Self {
        self.optimizer = *optimizer;
        self
    }

    /// Under these controls. They decide here as on a real network.
    #[must_use]
    pub fn controls(mut self, controls: impl Into<Controls>) -> Self {
        self.controls = controls.into();
        self
    }

    /// With all base gradients multiplied by `scale` of the step (T20).
    ///
    /// One measured number a step, such as the geometric mean of `c_l` over layers relative to step 0,
    /// separates the dynamics of ratios from the fall of the loss. It is asked for steps 0 to `steps`,
    /// the last for the state after the end.
    #[must_use]
    pub fn gradient_scale(mut self, scale: impl Fn(usize) -> GradientScale + 'a) -> Self {
        self.scale = Some(std::rc::Rc::new(scale));
        self
    }

    /// The rate that the schedule asks for at `step`.
    pub(crate) fn target(&self, step: usize) -> LearningRate {
        (self.schedule)(step)
    }

    /// Predicts `steps` steps.
    pub fn run(&self, steps: usize) -> Forecast {
        let mut network = Rollout::new(self.start, &self.optimizer, &self.controls);
        let mut forecast = Forecast::with_capacity(steps);
        for step in 0..=steps {
            let scale = self.scale.as_ref().map_or(GradientScale::ONE, |s| s(step));
            let plan = network.plan(self.target(step), |_| scale);
            let elrs: Vec<Elr> = plan.acting.iter().flatten().copied().collect();
            forecast.spreads.push(Spread::of(&elrs));
            if step < steps {
                if !plan.is_capped() {
                    forecast.warmup_steps.get_or_insert(step);
                }
                forecast.lrs.push(plan.lr);
                forecast.turns.push(network.advance(&plan, |_| scale));
            }
            forecast.elrs.push(elrs);
        }
        forecast
    }
}

/// What will happen to a network: `N` steps, `N + 1` states.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// The rate of each step.
    pub lrs: Vec<LearningRate>,
    /// The ELRs as they act, before each step and after the last: one row a state. They are those
    /// of the optimiser's [`Measure`](crate::optimizer::Measure).
    pub elrs: Vec<Vec<Elr>>,
    /// The spread of each row of `elrs`.
    pub spreads: Vec<Spread>,
    /// By how much each step turns each layer: one row a step.
    pub turns: Vec<Vec<Turn>>,
    /// The number of steps until the rate first reached its target: the length of the warm-up.
    /// `None` when it never did.
    pub warmup_steps: Option<usize>,
}

impl Forecast {
    fn with_capacity(steps: usize) -> Self {
        Self {
            lrs: Vec::with_capacity(steps),
            elrs: Vec::with_capacity(steps + 1),
            spreads: Vec::with_capacity(steps + 1),
            turns: Vec::with_capacity(steps),
            warmup_steps: None,
        }
    }
}
