//! `run.toml`: what a run is.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::header_file;
use crate::error::RunsError;
use crate::settings::RunSettings;

/// The line of `run.toml` with the hash of the data.
const DATA_KEY: &str = "data_sha256";

/// `run.toml`: everything that determines the run, and what the probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of evenkeel.
    pub evenkeel: String,
    /// Version of Burn.
    pub burn: String,
    /// The device that computed.
    pub device: String,
    /// SHA-256 of the data as training sees them; absent from runs older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// The settings.
    pub spec: RunSettings,
    /// The scale-invariant layers, in the order of all arrays.
    pub layers: Vec<LayerHeader>,
    /// The other parameters: reported here, left out of the spread.
    pub others: Vec<OtherHeader>,
}

impl Header {
    /// Reads `run.toml` in `folder`.
    ///
    /// # Errors
    /// [`RunsError::Io`], or [`RunsError::Malformed`].
    pub fn load(folder: &Path) -> Result<Self, RunsError> {
        let path = header_file(folder);
        let text = fs::read_to_string(&path).map_err(RunsError::io(&path))?;
        toml::from_str(&text).map_err(RunsError::malformed(&path))
    }

    /// As this program would have written it when the run of `earlier` began: without a hash of the
    /// data if there was none then.
    pub fn as_of(self, earlier: &Self) -> Self {
        Self {
            data_sha256: earlier.data_sha256.as_ref().and(self.data_sha256),
            ..self
        }
    }

    /// Refuses to go on as `asked` with the run in `folder`, which this describes, if that is another,
    /// or if its data have changed.
    ///
    /// # Errors
    /// [`RunsError::OtherRun`] names the first difference, [`RunsError::OtherData`] the hashes.
    pub fn refuse_other(&self, asked: &Self, folder: &Path) -> Result<(), RunsError> {
        // First what was asked for, then the data: the rest was measured on them.
        if self.spec == asked.spec {
            self.refuse_other_data(asked, folder)?;
        }
        let (there, here) = (self.to_toml(folder)?, asked.to_toml(folder)?);
        let told = |line: &str| !line.starts_with(DATA_KEY);
        let differs = there
            .lines()
            .zip(here.lines())
            .filter(|(there, here)| told(there) || told(here))
            .find(|(there, here)| there != here);
        match differs {
            None if there == here => Ok(()),
            _ => Err(RunsError::OtherRun {
                path: header_file(folder),
                there: differs.map_or("more lines", |lines| lines.0).to_owned(),
                here: differs.map_or("other lines", |lines| lines.1).to_owned(),
            }),
        }
    }

    fn refuse_other_data(&self, asked: &Self, folder: &Path) -> Result<(), RunsError> {
        match (&self.data_sha256, &asked.data_sha256) {
            (Some(there), Some(here)) if there != here => Err(RunsError::OtherData {
                path: header_file(folder),
                data: self.spec.data.clone(),
                there: there.clone(),
                here: here.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The text of `run.toml` in `folder`.
    ///
    /// # Errors
    /// [`RunsError::Malformed`] should it hold what TOML cannot.
    pub fn to_toml(&self, folder: &Path) -> Result<String, RunsError> {
        toml::to_string(self).map_err(RunsError::malformed(&header_file(folder)))
    }
}

/// A scale-invariant layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerHeader {
    /// Module path of the weight.
    pub name: String,
    /// Shape of the weight.
    pub shape: Vec<usize>,
    /// Its units, where they were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<UnitHeader>,
}

/// The units of a layer: slices that are scale-invariant by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitHeader {
    /// The axis of the weight along which it is sliced.
    pub axis: usize,
    /// How many units there are.
    pub count: usize,
}

/// A parameter that does not count in the spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherHeader {
    /// Module path.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Why it does not count.
    pub role: String,
    /// `‖W‖` at step 0, where it got a gradient.
    pub weight_norm: Option<f64>,
    /// `‖∇W‖` at step 0.
    pub grad_norm: Option<f64>,
    /// `cos(W, ∇W)` at step 0.
    pub cosine: Option<f64>,
}
