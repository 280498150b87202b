//! The probe against norms computed here, and against modules made to deceive it.

mod common;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use common::{distance, setup, values};
use evenkeel::quantity::RescaleFactor;
use evenkeel_burn::probe::{Probe, ProbeError, Role};

#[test]
fn weights_before_norms_are_found_and_named() {
    let (net, batch) = setup(4, 16);
    let loss = |net: &common::Net| net.loss(&batch).into_scalar::<f64>();
    let probe = Probe::find(&net, &net.gradients(&batch)).unwrap();
    let probe = probe.confirm(&net, loss);
    let names: Vec<&str> = probe.layers().map(|layer| layer.path.as_str()).collect();
    let expected: Vec<String> = (0..4)
        .map(|i| format!("blocks.{i}.linear.weight"))
        .collect();
    assert_eq!(names, expected);
    assert!(probe.layers().all(|layer| layer.shape == [16, 16]));
    for parameter in probe.parameters() {
        let role = match parameter.path.as_str() {
            "head.weight" => Role::ScaleDependent,
            path if path.contains("linear") => Role::ScaleInvariant,
            _ => Role::Vector,
        };
        assert_eq!(parameter.role, role, "{}", parameter.path);
        assert!(parameter.found.is_some(), "{} is reported", parameter.path);
    }
}

#[test]
fn the_scale_of_what_is_found_does_not_matter() {
    let (net, batch) = setup(4, 16);
    let probe = Probe::find(&net, &net.gradients(&batch)).unwrap();
    let scaled = probe.scaled(&net, RescaleFactor::from_ln(1.0));
    let [before, after] = [&net, &scaled].map(|net| net.loss(&batch).into_scalar::<f64>());
    assert!((after / before - 1.0).abs() < 1e-3, "{before}, {after}");
    let [before, after] = [&net, &scaled].map(|net| {
        let readings = probe.read(net, &net.gradients(&batch)).unwrap();
        readings[0].weight_norm
    });
    assert!((after / before - 1f64.exp()).abs() < 1e-5);
}

#[test]
fn norms_and_cosines_are_those_of_the_tensors() {
    let (net, batch) = setup(3, 16);
    let gradients = net.gradients(&batch);
    let probe = Probe::find(&net, &gradients).unwrap();
    for (block, reading) in net.blocks.iter().zip(probe.read(&net, &gradients).unwrap()) {
        let w = values(block.linear.weight.val());
        let g = values(gradients.get::<2>(block.linear.weight.id).unwrap());
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((reading.weight_norm / norm(&w) - 1.0).abs() < 1e-6);
        assert!((reading.gradient_norm / norm(&g) - 1.0).abs() < 1e-6);
        assert!(
            reading.cosine.abs() < 1e-4,
            "orthogonal by T1: {}",
            reading.cosine
        );
    }
}

/// One matrix under a loss of our choosing.
#[derive(Module, Debug)]
struct Matrix {
    weight: Param<Tensor<2>>,
}

fn matrix(values: [f32; 2], device: &Device) -> Matrix {
    Matrix {
        weight: Param::from_tensor(Tensor::from_floats([values], device)),
    }
}

/// `1 + (w₀ − 1)² + w₁`: at W = (1, 0) orthogonal to its gradient (0, 1), and not scale-invariant.
fn deceiver(matrix: &Matrix) -> Tensor<1> {
    let w = matrix.weight.val();
    let first = w.clone().slice([0..1, 0..1]).sub_scalar(1.0).powi_scalar(2);
    (first + w.slice([0..1, 1..2])).add_scalar(1.0).sum()
}

