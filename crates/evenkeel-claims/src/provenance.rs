//! Provenance of a claim's numbers.

use std::collections::BTreeSet;
use std::path::Path;

use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::{Outcome, Run};
use serde::{Deserialize, Serialize};

use crate::error::ClaimsError;

/// What a page says about the runs behind it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The command that does it again.
    pub command: String,
    /// The source that the program was built from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The machine's processor and cores.
    pub hardware: String,
    /// Versions of evenkeel and Burn.
    pub versions: BTreeSet<String>,
    /// The devices that computed.
    pub devices: BTreeSet<String>,
    /// The data sets.
    pub data: BTreeSet<String>,
    /// The seeds.
    pub seeds: BTreeSet<u64>,
    /// Runs that are in the tables.
    pub runs: usize,
    /// Of these, the ones whose loss or gradients ceased to be finite.
    pub diverged: usize,
    /// Runs that are missing, because they failed or were interrupted.
    pub missing: usize,
    /// Steps of training, all together.
    pub steps: usize,
    /// Seconds that they took, all together: with several at a time, more than passed.
    pub seconds: f64,
}

impl Provenance {
    /// Adds a run.
    pub fn add(&mut self, run: &Run) {
        let header = &run.header;
        self.versions.insert(format!(
            "evenkeel {}, Burn {}",
            header.evenkeel, header.burn
        ));
        self.devices.insert(header.device.clone());
        self.data.insert(header.spec.data.clone());
        self.seeds.insert(header.spec.seed);
        self.runs += 1;
        self.diverged += usize::from(matches!(run.outcome, Some(Outcome::Diverged { .. })));
        self.steps += run.steps.len();
        let seconds: f64 = run.timing.iter().map(|line| line.seconds).sum();
        self.seconds = ((self.seconds + seconds) * 10.0).round() / 10.0;
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`RunsError::Io`] or [`RunsError::Malformed`].
    pub fn load(path: &Path) -> Result<Self, ClaimsError> {
        let text = std::fs::read_to_string(path).map_err(RunsError::io(path))?;
        Ok(toml::from_str(&text).map_err(RunsError::malformed(path))?)
    }

    /// As a file.
    ///
    /// # Errors
    /// [`RunsError::Malformed`] should it hold what TOML cannot.
    pub fn to_toml(&self, path: &Path) -> Result<String, ClaimsError> {
        Ok(toml::to_string(self).map_err(RunsError::malformed(path))?)
    }
}

/// The machine's processor, as far as the system says, and how many cores it lends.
pub fn hardware() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let said = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = said.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = model.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{model}, {cores} cores")
}
