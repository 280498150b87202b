//! From a requested run to a [`ResolvedRun`]: every name looked up, every number checked, data
//! loaded, device opened, and what depends on the network measured.

mod angle;
mod choose;
mod data;
mod setup;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel::advice::Advice;
use evenkeel::control::Controls;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel::schedule::Schedule;
use evenkeel_nn::dataset::Dataset;
use evenkeel_runs::settings::{RequestedControl, RequestedRate, RequestedRun, RunSettings};

use crate::error::{SpecError, TrainError};
use crate::gradient_source::{self, GradientSource};
use crate::granularity::Granularity;
use crate::measure::MEASURES;
use crate::optimizer::can_train;
use crate::run::ResolvedRun;
use crate::setup::Setup;
use choose::{choose, in_range};

/// Bounds that keep a typing error from filling the memory: each is far above what a CPU can train.
const MAX_STEPS: usize = 100_000_000;
const MAX_ACCUMULATE: usize = 1_000_000;

/// Resolves requested runs. Those that begin with the same network on the same data share both, and
/// what is measured of them.
#[derive(Debug, Default)]
pub struct Resolver {
    data: Mutex<HashMap<String, Arc<Dataset>>>,
    setups: Mutex<HashMap<String, Arc<Setup>>>,
}

/// Resolves a single run.
///
/// # Errors
/// As [`Resolver::resolve`].
pub fn resolve(requested: impl Into<RequestedRun>) -> Result<ResolvedRun, TrainError> {
    Resolver::default().resolve(&requested.into())
}

impl Resolver {
    /// Checks every setting, loads the data, and measures the network where rate or control depend
    /// on it.
    ///
    /// # Errors
    /// [`TrainError::Spec`] names the setting, its value and what is permitted; further errors when
    /// the network cannot be measured.
    pub fn resolve(&self, requested: &RequestedRun) -> Result<ResolvedRun, TrainError> {
        check_counts(requested)?;
        if let RequestedRate::Fixed(rate) = requested.lr {
            LearningRate::new(rate).map_err(SpecError::from)?;
        }
        let schedule = requested.schedule.parse().map_err(SpecError::from)?;
        let optimizer: Optimizer = requested.optimizer.parse().map_err(SpecError::from)?;
        if !can_train(&optimizer) {
            return Err(SpecError::ForecastsOnly {
                optimizer: requested.optimizer.clone(),
            }
            .into());
        }
        // Before the data are loaded, which may take long.
        if let RequestedControl::Named(name) = &requested.control {
            named(name)?;
        }
        let setup = self.setup(requested)?;
        let source = source(requested, setup.granularity)?;
        let control = control(&requested.control, &setup)?;
        let controls = named(&control)?;
        let measure = measure(requested, &optimizer, &controls)?;
        let rate = rate(requested.lr, &setup, &optimizer)?;
        let recorded = setup::recorded(requested, &setup);
        Ok(ResolvedRun {
            schedule: Schedule::new(schedule, rate, requested.steps),
            optimizer,
            controls,
            measure,
            source,
            steps: requested.steps,
            accumulate: requested.accumulate,
            clip_norm: requested.clip_norm,
            patience: requested.patience,
            eval_every: requested.eval_every,
            eval_rows: requested.eval_rows,
            recorded: recorded.with(rate.get(), control),
            setup,
        })
    }

    /// The network on its data that a run begins with. It does not depend on rate and control.
    ///
    /// # Errors
    /// [`SpecError`] names the setting, its value and what is permitted.
    pub fn setup<R, C>(&self, settings: &RunSettings<R, C>) -> Result<Arc<Setup>, SpecError> {
        let key = setup::key(settings);
        if let Some(setup) = lock(&self.setups).get(&key) {
            return Ok(Arc::clone(setup));
        }
        let setup = Arc::new(setup::build(settings, || self.data(settings))?);
        lock(&self.setups).insert(key, Arc::clone(&setup));
        Ok(setup)
    }

