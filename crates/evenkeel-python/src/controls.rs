//! Controls from text, and those that are written in Python.

use std::fmt;
use std::sync::{Arc, Mutex};

use evenkeel::control::{self, Control, Decision, Stage};
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{LearningRate, LrMultiplier, QuantityError, RescaleFactor};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::refuse;
use crate::input::{Vector, measure, measure_name, parsed};

/// Controls of effective learning rates, such as `Controls("critical+hold")`.
///
/// Each part is a text or an object with `name`, `stage` (`rate`, `multipliers` or `weights`) and
/// `decide(context)`. What `decide` returns depends on the stage: a cap of the rate, a multiplier for
/// each ELR, a rescale factor for each ELR; `None` changes nothing.
#[pyclass(frozen, module = "evenkeel")]
#[derive(Clone)]
pub struct Controls {
    pub inner: control::Controls,
    /// What a control that is written in Python raised.
    failures: Failures,
}

type Failures = Arc<Mutex<Vec<PyErr>>>;

/// What a control knows of a step. Vectors have one entry for each layer or unit that is alive.
#[pyclass(frozen, module = "evenkeel")]
pub struct StepContext {
    step: u64,
    lr: f64,
    critical: Option<f64>,
    path: f64,
    measure: Measure,
    elr: Vec<f64>,
    multipliers: Vec<f64>,
    growths: Vec<f64>,
}

#[pymethods]
impl Controls {
    #[new]
    #[pyo3(signature = (*parts))]
    fn new(parts: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let failures = Failures::default();
        let controls = parts.iter().map(|part| one(&part, &failures));
        let joined = controls.reduce(|all, part| all?.and(part?).map_err(refuse));
        Ok(Self {
            inner: joined.unwrap_or_else(|| Ok(control::Controls::default()))?,
            failures,
        })
    }

    /// The text.
    #[getter]
    fn name(&self) -> String {
        self.inner.to_string()
    }

    /// Whether it rescales weights.
    #[getter]
    fn rescales(&self) -> bool {
        self.inner.rescales()
    }

    /// Whether it decides by ELRs.
    #[getter]
    fn needs_elrs(&self) -> bool {
        self.inner.needs_elrs()
    }

    /// Which ELRs to go by under an optimiser such as `momentum:mu=0.9`: `gradient` or `update`.
    fn measure(&self, optimizer: &str) -> PyResult<&'static str> {
        Ok(measure_name(self.inner.measure(&parsed(optimizer)?)))
    }

    /// The same, for an optimiser that goes by `own` ELRs and has momentum or not.
    fn measure_under(&self, own: &str, has_momentum: bool) -> PyResult<&'static str> {
        let own = measure(own)?;
        Ok(measure_name(self.inner.measure_under(own, has_momentum)))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    fn __repr__(&self) -> String {
        format!("Controls({:?})", self.name())
    }
}

impl Controls {
    /// From a text, `Controls`, or a control that is written in Python.
    pub fn of(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(controls) = given.cast::<Self>() {
            return Ok(controls.get().clone());
        }
        let failures = Failures::default();
        Ok(Self {
            inner: one(given, &failures)?,
            failures,
        })
    }

    /// Raises what a control that is written in Python raised since it was asked last.
    pub fn raise(&self) -> PyResult<()> {
        let mut failures = self.failures.lock().expect("no code panics with the lock");
        match failures.is_empty() {
            true => Ok(()),
            false => Err(failures.swap_remove(0)),
        }
    }
}

fn one(given: &Bound<'_, PyAny>, failures: &Failures) -> PyResult<control::Controls> {
    if let Ok(text) = given.extract::<String>() {
        return parsed(&text);
    }
    let name: String = given.getattr("name")?.extract()?;
    let stage = match given.getattr("stage")?.extract::<String>()?.as_str() {
        "weights" => Stage::Weights,
        "multipliers" => Stage::Multipliers,
        "rate" => Stage::Rate,
        other => {
            return Err(refuse(format!(
                "the stage of control `{name}` is `{other}`, but must be rate, multipliers or weights"
            )));
        }
    };
    Ok(control::Controls::from(InPython {
        object: given.clone().unbind(),
        name,
        stage,
        failures: Arc::clone(failures),
    }))
}

