//! The training loop, and nothing else.

pub mod divergence;
mod evaluation;
mod gradients;
mod job;
mod random_walk;
pub mod record;
mod session;

use std::path::Path;

use evenkeel_ops::{Kernels, NormCache};
use evenkeel_runs::folder::Outcome;

use crate::error::TrainError;
use session::Session;

pub use job::{Job, Keeping, Observer, Start};

/// Trains one run and writes its folder.
///
/// # Errors
/// [`TrainError`]; divergence and interruption are outcomes, not errors.
pub fn train(job: &Job, observer: &mut (dyn Observer + Send)) -> Result<Outcome, TrainError> {
    if let (Start::Resume, Some(outcome)) = (job.start, ended(&job.folder)?) {
        return Ok(outcome);
    }
    let kernels = Kernels::new(job.threads)
        .map_err(TrainError::Threads)?
        .taking_norms(NormCache::new(job.run.setup.granularity));
    kernels.run(|| {
        let mut session = Session::start(job, &kernels)?;
        let outcome = session.run(job.stop, observer)?;
        session.finish(&outcome)?;
        Ok(outcome)
    })
}

/// How the run in `folder` ended, if it needs no going on.
///
/// # Errors
/// [`RunsError::Io`](evenkeel_runs::error::RunsError::Io) or [`RunsError::Malformed`](evenkeel_runs::error::RunsError::Malformed).
pub fn ended(folder: &Path) -> Result<Option<Outcome>, TrainError> {
    Ok(Outcome::load(folder)?.filter(|outcome| !matches!(outcome, Outcome::Interrupted { .. })))
}
