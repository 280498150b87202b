//! The vision transformer (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words").

use super::transformer::{Style, Transformer};
use super::{Defaults, Entry, Refusal, Shape};
use crate::example::Example;
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::init::Init;
use crate::layer::norm::Norm;

pub(super) const ENTRY: Entry = Entry {
    name: "vit",
    summary: "Dosovitskiy et al. 2021; DEPTH blocks of WIDTH features, heads of 64, over patches of \
              16x16 pixels, 4x4 of small images, 2x2 of smaller ones",
    defaults: Defaults {
        depth: 6,
        width: |_| 128,
        norm: Norm::Layer,
        activation: Activation::Gelu,
        init: Init::Xavier,
    },
    shortcuts: true,
    layers,
};

fn layers(shape: &Shape) -> Result<Vec<Layer>, Refusal> {
    let (image, channels) = shape.image()?;
    let width = shape.width;
    let (patch, patches) = patches(shape.example)?;
    let context = patches + 1;
    let blocks = Transformer {
        shape,
        style: Style::Pre,
        context,
        causal: false,
    };
    let mut layers = vec![
        image,
        Layer::Conv {
            name: "patches".to_owned(),
            inputs: channels,
            outputs: width,
            kernel: patch,
            stride: patch,
            padding: 0,
            bias: true,
        },
        Layer::Sequence,
        Layer::ClassToken {
            name: "class".to_owned(),
            context: patches,
            width,
        },
        Layer::positioned(context, width),
    ];
    layers.extend(blocks.layers()?);
    layers.push(Layer::FirstToken { context });
    layers.push(Layer::linear("head".to_owned(), width, shape.classes, true));
    Ok(layers)
}

/// The side of a patch, and how many there are.
fn patches(example: Example) -> Result<(usize, usize), Refusal> {
    let [height, width] = match example {
        Example::Image { height, width, .. } => [height, width],
        Example::Tokens { context, .. } => [1, context],
    };
    let patch = match height.min(width) {
        0..16 => 2,
        16..128 => 4,
        _ => 16,
    };
    if height.is_multiple_of(patch) && width.is_multiple_of(patch) {
        Ok((patch, height / patch * (width / patch)))
    } else {
        Err(Refusal::Patches {
            patch,
            height,
            width,
        })
    }
}
