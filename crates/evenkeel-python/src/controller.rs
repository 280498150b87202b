//! The controller: the state machine that all hosts share.

use std::sync::Mutex;

use evenkeel::controller::{self, ControllerState, Layer, Reading};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::controls::Controls;
use crate::error::refuse;
use crate::input::{Vector, measure, measure_name, rate};
use crate::plan::Plan;

/// The layers of a network, in order: names, and how many parts each has.
#[pyclass(frozen, module = "evenkeel")]
pub struct Layers(controller::Layers);

#[pymethods]
impl Layers {
    #[new]
    #[pyo3(signature = (names, parts=None))]
    fn new(names: Vec<String>, parts: Option<Vec<usize>>) -> PyResult<Self> {
        let parts = parts.unwrap_or_else(|| vec![1; names.len()]);
        if parts.len() != names.len() {
            return Err(refuse(format!(
                "there are {} numbers of parts for {} names; give one for each",
                parts.len(),
                names.len()
            )));
        }
        let layers = names.into_iter().zip(parts);
        let layers = layers.map(|(name, parts)| Layer { name, parts });
        controller::Layers::new(layers).map(Self).map_err(refuse)
    }

    /// The names.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.iter().map(|layer| layer.name.clone()).collect()
    }

    /// How many parts each layer has.
    #[getter]
    fn parts(&self) -> Vec<usize> {
        self.0.iter().map(|layer| layer.parts).collect()
    }

    /// The number of parts of all layers together.
    fn __len__(&self) -> usize {
        self.0.parts()
    }
}

/// Decides at each step, and remembers what the next decision needs.
#[pyclass(frozen, module = "evenkeel")]
pub struct Controller {
    controls: Controls,
    inner: Mutex<controller::Controller>,
}

impl Controller {
    fn locked<T>(&self, act: impl FnOnce(&mut controller::Controller) -> T) -> T {
        act(&mut self.inner.lock().expect("no code panics with the lock"))
    }
}

#[pymethods]
impl Controller {
    #[new]
    #[pyo3(signature = (control, measure="gradient"))]
    fn new(control: &Bound<'_, PyAny>, measure: &str) -> PyResult<Self> {
        let controls = Controls::of(control)?;
        let measure = self::measure(measure)?;
        let inner = controller::Controller::new(controls.inner.clone(), measure);
        Ok(Self {
            controls,
            inner: Mutex::new(inner),
        })
    }

    /// The text of the controls.
    #[getter]
    fn control(&self) -> String {
        self.controls.inner.to_string()
    }