#[test]
fn orthogonality_by_accident_is_found_out() {
    let matrix = matrix([1.0, 0.0], &Device::flex().autodiff());
    let gradients = GradientsParams::from_grads(deceiver(&matrix).backward(), &matrix);
    let probe = Probe::find(&matrix, &gradients).unwrap();
    assert_eq!(probe.layers().len(), 1, "the cosine alone is deceived");
    let elsewhere = self::matrix([1.5, 0.0], &Device::flex().autodiff());
    let elsewhere = Matrix {
        weight: Param::initialized(matrix.weight.id, elsewhere.weight.val()),
    };
    let other = GradientsParams::from_grads(deceiver(&elsewhere).backward(), &elsewhere);
    let rechecked = probe.clone().recheck(&elsewhere, &other);
    assert_eq!(
        rechecked.and_then(Probe::not_empty).unwrap_err(),
        ProbeError::NothingInvariant { parameters: 1 }
    );
    let confirmed = probe.confirm(&matrix, |m| deceiver(m).into_scalar::<f64>());
    assert_eq!(
        confirmed.not_empty().unwrap_err(),
        ProbeError::NothingInvariant { parameters: 1 }
    );
}

#[test]
fn a_small_cosine_proves_little_in_many_dimensions() {
    // Half of what random directions have: below 1e-3, and still no mark of invariance.
    let (side, device) = (600, Device::flex().autodiff());
    let mut values = vec![1.0f32; side * side];
    values[..side * side / 2].fill(-1.0);
    let direction = Tensor::<2>::from_data(TensorData::new(values, [side, side]), &device);
    let weight = Tensor::<2>::ones([side, side], &device) + direction.clone() * (0.5 / side as f64);
    let weight = Param::from_tensor(weight);
    let matrix = Matrix { weight };
    let loss = (matrix.weight.val() * direction).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &matrix);
    let probe = Probe::survey(&matrix, &gradients);
    let found = &probe.parameters()[0];
    let cosine = found.found.unwrap().cosine * side as f64;
    assert!((cosine - 0.5).abs() < 0.01, "{cosine}");
    assert_eq!(found.role, Role::ScaleDependent);
    assert_eq!(probe.layers().len(), 0);
}

/// `scale · (w₁/w₀)`: scale-invariant, with a gradient as small or large as wanted.
fn ratio(matrix: &Matrix, scale: f64) -> Tensor<1> {
    let w = matrix.weight.val();
    let quotient = w.clone().slice([0..1, 1..2]) / w.slice([0..1, 0..1]);
    quotient.mul_scalar(scale).sum()
}

#[test]
fn squares_out_of_the_range_of_f32_are_still_right() {
    for scale in [1e-30, 1e25] {
        let matrix = matrix([1.0, 1.0], &Device::flex().autodiff());
        let gradients = GradientsParams::from_grads(ratio(&matrix, scale).backward(), &matrix);
        let probe = Probe::find(&matrix, &gradients).unwrap();
        let reading = probe.read(&matrix, &gradients).unwrap()[0];
        let expected = scale * 2f64.sqrt();
        assert!(
            (reading.gradient_norm / expected - 1.0).abs() < 1e-6,
            "{scale}: {reading:?}"
        );
    }
}

#[test]
fn what_cannot_be_measured_is_named() {
    let (net, batch) = setup(2, 8);
    let gradients = net.gradients(&batch);
    let probe = Probe::find(&net, &gradients).unwrap();
    let message = probe
        .read(&net, &GradientsParams::new())
        .unwrap_err()
        .to_string();
    assert!(message.contains("blocks.0.linear.weight") && message.contains("no gradient"));

    let mut broken = net.gradients(&batch);
    for block in &net.blocks {
        let id = block.linear.weight.id;
        let gradient = broken.remove::<2>(id).unwrap().mul_scalar(f64::NAN);
        broken.register(id, gradient);
    }
    let message = probe.read(&net, &broken).unwrap_err().to_string();
    assert!(
        message.contains("blocks.1") && message.contains("gradient norm is NaN"),
        "{message}"
    );
}

#[test]
fn confirming_leaves_the_module_alone() {
    let (net, batch) = setup(2, 8);
    let before = values(net.blocks[0].linear.weight.val());
    let probe = Probe::find(&net, &net.gradients(&batch)).unwrap();
    probe.confirm(&net, |net| net.loss(&batch).into_scalar::<f64>());
    assert_eq!(
        distance(&before, &values(net.blocks[0].linear.weight.val())),
        0.0
    );
}
