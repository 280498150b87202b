//! From the settings of a run to a [`ResolvedRun`]: every name looked up, every number checked,
//! data loaded, device opened.

mod choose;
mod data;

use std::path::Path;
use std::sync::Arc;

use evenkeel::control::Controls;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel::schedule::Schedule;
use evenkeel_nn::augment::Augmentation;
use evenkeel_nn::choice::{Choice, names};
use evenkeel_nn::dataset::Dataset;
use evenkeel_nn::device;
use evenkeel_nn::interchange::weights_error::WeightsError;
use evenkeel_nn::interchange::weights_file::WeightsFile;
use evenkeel_nn::layer::init::Init;
use evenkeel_nn::layer::{Layer, activation, init, norm};
use evenkeel_nn::model;
use evenkeel_nn::model::shape::Shape;
use evenkeel_runs::settings::RunSettings;

use crate::error::SpecError;
use crate::gradient_source::{self, GradientSource};
use crate::granularity::{self, Granularity};
use crate::measure::MEASURES;
use crate::run::ResolvedRun;
use choose::{choose, in_range};

pub(crate) use data::data_key;

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_DEPTH: usize = 10_000;
const MAX_WIDTH: usize = 16_384;
const MAX_STEPS: usize = 100_000_000;
const MAX_ACCUMULATE: usize = 1_000_000;

/// Checks every setting and loads the data.
///
/// # Errors
/// [`SpecError`] names the setting, its value and what is permitted.
pub fn resolve(settings: RunSettings) -> Result<ResolvedRun, SpecError> {
    resolve_on(settings, None)
}

/// Checks every setting, on data that another run with the same data settings has loaded.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_on(
    settings: RunSettings,
    loaded: Option<Arc<Dataset>>,
) -> Result<ResolvedRun, SpecError> {
    let model = model::find(&settings.model).ok_or_else(|| SpecError::Unknown {
        field: "model",
        given: settings.model.clone(),
        permitted: names(model::ALL.iter().map(|entry| entry.name)),
    })?;
    check_counts(&settings)?;
    let lr = LearningRate::new(settings.lr)?;
    let schedule = Schedule::new(settings.schedule.parse()?, lr, settings.steps);
    let optimizer = settings.optimizer.parse()?;
    let controls = settings.control.parse()?;
    let measure = measure(&settings, &optimizer, &controls)?;
    let (granularity, source) = choose_gradients(&settings)?;
    let augmentation: Augmentation = settings.augment.as_deref().unwrap_or("none").parse()?;
    let device = device::open(&settings.device)?;
    let data = match loaded {
        Some(data) => data,
        None => Arc::new(data::load(&settings)?),
    };
    // A batch of one has no variance: batch normalization would divide by nothing.
    in_range("batch_size", settings.batch_size, 2, data.train.len())?;
    let context = data::context(&settings, &data, augmentation)?;
    let shape = shape(&settings, model, &data)?;
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
    let weights = initial_weights(&settings, &layers)?;
    let settings = RunSettings {
        context,
        augment: Some(augmentation.to_string()),
        weights_sha256: weights.as_ref().map(|file| file.sha256().to_owned()),
        ..with_defaults(settings, &shape, init)
    };
    Ok(ResolvedRun {
        settings,
        model,
        shape,
        init,
        layers,
        data,
        augmentation,
        schedule,
        optimizer,
        controls,
        device,
        weights,
        granularity,
        measure,
        source,
    })
}

fn check_counts(settings: &RunSettings) -> Result<(), SpecError> {
    in_range("steps", settings.steps, 1, MAX_STEPS)?;
    in_range("eval_every", settings.eval_every, 1, MAX_STEPS)?;
    in_range("eval_rows", settings.eval_rows, 1, usize::MAX)?;
    in_range("accumulate", settings.accumulate, 1, MAX_ACCUMULATE)?;
    in_range("patience", settings.patience.unwrap_or(1), 1, MAX_STEPS)?;
    match settings.clip_norm {
        Some(given) if !(given > 0.0 && given.is_finite()) => Err(SpecError::ClipNorm { given }),
        _ => Ok(()),
    }
}

/// Where gradients come from, and at which granularity their ELRs are measured.
fn choose_gradients(settings: &RunSettings) -> Result<(Granularity, GradientSource), SpecError> {
    let granularity = choose(
        "granularity",
        Some(&settings.granularity),
        granularity::ALL,
        Granularity::Layer,
    )?;
    let source = choose(
        "gradients",
        Some(&settings.gradients),
        gradient_source::ALL,
        GradientSource::Loss,
    )?;
    match (source, granularity) {
        (GradientSource::Random, Granularity::Unit) => Err(SpecError::RandomUnits),
        _ => Ok((granularity, source)),
    }
}

