//! A run that is ready to be trained.

use std::sync::Arc;

use evenkeel::control::Controls;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::schedule::Schedule;
use evenkeel_runs::settings::RunSettings;

use crate::gradient_source::GradientSource;
use crate::setup::Setup;

/// A run with every setting checked, its data loaded, its device opened, its rate and control known.
#[derive(Debug)]
pub struct ResolvedRun {
    /// The network on its data, which other runs may share.
    pub setup: Arc<Setup>,
    /// The optimiser, as the theory knows it.
    pub optimizer: Optimizer,
    /// The rate that the schedule asks for at each step.
    pub schedule: Schedule,
    /// The controls.
    pub controls: Controls,
    /// The ELRs that are measured and controlled.
    pub measure: Measure,
    /// Where the gradients of scale-invariant weights come from.
    pub source: GradientSource,
    /// Number of steps.
    pub steps: usize,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: usize,
    /// The norm of all gradients together to which larger ones are shrunk.
    pub clip_norm: Option<f64>,
    /// Evaluations without a better test loss after which the run ends.
    pub patience: Option<usize>,
    /// Steps between evaluations.
    pub eval_every: usize,
    /// Most rows of each split that an evaluation looks at.
    pub eval_rows: usize,
    /// The settings as `run.toml` records them, every default filled in.
    pub recorded: RunSettings,
}
