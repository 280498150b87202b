//! The arguments for drift of base gradients, shared by the commands that show bands.

use std::path::Path;

use anyhow::{anyhow, bail};
use evenkeel::drift::{Drift, Fit};
use evenkeel::ensemble::Draws;
use evenkeel_runs::folder::{Run, find_runs};
use evenkeel_runs::prediction;

use crate::exit::usage;

/// More members tell quantiles no better than the model is known.
const MOST_MEMBERS: usize = 100_000;

#[derive(Debug, clap::Args)]
pub struct DriftArgs {
    /// Say how sure it is: let base gradients drift as weights turn, and show bands.
    ///
    /// Either the folder of a run to measure drift and mini-batch noise on (see `evenkeel drift`), or
    /// numbers: shift and scatter of the gain from layer to layer (natural logarithm), the reach in
    /// radians within which they come about, and the noise from batch to batch, such as
    /// shift=-0.15,scatter=0.2,reach=0.75,noise=0.06.
    #[arg(long, value_name = "RUN or NUMBERS")]
    drift: Option<String>,

    /// Possible networks that bands are made from.
    #[arg(long, value_name = "COUNT", default_value_t = 200, requires = "drift")]
    members: usize,

    /// Seed of the possible networks.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "drift")]
    seed: u64,
}

impl DriftArgs {
    /// The drift, if it was asked for, and how to draw from it.
    pub fn read(&self) -> anyhow::Result<Option<(Drift, Draws)>> {
        if !(1..=MOST_MEMBERS).contains(&self.members) {
            return Err(usage(format!(
                "--members is {}, but must be from 1 to {MOST_MEMBERS}",
                self.members
            )));
        }
        let draws = Draws {
            members: self.members,
            seed: self.seed,
        };
        let drift = self.drift.as_deref().map(read_drift).transpose()?;
        Ok(drift.map(|drift| (drift, draws)))
    }
}

/// Drift from the folder of a run, or from numbers.
pub fn read_drift(given: &str) -> anyhow::Result<Drift> {
    if !Path::new(given).is_dir() {
        return given
            .parse()
            .map_err(|error| usage(format!("--drift: {error}; or the folder of a run")));
    }
    let runs = find_runs(Path::new(given))?;
    let [run] = runs.as_slice() else {
        bail!("{given} holds {} runs; give the folder of one", runs.len());
    };
    Ok(measured(run)?.drift)
}

/// The drift of a run; errors name its folder.
pub fn measured(run: &Run) -> anyhow::Result<Fit> {
    prediction::drift(run).map_err(|error| anyhow!("{}: {error}", run.folder.display()))
}