    /// Which ELRs it is given: `gradient` or `update`.
    #[getter]
    fn measure(&self) -> &'static str {
        measure_name(self.locked(|c| c.measure()))
    }

    /// Steps taken so far.
    #[getter]
    fn steps(&self) -> u64 {
        self.locked(|c| c.state().steps)
    }

    /// Whether the controls have changed nothing for some steps.
    #[getter]
    fn finished(&self) -> bool {
        self.locked(|c| c.is_finished())
    }

    /// The angle that weights have turned so far, in radians: summed over steps, mean over layers.
    #[getter]
    fn path(&self) -> f64 {
        self.locked(|c| c.state().path)
    }

    /// Steps until the rate first reached its target; `None` before.
    #[getter]
    fn warmup_steps(&self) -> Option<u64> {
        self.locked(|c| c.state().warmup_steps)
    }

    /// Steps in a row in which nothing was changed.
    #[getter]
    fn idle_steps(&self) -> u32 {
        self.locked(|c| c.state().idle_steps)
    }

    /// Decides about one step and remembers it. Vectors have one entry for each part of the layers.
    #[pyo3(signature = (layers, weight_norm, elr, lr, cosine=None))]
    fn step(
        &self,
        layers: &Layers,
        weight_norm: Vector<'_>,
        elr: Vector<'_>,
        lr: f64,
        cosine: Option<Vector<'_>>,
    ) -> PyResult<Plan> {
        let parts = layers.0.parts();
        let given = [Some(&weight_norm), Some(&elr), cosine.as_ref()];
        let names = ["weight norms", "ELRs", "cosines"];
        for (name, values) in names.iter().zip(given) {
            let found = values.map_or(parts, |values| values.as_array().len());
            if found != parts {
                return Err(refuse(format!(
                    "there are {found} {name} for {parts} parts of layers; give one for each"
                )));
            }
        }
        let (weights, elrs) = (weight_norm.as_array(), elr.as_array());
        let cosines = cosine.as_ref().map(|cosine| cosine.as_array());
        let reading = |part: usize| {
            let plain = Reading {
                weight_norm: weights[part],
                elr: evenkeel::quantity::Elr::new(elrs[part]).ok(),
                cosine: 0.0,
            };
            plain.with_cosine(cosines.as_ref().map_or(0.0, |cosines| cosines[part]))
        };
        let readings: Vec<Reading> = (0..parts).map(reading).collect();
        let target = rate(lr)?;
        // A control that is written in Python may raise: the step is not counted then.
        let plan = self.locked(|controller| {
            let mut next = controller.clone();
            let plan = next.step(&layers.0, &readings, target);
            self.controls.raise()?;
            *controller = next;
            Ok::<_, PyErr>(plan)
        })?;
        Ok(Plan(plan))
    }

    /// Counts a step that was taken at the schedule's rate without being measured.
    fn pass_over(&self) {
        self.locked(|c| c.pass_over());
    }

    /// Whether to measure the next step.
    fn wakes(&self, lr: f64, every: u64) -> PyResult<bool> {
        let target = rate(lr)?;
        Ok(self.locked(|c| c.wakes(target, every)))
    }

    /// All that a resumed run needs, in types that JSON has.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = self.locked(|c| c.state().clone());
        let dict = PyDict::new(py);
        dict.set_item("control", self.control())?;
        dict.set_item("measure", self.measure())?;
        let layers = Layers(state.layers.clone());
        dict.set_item("layers", layers.names())?;
        dict.set_item("parts", layers.parts())?;
        dict.set_item("words", state.words())?;
        Ok(dict)
    }

    /// Goes on as the controller that was saved.
    fn load_state_dict(&self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let item = |key: &str| {
            let missing = || {
                refuse(format!(
                    "the controller's state has no `{key}`; was it saved by another version?"
                ))
            };
            state.get_item(key)?.ok_or_else(missing)
        };
        let (saved, own) = (item("control")?.extract::<String>()?, self.control());
        if saved != own {
            return Err(refuse(format!(
                "the checkpoint was steered by `{saved}`, not by `{own}`"
            )));
        }
        let layers = Layers::new(item("layers")?.extract()?, Some(item("parts")?.extract()?))?;
        let words: Vec<u64> = item("words")?.extract()?;
        self.resume(layers.0, &words)
    }

    /// All of its state for these layers as unsigned 32-bit numbers, as many for every state.
    fn words<'py>(&self, py: Python<'py>, layers: &Layers) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let mut state = self.locked(|c| c.state().clone());
        if state.layers.parts() == 0 {
            state.layers = layers.0.clone();
        }
        if state.layers != layers.0 {
            return Err(refuse(
                "the controller has seen other layers; words are for layers that stay",
            ));
        }
        let halves = state
            .words()
            .into_iter()
            .flat_map(|word| [word as u32, (word >> 32) as u32]);
        Ok(PyArray1::from_iter(py, halves))
    }

    /// Goes on from what `words` returned for these layers.
    fn load_words(&self, layers: &Layers, words: PyReadonlyArray1<'_, u32>) -> PyResult<()> {
        let halves = words.as_array().to_vec();
        let word = |pair: &[u32]| u64::from(pair[0]) | u64::from(pair[1]) << 32;
        let words: Vec<u64> = halves.chunks_exact(2).map(word).collect();
        self.resume(layers.0.clone(), &words)
    }

    fn __repr__(&self) -> String {
        format!("Controller({:?}, {:?})", self.control(), self.measure())
    }
}

impl Controller {
    fn resume(&self, layers: controller::Layers, words: &[u64]) -> PyResult<()> {
        let state = ControllerState::of_words(layers, words).map_err(refuse)?;
        self.locked(|controller| *controller = controller.clone().resumed(state));
        Ok(())
    }
}
