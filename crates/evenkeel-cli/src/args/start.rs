//! Where a prediction starts: norms and an optimiser, shared by the commands that predict.

use evenkeel::optimizer::Optimizer;

use crate::args::dynamics::OptimizerArgs;
use crate::args::norms::{Norms, NormsArgs};

#[derive(Debug, clap::Args)]
pub struct StartArgs {
    #[command(flatten)]
    norms: NormsArgs,

    #[command(flatten)]
    optimizer: OptimizerArgs,
}

/// A checked start.
pub struct Start {
    pub norms: Norms,
    pub optimizer: Optimizer,
}

impl StartArgs {
    /// Checks the settings, then reads the norms; what the reader noticed goes to standard error.
    pub fn read(&self) -> anyhow::Result<Start> {
        let optimizer = self.optimizer.optimizer()?;
        let norms = self.norms.read(&optimizer)?;
        for warning in &norms.warnings {
            eprintln!("warning: {warning}");
        }
        Ok(Start { norms, optimizer })
    }
}
