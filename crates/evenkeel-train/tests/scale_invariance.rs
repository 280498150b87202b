//! Which weights of each model the probe finds scale-invariant, and how exactly they are (T1).

#![allow(
    clippy::print_stdout,
    reason = "the table in docs/results/scale-invariance.md is what this prints"
)]

#[path = "../../evenkeel-nn/tests/small/mod.rs"]
mod small;

use std::collections::BTreeMap;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use evenkeel_burn::probe::{NormSource, Parameter, Probe};
use evenkeel_nn::layer::norm;
use evenkeel_nn::layer::norm::Norm;
use evenkeel_nn::model::shape::Shape;
use evenkeel_nn::model::{ALL, Entry, find};
use evenkeel_nn::network::Network;
use evenkeel_nn::seed::{Purpose, rng};
use evenkeel_train::granularity::Granularity;
use evenkeel_train::invariance;

use small::{batch, small};

/// The weights of each model that are scale-invariant, by the ends of their names.
const TABLE: &[(&str, &[&str])] = &[
    ("mlp", &[".linear"]),
    ("conv", &[".conv"]),
    ("resnet", &[".conv", ".conv1", ".conv2", ".conv3"]),
    // Every branch ends in a sum with its shortcut, which has a scale of its own.
    ("vit", &[]),
    ("gpt", &[]),
    ("gpt-post", &[]),
    ("gpt-qk", &[".query", ".key"]),
    (
        "gpt-normalized",
        &[
            ".query",
            ".key",
            ".value",
            ".output",
            ".up",
            ".down",
            "tokens",
            "positions",
        ],
    ),
];

/// The largest `|cos(W, ∇W)|·√numel` of each weight, and whether it counts as scale-invariant.
type Found = BTreeMap<String, (f64, bool)>;

/// The axis whose slices are scale-invariant by themselves: that of outputs where a normalization
/// looks at each by itself, that of tokens and positions where it looks at each of those.
fn axis(norm: Norm, layer: &Parameter) -> Option<usize> {
    match (norm, layer.shape.len()) {
        _ if ["tokens.weight", "positions.weight"].contains(&layer.path.as_str()) => Some(0),
        (Norm::Batch, 2) => Some(1),
        (Norm::Batch, _) => Some(0),
        _ => None,
    }
}

/// Looks at a network with random weights on random data.
fn look(model: &Entry, shape: &Shape) -> Found {
    let device = Device::flex().autodiff();
    let rng = &mut rng(3, Purpose::Weights);
    let layers = model.layers(shape).unwrap();
    let network = Network::build(&layers, model.defaults.init, rng, &device);
    let mut found = Found::new();
    let probe = invariance::probe(
        &network,
        Granularity::Unit,
        NormSource::default(),
        |network| {
            let (input, labels) = batch(shape.example, rng, &device);
            let loss = network.loss(input, labels);
            let gradients = GradientsParams::from_grads(loss.backward(), network);
            collect(&Probe::survey(network, &gradients), &mut found);
            gradients
        },
    );
    for layer in probe.unwrap().layers() {
        assert_eq!(
            layer.units.map(|units| units.axis),
            axis(shape.norm, layer),
            "{} {:?} {}",
            model.name,
            shape.norm,
            layer.path
        );
        found.get_mut(&layer.path).unwrap().1 = true;
    }
    found
}

fn collect(probe: &Probe, found: &mut Found) {
    for weight in probe.parameters().iter().filter(|p| p.shape.len() > 1) {
        let numel: usize = weight.shape.iter().product();
        let cosine = weight.found.unwrap().cosine.abs() * (numel as f64).sqrt();
        let (largest, _) = found.entry(weight.path.clone()).or_default();
        *largest = largest.max(cosine);
    }
}

/// Holds what is found against the table.
fn check(model: &Entry, shape: &Shape) {
    let (_, expected) = TABLE.iter().find(|(name, _)| *name == model.name).unwrap();
    let found = look(model, shape);
    let norm = norm::ALL
        .iter()
        .find(|row| row.value == shape.norm)
        .unwrap();
    let of = |invariant: bool| {
        found
            .values()
            .filter(move |(_, is)| *is == invariant)
            .map(|f| f.0)
    };
    println!(
        "{:14} {:4} depth {:2}, shortcuts {:5}: {:2} of {:2} weights, |cos| sqrt(numel) up to {:.0e}; others from {:.0e}",
        model.name,
        norm.name,
        shape.depth,
        shape.shortcuts,
        of(true).count(),
        found.len(),
        of(true).fold(0.0, f64::max),
        of(false).fold(f64::INFINITY, f64::min),
    );
    for (path, (cosine, invariant)) in &found {
        let module = path.strip_suffix(".weight").unwrap();
        let normalized =
            shape.norm != Norm::None && expected.iter().any(|end| module.ends_with(end));
        assert_eq!(
            *invariant, normalized,
            "{} {} {path}: {cosine}",
            model.name, norm.name
        );
        let apart = if normalized {
            *cosine < 0.02
        } else {
            *cosine > 0.2
        };
        assert!(apart, "{} {} {path}: {cosine}", model.name, norm.name);
    }
}

#[test]
fn every_model_with_its_own_normalization() {
    for model in ALL {
        check(model, &small(model));
    }
}

#[test]
fn every_normalization_in_plain_and_residual_networks() {
    for model in ["mlp", "conv", "resnet"].map(|name| find(name).unwrap()) {
        for norm in norm::ALL {
            check(
                model,
                &Shape {
                    norm: norm.value,
                    ..small(model)
                },
            );
        }
    }
}

#[test]
fn residual_networks_of_all_designs() {
    let model = find("resnet").unwrap();
    for (depth, shortcuts) in [(8, false), (18, true), (50, true), (50, false)] {
        check(
            model,
            &Shape {
                depth,
                shortcuts,
                width: 4,
                ..small(model)
            },
        );
    }
}
