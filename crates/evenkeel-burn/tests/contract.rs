//! Burn acts on recorded sequences as every host of the controller does.
//!
//! The sequences are those of the theory crate's `tests/contract`: networks under plain SGD with a
//! steady base gradient `c = ‖W‖‖∇W‖`. Here they are real parameters, with gradients of norm `c/‖W‖`
//! orthogonal to them.

use burn::module::{Module, Param, ParamId};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor, TensorData};
use evenkeel::control::Controls;
use evenkeel::quantity::LearningRate;
use evenkeel_burn::controller::ElrController;
use evenkeel_burn::probe::Probe;
use serde_json::Value;

#[derive(Module, Debug)]
struct Layers {
    weights: Vec<Param<Tensor<2>>>,
}

const ROWS: usize = 4;
const COLUMNS: usize = 6;

fn numbers(value: &Value) -> Vec<f64> {
    let entries = value.as_array().expect("a list of numbers");
    entries
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect()
}

fn values(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// A vector of this length orthogonal to `weight`, another one in each step.
fn orthogonal(weight: &[f64], length: f64, step: usize) -> Vec<f64> {
    let direction = |i: usize| (1.0 + i as f64 * (0.7 + 0.1 * step as f64)).sin();
    let raw: Vec<f64> = (0..weight.len()).map(direction).collect();
    let inner: f64 = raw.iter().zip(weight).map(|(a, b)| a * b).sum();
    let along = inner / norm(weight).powi(2);
    let across: Vec<f64> = raw.iter().zip(weight).map(|(a, b)| a - along * b).collect();
    let scale = length / norm(&across);
    across.iter().map(|v| v * scale).collect()
}

fn gradients(net: &Layers, bases: &[f64], step: usize) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    for (param, base) in net.weights.iter().zip(bases) {
        let weight = param.val().without_autodiff();
        let own = values(weight.clone());
        let gradient = orthogonal(&own, base / norm(&own), step);
        let data = TensorData::new(gradient, [ROWS, COLUMNS]);
        let options = (&weight.device(), weight.dtype());
        gradients.register(param.id, Tensor::<2>::from_data(data, options));
    }
    gradients
}

#[track_caller]
fn same(found: impl Iterator<Item = f64>, expected: &Value, what: &str) {
    let expected = numbers(expected);
    let found: Vec<f64> = found.collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (one, other) in found.iter().zip(&expected) {
        // Weights are in 32 bits.
        assert!(
            (one / other - 1.0).abs() < 3e-4,
            "{what}: {one} instead of {other}"
        );
    }
}

#[test]
fn recorded_sequences_are_acted_out() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../evenkeel/tests/contract/sequences.json"
    );
    let text = std::fs::read_to_string(path).expect("the theory crate has the sequences");
    let sequences: Vec<Value> = serde_json::from_str(&text).expect("the recorded file is whole");
    let device = Device::flex().autodiff();
    for sequence in sequences.iter().filter(|s| s["steady"] == true) {
        let control = sequence["control"].as_str().expect("a text");
        let steps = sequence["steps"].as_array().expect("a list of steps");
        let starts = numbers(&steps[0]["weight_norm"]);
        let bases: Vec<f64> = starts
            .iter()
            .zip(numbers(&steps[0]["gradient_norm"]))
            .map(|(weight, gradient)| weight * gradient)
            .collect();
        let weight = |start: &f64| {
            let entry = (start / (ROWS * COLUMNS) as f64).sqrt();
            let data: Vec<f64> = (0..ROWS * COLUMNS)
                .map(|i| entry * (0.3 + i as f64).cos())
                .collect();
            let data: Vec<f64> = data.iter().map(|v| v * start / norm(&data)).collect();
            let tensor = Tensor::<2>::from_data(TensorData::new(data, [ROWS, COLUMNS]), &device);
            Param::initialized(ParamId::new(), tensor.require_grad())
        };
        let mut net = Layers {
            weights: starts.iter().map(weight).collect(),
        };
        let probe =
            Probe::find(&net, &gradients(&net, &bases, 0)).expect("gradients are orthogonal");
        let controls: Controls = control.parse().expect("a recorded control");
        let mut controller = ElrController::new(probe, controls);
        let mut sgd = SgdConfig::new().init();
        for (number, step) in steps.iter().enumerate() {
            let found = net.weights.iter().map(|w| norm(&values(w.val())));
            same(found, &step["weight_norm"], control);
            let target = LearningRate::new(step["target"].as_f64().expect("a rate")).unwrap();
            let gradients = gradients(&net, &bases, number);
            let (stepped, report) = controller.step(net, gradients, &mut sgd, target).unwrap();
            net = stepped;
            let (plan, expected) = (&report.plan, &step["plan"]);
            let lr = [plan.lr.get() / expected["lr"].as_f64().expect("a rate")];
            assert!(
                (lr[0] - 1.0).abs() < 3e-4,
                "{control} at step {number}: {lr:?}"
            );
            same(
                plan.multipliers.iter().map(|m| m.get()),
                &expected["multipliers"],
                control,
            );
            same(
                plan.factors.iter().map(|a| a.get()),
                &expected["factors"],
                control,
            );
            same(
                plan.acting.iter().flatten().map(|e| e.get()),
                &expected["acting"],
                control,
            );
        }
        let warmup = controller.state().warmup_steps;
        assert_eq!(warmup, sequence["warmup_steps"].as_u64(), "{control}");
    }
}