    fn data<R, C>(&self, settings: &RunSettings<R, C>) -> Result<Arc<Dataset>, SpecError> {
        let key = data::key(settings);
        if let Some(data) = lock(&self.data).get(&key) {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(data::load(settings)?);
        lock(&self.data).insert(key, Arc::clone(&data));
        Ok(data)
    }
}

/// Nothing is left half done in a map whose holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_counts(requested: &RequestedRun) -> Result<(), SpecError> {
    in_range("steps", requested.steps, 1, MAX_STEPS)?;
    in_range("eval_every", requested.eval_every, 1, MAX_STEPS)?;
    in_range("eval_rows", requested.eval_rows, 1, usize::MAX)?;
    in_range("accumulate", requested.accumulate, 1, MAX_ACCUMULATE)?;
    in_range("patience", requested.patience.unwrap_or(1), 1, MAX_STEPS)?;
    match requested.clip_norm {
        Some(given) if !(given > 0.0 && given.is_finite()) => Err(SpecError::ClipNorm { given }),
        _ => Ok(()),
    }
}

/// The controls of this name.
fn named(control: &str) -> Result<Controls, SpecError> {
    match control {
        "advised" => Err(SpecError::Renamed {
            field: "control",
            given: "advised",
            now: "auto",
        }),
        name => Ok(name.parse()?),
    }
}

/// The name of the control: the one requested, or the one that suits the network.
fn control(requested: &RequestedControl, setup: &Setup) -> Result<String, TrainError> {
    match requested {
        RequestedControl::Named(name) => Ok(name.clone()),
        RequestedControl::Auto => {
            let advice = Advice::of(&setup.initial_elrs()?);
            Ok(advice.control().to_string())
        }
    }
}

/// The rate: the one requested, or the one whose first step turns by the angle requested.
fn rate(
    requested: RequestedRate,
    setup: &Setup,
    optimizer: &Optimizer,
) -> Result<LearningRate, TrainError> {
    match requested {
        RequestedRate::Fixed(rate) => Ok(LearningRate::new(rate).map_err(SpecError::from)?),
        RequestedRate::Angle(angle) => angle::rate(angle, setup, optimizer),
    }
}

/// Where gradients come from, which at the granularity of units is the loss.
fn source(requested: &RequestedRun, granularity: Granularity) -> Result<GradientSource, SpecError> {
    let source = choose(
        "gradients",
        Some(&requested.gradients),
        gradient_source::ALL,
        GradientSource::Loss,
    )?;
    match (source, granularity) {
        (GradientSource::Random, Granularity::Unit) => Err(SpecError::RandomUnits),
        _ => Ok(source),
    }
}

/// The ELRs to measure and control: those requested, if they can be.
fn measure(
    requested: &RequestedRun,
    optimizer: &Optimizer,
    controls: &Controls,
) -> Result<Measure, SpecError> {
    let usual = controls.measure(optimizer);
    let measure = choose("elr", requested.elr.as_deref(), MEASURES, usual)?;
    match (optimizer.measure(), measure) {
        (Measure::Update, Measure::Gradient) => Err(SpecError::GradientLength {
            optimizer: requested.optimizer.clone(),
        }),
        (Measure::Gradient, Measure::Update) if controls.rescales() => {
            Err(SpecError::RescaledUpdates {
                control: controls.to_string(),
                optimizer: requested.optimizer.clone(),
            })
        }
        _ => Ok(measure),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_nn::layer::activation::Activation;
    use evenkeel_nn::layer::init::Init;
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
            (
                spec.setup.shape.norm,
                spec.setup.shape.activation,
                spec.setup.init
            ),
            (Norm::Batch, Activation::Relu, Init::Kaiming)
        );
        let resolved = spec.recorded;
        assert_eq!(resolved.norm.as_deref(), Some("bn"));
        assert_eq!(resolve(resolved.clone()).unwrap().recorded, resolved);
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
            Ok::<_, String>(spec.setup.data.example.dims())
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
