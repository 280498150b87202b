//! The network on its data that a run begins with.

use std::path::Path;
use std::sync::{Arc, Mutex};

use evenkeel_nn::augment::Augmentation;
use evenkeel_nn::choice::{Choice, names};
use evenkeel_nn::dataset::Dataset;
use evenkeel_nn::device;
use evenkeel_nn::interchange::weights_error::WeightsError;
use evenkeel_nn::interchange::weights_file::WeightsFile;
use evenkeel_nn::layer::{Layer, activation, init, norm};
use evenkeel_nn::model;
use evenkeel_nn::model::shape::Shape;
use evenkeel_runs::settings::{RequestedRun, RunSettings};

use super::choose::{choose, in_range};
use super::data;
use crate::error::SpecError;
use crate::granularity::{self, Granularity};
use crate::setup::Setup;

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_DEPTH: usize = 10_000;
const MAX_WIDTH: usize = 16_384;

/// What tells one setup from another.
pub fn key<R, C>(settings: &RunSettings<R, C>) -> String {
    let s = settings;
    let network = (
        &s.model,
        s.depth,
        s.width,
        &s.norm,
        &s.activation,
        &s.init,
        s.no_shortcut,
    );
    let data = (&s.data, s.context, s.shrink, &s.augment, s.batch_size);
    let rest = (
        &s.granularity,
        s.seed,
        &s.device,
        &s.weights,
        &s.weights_sha256,
    );
    format!("{network:?} {data:?} {rest:?}")
}

/// Checks the settings of a network on its data and builds the setup.
pub fn build<R, C>(
    settings: &RunSettings<R, C>,
    load: impl FnOnce() -> Result<Arc<Dataset>, SpecError>,
) -> Result<Setup, SpecError> {
    let model = model::find(&settings.model).ok_or_else(|| SpecError::Unknown {
        field: "model",
        given: settings.model.clone(),
        permitted: names(model::ALL.iter().map(|entry| entry.name)),
    })?;
    let granularity = choose(
        "granularity",
        Some(&settings.granularity),
        granularity::ALL,
        Granularity::Layer,
    )?;
    let augmentation: Augmentation = settings.augment.as_deref().unwrap_or("none").parse()?;
    let device = device::open(&settings.device)?;
    let data = load()?;
    // A batch of one has no variance: batch normalization would divide by nothing.
    in_range("batch_size", settings.batch_size, 2, data.train.len())?;
    data::check(settings, &data, augmentation)?;
    let shape = shape(settings, model, &data)?;
    let layers = model.layers(&shape).map_err(|refusal| SpecError::Model {
        model: model.name,
        refusal,
    })?;
    let init = choose(
        "init",
        settings.init.as_deref(),
        init::ALL,
        model.defaults.init,
    )?;
    Ok(Setup {
        weights: initial_weights(settings, &layers)?,
        model,
        shape,
        init,
        layers,
        data,
        augmentation,
        batch_size: settings.batch_size,
        seed: settings.seed,
        device,
        granularity,
        elrs: Mutex::default(),
    })
}

/// The file of weights to begin with, if one was requested: it is the one that was meant, and fits.
fn initial_weights<R, C>(
    settings: &RunSettings<R, C>,
    layers: &[Layer],
) -> Result<Option<WeightsFile>, WeightsError> {
    let Some(path) = &settings.weights else {
        return Ok(None);
    };
    let file = WeightsFile::read(Path::new(path), layers)?;
    if let Some(expected) = &settings.weights_sha256 {
        file.refuse_other(expected)?;
    }
    Ok(Some(file))
}

/// The shape requested, with the model's defaults for what is not.
fn shape<R, C>(
    settings: &RunSettings<R, C>,
    model: &model::Entry,
    data: &Dataset,
) -> Result<Shape, SpecError> {
    let defaults = &model.defaults;
    let depth = settings.depth.unwrap_or(defaults.depth);
    let width = settings.width.unwrap_or((defaults.width)(depth));
    in_range("depth", depth, 1, MAX_DEPTH)?;
    in_range("width", width, 1, MAX_WIDTH)?;
    let activation = settings.activation.as_deref();
    Ok(Shape {
        depth,
        width,
        example: data.example,
        classes: data.classes,
        norm: choose("norm", settings.norm.as_deref(), norm::ALL, defaults.norm)?,
        activation: choose(
            "activation",
            activation,
            activation::ALL,
            defaults.activation,
        )?,
        shortcuts: !settings.no_shortcut,
    })
}

/// The settings with every default of network and data filled in.
pub fn recorded(requested: &RequestedRun, setup: &Setup) -> RequestedRun {
    let name = |name: &str| Some(name.to_owned());
    let (shape, weights) = (&setup.shape, setup.weights.as_ref());
    RunSettings {
        depth: Some(shape.depth),
        width: Some(shape.width),
        norm: name(Choice::name_of(norm::ALL, shape.norm)),
        activation: name(Choice::name_of(activation::ALL, shape.activation)),
        init: name(Choice::name_of(init::ALL, setup.init)),
        context: data::context(&setup.data),
        augment: Some(setup.augmentation.to_string()),
        weights_sha256: weights.map(|file| file.sha256().to_owned()),
        ..requested.clone()
    }
}