/// The ELRs to measure and control: those asked for, if they can be.
fn measure(
    settings: &RunSettings,
    optimizer: &Optimizer,
    controls: &Controls,
) -> Result<Measure, SpecError> {
    let usual = controls.measure(optimizer);
    let measure = choose("elr", settings.elr.as_deref(), MEASURES, usual)?;
    match (optimizer.measure(), measure) {
        (Measure::Update, Measure::Gradient) => Err(SpecError::GradientLength {
            optimizer: settings.optimizer.clone(),
        }),
        (Measure::Gradient, Measure::Update) if controls.rescales() => {
            Err(SpecError::RescaledUpdates {
                control: settings.control.clone(),
                optimizer: settings.optimizer.clone(),
            })
        }
        _ => Ok(measure),
    }
}

/// The file of weights to begin with, if one was asked for: it is the one that was meant, and fits.
fn initial_weights(
    settings: &RunSettings,
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

/// The shape asked for, with the model's defaults for what is not.
fn shape(settings: &RunSettings, model: &model::Entry, data: &Dataset) -> Result<Shape, SpecError> {
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

/// The settings with every default of the model filled in.
fn with_defaults(settings: RunSettings, shape: &Shape, init: Init) -> RunSettings {
    let name = |name: &str| Some(name.to_owned());
    RunSettings {
        depth: Some(shape.depth),
        width: Some(shape.width),
        norm: name(Choice::name_of(norm::ALL, shape.norm)),
        activation: name(Choice::name_of(activation::ALL, shape.activation)),
        init: name(Choice::name_of(init::ALL, init)),
        ..settings
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_nn::layer::activation::Activation;
    use evenkeel_nn::layer::norm::Norm;

    use super::*;

    /// A specification as it was written before models had options.
    const OLD: &str = r#"
        model = "mlp"
        depth = 3
        width = 16
        data = "digits"
        batch_size = 8
        lr = 0.1
        control = "none"
        steps = 1
        eval_every = 1
        seed = 0
    "#;

    fn old() -> RunSettings {
        toml::from_str(OLD).unwrap()
    }

    #[test]
    fn older_specifications_mean_what_they_meant() {
        let spec = resolve(old()).unwrap();
        assert_eq!(
            (spec.shape.norm, spec.shape.activation, spec.init),
            (Norm::Batch, Activation::Relu, Init::Kaiming)
        );
        let resolved = spec.settings;
        assert_eq!(resolved.norm.as_deref(), Some("bn"));
        assert_eq!(resolve(resolved.clone()).unwrap().settings, resolved);
    }

    #[test]
    fn unknown_choices_are_refused_with_those_that_exist() {
        let raw = RunSettings {
            norm: Some("batch".to_owned()),
            ..old()
        };
        let message = resolve(raw).unwrap_err().to_string();
        assert!(
            message.contains("`norm` `batch`") && message.contains("bn, ln, gn"),
            "{message}"
        );
    }

    #[test]
    fn images_shrink_if_they_can() {
        let shrunk = |data: &str, by| {
            let raw = RunSettings {
                data: data.to_owned(),
                shrink: Some(by),
                ..old()
            };
            let spec = resolve(raw).map_err(|error| error.to_string())?;
            Ok::<_, String>(spec.data.example.dims())
        };
        assert_eq!(shrunk("digits", 2), Ok(vec![1, 4, 4]));
        let refused = |data, by| shrunk(data, by).unwrap_err();
        assert!(refused("digits", 3).contains("`shrink` is 3"));
        assert!(refused("digits", 0).contains("8 × 8"));
        assert!(refused("markov", 2).contains("`shrink` is for images"));
    }

    fn measure(optimizer: &str, control: &str, elr: Option<&str>) -> Result<Measure, String> {
        let raw = RunSettings {
            optimizer: optimizer.to_owned(),
            control: control.to_owned(),
            elr: elr.map(str::to_owned),
            ..old()
        };
        resolve(raw)
            .map(|spec| spec.measure)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn elrs_are_those_asked_for_if_they_can_be() {
        use Measure::{Gradient, Update};
        assert_eq!(measure("sgd", "hold", None), Ok(Gradient));
        assert_eq!(measure("momentum", "hold", None), Ok(Update));
        assert_eq!(measure("momentum", "hold", Some("gradient")), Ok(Gradient));
        assert_eq!(measure("momentum", "none", Some("update")), Ok(Update));
        for (optimizer, control, elr, told) in [
            (
                "adamw",
                "none",
                "gradient",
                "do not follow the gradient's length",
            ),
            (
                "momentum",
                "rescale",
                "update",
                "is not for `rescale` under `momentum`",
            ),
            ("sgd", "none", "weights", "gradient, update"),
        ] {
            let message = measure(optimizer, control, Some(elr)).unwrap_err();
            assert!(
                message.contains("`elr`") && message.contains(told),
                "{message}"
            );
        }
    }
}
