//! The controller and the roll-out are held to recorded sequences of norms and plans, as every host is.
//!
//! `examples/record_contract.rs` made them. The hosts for Burn, PyTorch and optax run over the same file
//! in their own tests.

use evenkeel::control::Controls;
use evenkeel::controller::{Controller, Layers, Reading};
use evenkeel::forecast::Forecaster;
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{Elr, LearningRate};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sequence {
    name: String,
    control: Controls,
    steady: bool,
    steps: Vec<Step>,
    idle_steps: u32,
    path: f64,
    warmup_steps: Option<u64>,
}

#[derive(Deserialize)]
struct Step {
    layers: Vec<String>,
    target: f64,
    weight_norm: Vec<f64>,
    gradient_norm: Vec<f64>,
    plan: Expected,
}

#[derive(Deserialize)]
struct Expected {
    lr: f64,
    critical: Option<f64>,
    multipliers: Vec<f64>,
    factors: Vec<f64>,
    acting: Vec<Option<f64>>,
    before_hold: Vec<Option<f64>>,
    rescales: bool,
    multiplies: bool,
    mean_angle: f64,
}

fn sequences() -> Vec<Sequence> {
    let text = include_str!("contract/sequences.json");
    serde_json::from_str(text).expect("the recorded file is whole")
}

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

/// Equal up to rounding.
#[track_caller]
fn same(found: impl IntoIterator<Item = f64>, expected: &[f64], what: &str) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (one, other) in found.iter().zip(expected) {
        let distance = (one - other).abs() / other.abs().max(1e-12);
        assert!(distance < 1e-12, "{what}: {one} instead of {other}");
    }
}

fn numbers(elrs: &[Option<Elr>]) -> Vec<f64> {
    elrs.iter().map(|elr| elr.map_or(0.0, Elr::get)).collect()
}

fn or_zero(elrs: &[Option<f64>]) -> Vec<f64> {
    elrs.iter().map(|elr| elr.unwrap_or(0.0)).collect()
}

#[test]
fn recorded_norms_give_the_recorded_plans() {
    for sequence in sequences() {
        let what = &sequence.name;
        let mut controller = Controller::new(sequence.control, Measure::Gradient);
        for step in &sequence.steps {
            let layers = Layers::whole(step.layers.clone()).unwrap();
            let norms = step.weight_norm.iter().zip(&step.gradient_norm);
            let readings: Vec<Reading> = norms.map(|(w, g)| Reading::of_norms(*w, *g)).collect();
            let plan = controller.step(&layers, &readings, rate(step.target));
            let expected = &step.plan;
            same([plan.lr.get()], &[expected.lr], what);
            same(
                plan.critical.map(LearningRate::get),
                expected.critical.as_slice(),
                what,
            );
            same(
                plan.multipliers.iter().map(|m| m.get()),
                &expected.multipliers,
                what,
            );
            same(
                plan.factors.iter().map(|a| a.get()),
                &expected.factors,
                what,
            );
            same(numbers(&plan.acting), &or_zero(&expected.acting), what);
            same(
                numbers(&plan.before_hold),
                &or_zero(&expected.before_hold),
                what,
            );
            same([plan.mean_angle], &[expected.mean_angle], what);
            assert_eq!(plan.rescales, expected.rescales, "{what}");
            assert_eq!(plan.multiplies, expected.multiplies, "{what}");
        }
        let state = controller.state();
        assert_eq!(state.idle_steps, sequence.idle_steps, "{what}");
        assert_eq!(state.warmup_steps, sequence.warmup_steps, "{what}");
        same([state.path], &[sequence.path], what);
    }
}

#[test]
fn the_roll_out_acts_as_recorded() {
    for sequence in sequences().into_iter().filter(|s| s.steady) {
        let what = &sequence.name;
        let first = &sequence.steps[0];
        let norms = first.gradient_norm.iter().zip(&first.weight_norm);
        let start: Vec<Elr> = norms.map(|(g, w)| Elr::new(g / w).unwrap()).collect();
        let target = |step: usize| rate(sequence.steps[step.min(sequence.steps.len() - 1)].target);
        let run = Forecaster::new(&start, target)
            .controls(sequence.control.clone())
            .run(sequence.steps.len());
        for (step, (lr, elrs)) in sequence.steps.iter().zip(run.lrs.iter().zip(&run.elrs)) {
            same([lr.get()], &[step.plan.lr], what);
            same(
                elrs.iter().map(|elr| elr.get()),
                &or_zero(&step.plan.acting),
                what,
            );
        }
        assert_eq!(
            run.warmup_steps.map(|steps| steps as u64),
            sequence.warmup_steps,
            "{what}"
        );
    }
}
