//! Exports the weights of a run's checkpoint, for other frameworks and for runs that begin
//! with them.

use std::fs;
use std::path::Path;

use burn::optim::GradientsParams;
use evenkeel_nn::hash::fingerprint;
use evenkeel_nn::interchange::{Export, to_safetensors};
use evenkeel_runs::error::RunsError;
use evenkeel_runs::folder::files::header_file;
use evenkeel_runs::folder::{Header, is_run};
use evenkeel_runs::settings::RunSettings;
use serde::Serialize;

use crate::checkpoint::{Checkpoints, Which, load_model};
use crate::error::TrainError;
use crate::resolve::Resolver;
use crate::snapshot::ModelFile;

/// A checkpoint's weights.
#[derive(Debug)]
pub struct RunWeights {
    /// Updates done.
    pub step: usize,
    /// How many tensors there are.
    pub tensors: usize,
    /// The safetensors file. Its note has the network's `model.json`.
    pub bytes: Vec<u8>,
}

/// The note in the file.
#[derive(Serialize)]
struct Note<'a> {
    evenkeel: &'a str,
    control: &'a str,
    step: usize,
    model: ModelFile<'a>,
}

/// The error that a folder is not that of one run.
fn not_one(folder: &Path) -> TrainError {
    let path = folder.to_owned();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| is_run(&entry.path()));
    let mut runs: Vec<String> = runs
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    runs.sort();
    match runs.is_empty() {
        true => RunsError::NoRun { path }.into(),
        false => TrainError::SeveralRuns { path, runs },
    }
}

/// The weights in a checkpoint of the run in `folder`, which is not changed and may be training.
///
/// # Errors
/// [`TrainError`] when there is no such run or checkpoint, or its data set, which says how many inputs
/// and classes there are, is gone.
pub fn weights(folder: &Path, which: Which) -> Result<RunWeights, TrainError> {
    if !is_run(folder) {
        return Err(not_one(folder));
    }
    let path = header_file(folder);
    let run = fingerprint(&fs::read(&path).map_err(RunsError::io(&path))?);
    let mut checkpoints = Checkpoints::of(folder, 1);
    let checkpoint = checkpoints.find(which, &run)?;
    let step = checkpoint.state.step;
    let header = Header::load(folder)?;
    let setup = Resolver::default().setup(&RunSettings {
        // What it began with is in the checkpoint no more.
        weights: None,
        // Nor does it take the device that trained it to write it.
        device: "cpu".to_owned(),
        ..header.spec.clone()
    })?;
    let network = setup.network()?;
    let network = load_model(network, checkpoint.model)
        .map_err(|problem| checkpoints.unusable(step, &problem))?;
    let export = Export::of(&network, &GradientsParams::new());
    let note = Note {
        evenkeel: &header.evenkeel,
        control: &header.spec.control,
        step,
        model: ModelFile::of(&setup, &network),
    };
    let failed = |error: &dyn std::fmt::Display| checkpoints.unusable(step, error);
    let note = serde_json::to_string(&note).map_err(|error| failed(&error))?;
    let bytes = to_safetensors(&export.weights, Some(note)).map_err(|error| failed(&error))?;
    Ok(RunWeights {
        step,
        tensors: export.weights.len(),
        bytes,
    })
}
