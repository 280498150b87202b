//! The plain deep network of the theory: depth × [linear without bias → norm → activation], then a
//! linear classifier.

use super::{Defaults, Entry, Refusal, Shape};
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::init::Init;
use crate::layer::norm::Norm;

pub(super) const ENTRY: Entry = Entry {
    name: "mlp",
    summary: "DEPTH x [linear without bias to WIDTH features, norm, activation], linear classifier",
    defaults: Defaults {
        depth: 50,
        width: |_| 128,
        norm: Norm::Batch,
        activation: Activation::Relu,
        init: Init::Kaiming,
    },
    shortcuts: false,
    layers,
};

fn layers(shape: &Shape) -> Result<Vec<Layer>, Refusal> {
    shape.image()?;
    let mut features = shape.example.size();
    let mut layers = Vec::new();
    for i in 0..shape.depth {
        let names = ["linear", "norm"].map(|part| format!("blocks.{i}.{part}"));
        layers.extend(shape.linear(names, features, shape.width));
        layers.extend(shape.activation.layer());
        features = shape.width;
    }
    layers.push(Layer::linear(
        "head".to_owned(),
        features,
        shape.classes,
        true,
    ));
    Ok(layers)
}
