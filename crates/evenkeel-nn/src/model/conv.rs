//! The plain convolutional network: a CIFAR ResNet's stages without its shortcuts.

use super::{Defaults, Entry, Refusal, Shape};
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::init::Init;
use crate::layer::norm::Norm;

pub(super) const ENTRY: Entry = Entry {
    name: "conv",
    summary: "DEPTH x [3x3 convolution, norm, activation] in three stages of WIDTH, 2 WIDTH, 4 WIDTH \
              channels, mean over pixels, linear classifier",
    defaults: Defaults {
        depth: 19,
        width: |_| 16,
        norm: Norm::Batch,
        activation: Activation::Relu,
        init: Init::Kaiming,
    },
    shortcuts: false,
    layers,
};

fn layers(shape: &Shape) -> Result<Vec<Layer>, Refusal> {
    let (image, mut channels) = shape.image()?;
    let mut layers = vec![image];
    for stage in 0..3 {
        // What three does not divide goes to the first stages.
        let blocks = (shape.depth + 2 - stage) / 3;
        for block in 0..blocks {
            let outputs = shape.width << stage;
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let names = ["conv", "norm"].map(|part| format!("stages.{stage}.{block}.{part}"));
            layers.extend(shape.conv(names, [channels, outputs], 3, stride));
            layers.extend(shape.activation.layer());
            channels = outputs;
        }
    }
    layers.push(Layer::AveragePool);
    layers.push(Layer::linear(
        "head".to_owned(),
        channels,
        shape.classes,
        true,
    ));
    Ok(layers)
}
