//! Residual networks (He et al. 2016, "Deep Residual Learning for Image Recognition").

use super::{Defaults, Entry, Refusal, Shape};
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::init::Init;
use crate::layer::norm::Norm;

pub(super) const ENTRY: Entry = Entry {
    name: "resnet",
    summary: "He et al. 2016; DEPTH 6n+2 (20, 32, 44, 56, 110): three stages for small images, from \
              WIDTH channels on; 18, 34, 50: four stages for ImageNet, from 64 on by default",
    defaults: Defaults {
        depth: 56,
        width: |depth| if imagenet(depth).is_some() { 64 } else { 16 },
        norm: Norm::Batch,
        activation: Activation::Relu,
        init: Init::Kaiming,
    },
    shortcuts: true,
    layers,
};

/// The differences between residual networks.
struct Design {
    /// Blocks of each stage.
    stages: Vec<usize>,
    /// Blocks of 1x1, 3x3 and 1x1 convolutions with four times the channels at the end.
    bottleneck: bool,
    /// A stem that quarters the sides, and shortcuts that change shape by a convolution.
    large: bool,
}

/// The networks for ImageNet, of the sizes in table 1.
fn imagenet(depth: usize) -> Option<Design> {
    let (stages, bottleneck) = match depth {
        18 => ([2, 2, 2, 2], false),
        34 => ([3, 4, 6, 3], false),
        50 => ([3, 4, 6, 3], true),
        _ => return None,
    };
    Some(Design {
        stages: stages.to_vec(),
        bottleneck,
        large: true,
    })
}

/// The networks for CIFAR, section 4.2.
fn cifar(depth: usize) -> Option<Design> {
    let n = depth.checked_sub(2)? / 6;
    (n > 0 && depth == 6 * n + 2).then(|| Design {
        stages: vec![n; 3],
        bottleneck: false,
        large: false,
    })
}

fn layers(shape: &Shape) -> Result<Vec<Layer>, Refusal> {
    let design = imagenet(shape.depth)
        .or_else(|| cifar(shape.depth))
        .ok_or(Refusal::Depth {
            given: shape.depth,
            permitted: "6n+2 (8, 14, 20, 26, 32, 44, 56, 110), or 18, 34, 50 for ImageNet",
        })?;
    let (image, channels) = shape.image()?;
    let mut layers = vec![image];
    layers.extend(design.stem(shape, channels));
    let mut channels = shape.width;
    for (stage, &blocks) in design.stages.iter().enumerate() {
        for block in 0..blocks {
            let outputs = (shape.width << stage) * if design.bottleneck { 4 } else { 1 };
            let place = Place {
                name: format!("stages.{stage}.{block}"),
                channels: [std::mem::replace(&mut channels, outputs), outputs],
                stride: if stage > 0 && block == 0 { 2 } else { 1 },
            };
            layers.extend(design.block(shape, place));
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

/// A block's place in the network.
struct Place {
    name: String,
    channels: [usize; 2],
    stride: usize,
}

impl Design {
    fn stem(&self, shape: &Shape, channels: usize) -> Vec<Layer> {
        let (kernel, stride) = if self.large { (7, 2) } else { (3, 1) };
        let channels = [channels, shape.width];
        let mut layers = shape.conv(["stem.conv", "stem.norm"], channels, kernel, stride);
        layers.extend(shape.activation.layer());
        if self.large {
            layers.push(Layer::MaxPool {
                kernel: 3,
                stride: 2,
                padding: 1,
            });
        }
        layers
    }

    fn block(&self, shape: &Shape, place: Place) -> Vec<Layer> {
        let (body, shortcut) = (self.body(shape, &place), self.shortcut(shape, &place));
        let mut layers = shape.residual(place.name, body, shortcut);
        layers.extend(shape.activation.layer());
        layers
    }

    /// The convolutions of a block. The stride is at its first 3x3 convolution.
    fn body(&self, shape: &Shape, place: &Place) -> Vec<Layer> {
        let [inputs, outputs] = place.channels;
        let convolutions = if self.bottleneck {
            let inner = outputs / 4;
            vec![
                ([inputs, inner], 1, 1),
                ([inner, inner], 3, place.stride),
                ([inner, outputs], 1, 1),
            ]
        } else {
            vec![
                ([inputs, outputs], 3, place.stride),
                ([outputs, outputs], 3, 1),
            ]
        };
        let mut layers = Vec::new();
        for (i, (channels, kernel, stride)) in (1..).zip(convolutions) {
            if i > 1 {
                layers.extend(shape.activation.layer());
            }
            let names = ["conv", "norm"].map(|part| format!("{}.{part}{i}", place.name));
            layers.extend(shape.conv(names, channels, kernel, stride));
        }
        layers
    }

    fn shortcut(&self, shape: &Shape, place: &Place) -> Vec<Layer> {
        let [inputs, outputs] = place.channels;
        if inputs == outputs && place.stride == 1 {
            Vec::new()
        } else if self.large {
            let names = ["conv", "norm"].map(|part| format!("{}.shortcut.{part}", place.name));
            shape.conv(names, place.channels, 1, place.stride)
        } else {
            vec![Layer::Subsample {
                stride: place.stride,
                zeros: outputs - inputs,
            }]
        }
    }
}