/// A control that is written in Python.
struct InPython {
    object: Py<PyAny>,
    name: String,
    stage: Stage,
    failures: Failures,
}

impl fmt::Debug for InPython {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPython")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InPython {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Control for InPython {
    fn stage(&self) -> Stage {
        self.stage
    }

    fn needs_elrs(&self) -> bool {
        true
    }

    fn decide(&self, context: &control::StepContext, decision: &mut Decision) {
        let asked = StepContext {
            step: context.step,
            lr: decision.target().get(),
            critical: decision.critical().map(|rate| rate.get()),
            path: context.path,
            measure: context.measure,
            elr: decision.elrs().iter().map(|elr| elr.get()).collect(),
            multipliers: context.multipliers.iter().map(|m| m.get()).collect(),
            growths: context.growths.iter().map(|g| g.get()).collect(),
        };
        let done = Python::attach(|py| {
            let answer = self.object.bind(py).call_method1("decide", (asked,))?;
            match answer.is_none() {
                true => Ok(()),
                false => self.apply(&answer, decision),
            }
        });
        if let Err(error) = done {
            let mut failures = self.failures.lock().expect("no code panics with the lock");
            failures.push(error);
        }
    }
}

impl InPython {
    fn apply(&self, answer: &Bound<'_, PyAny>, decision: &mut Decision) -> PyResult<()> {
        let count = decision.elrs().len();
        match self.stage {
            Stage::Rate => {
                let cap = LearningRate::new(answer.extract()?).map_err(refuse)?;
                decision.cap(cap);
            }
            Stage::Multipliers => {
                decision.multiply(self.vector(answer, count, LrMultiplier::new)?);
            }
            Stage::Weights => decision.rescale(self.vector(answer, count, RescaleFactor::new)?),
        }
        Ok(())
    }

    fn vector<T>(
        &self,
        answer: &Bound<'_, PyAny>,
        count: usize,
        checked: fn(f64) -> Result<T, QuantityError>,
    ) -> PyResult<Vec<T>> {
        let values: Vec<f64> = match answer.extract::<Vector<'_>>() {
            Ok(array) => array.as_array().to_vec(),
            Err(_) => answer.extract()?,
        };
        if values.len() != count {
            return Err(refuse(format!(
                "control `{}` returned {} numbers for {count} ELRs; return one for each",
                self.name,
                values.len()
            )));
        }
        let values = values.into_iter().map(checked);
        values.collect::<Result<_, _>>().map_err(refuse)
    }
}

#[pymethods]
impl StepContext {
    /// The step, counted from 0.
    #[getter]
    fn step(&self) -> u64 {
        self.step
    }

    /// The rate that the schedule asks for.
    #[getter]
    fn lr(&self) -> f64 {
        self.lr
    }

    /// The critical rate at the ELRs as they act; `None` before the stage `rate`.
    #[getter]
    fn critical(&self) -> Option<f64> {
        self.critical
    }

    /// The angle that weights have turned so far, in radians: summed over steps, mean over layers.
    #[getter]
    fn path(&self) -> f64 {
        self.path
    }

    /// Which ELRs are given: `gradient` or `update`.
    #[getter]
    fn measure(&self) -> &'static str {
        measure_name(self.measure)
    }

    /// The ELRs as they act so far.
    #[getter]
    fn elr<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.elr)
    }

    /// The multipliers of the step before; empty before the first.
    #[getter]
    fn multipliers<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.multipliers)
    }

    /// The factor by which each norm has grown since the first step; empty before it.
    #[getter]
    fn growths<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.growths)
    }
}
