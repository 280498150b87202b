//! What the trainer is asked to do.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use evenkeel_runs::folder::StepLine;

use crate::run::ResolvedRun;

/// A run to train, and its folder.
#[derive(Debug)]
pub struct Job<'a> {
    /// The run.
    pub run: &'a ResolvedRun,
    /// The run's folder.
    pub folder: PathBuf,
    /// What to do about an earlier run in the folder.
    pub start: Start,
    /// When to write checkpoints, and how many to keep.
    pub checkpoints: Keeping,
    /// Number of threads. No result depends on it.
    pub threads: usize,
    /// Whether to write events for TensorBoard beside the logs.
    pub events: bool,
    /// Set from outside to stop after the step at hand.
    pub stop: &'a AtomicBool,
}

/// What to do about an earlier run in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Leave it alone, and fail.
    Fresh,
    /// Replace it.
    Overwrite,
    /// Go on from its newest checkpoint, to the same bits as if it had never stopped.
    Resume,
}

/// When to write checkpoints, and how many to keep. No result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Steps between checkpoints.
    pub every: usize,
    /// How many of the newest are kept, besides the one with the best test accuracy.
    pub keep: usize,
}

/// Watches a run.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, line: &StepLine);
}
