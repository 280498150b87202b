//! The shape of a model, and the blocks that all models are made of.

use super::refusal::Refusal;
use crate::example::Example;
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::norm::Norm;

/// The shape of a model on a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Depth, as the model counts it.
    pub depth: usize,
    /// Width, as the model counts it.
    pub width: usize,
    /// The shape of one input.
    pub example: Example,
    /// Number of classes.
    pub classes: usize,
    /// The normalization after each weight.
    pub norm: Norm,
    /// The activation after each normalization.
    pub activation: Activation,
    /// Whether residual blocks have shortcuts.
    pub shortcuts: bool,
}

impl Shape {
    /// The layer that makes maps of an image, and their number.
    pub(super) fn image(&self) -> Result<(Layer, usize), Refusal> {
        match self.example {
            Example::Image {
                channels,
                height,
                width,
            } => {
                let image = Layer::Image {
                    channels,
                    height,
                    width,
                };
                Ok((image, channels))
            }
            Example::Tokens { .. } => Err(Refusal::Data {
                takes: "images",
                given: "tokens",
                advice: "model gpt, or data with images",
            }),
        }
    }

    /// The size of the vocabulary, and how many tokens make an example.
    pub(super) fn tokens(&self) -> Result<(usize, usize), Refusal> {
        match self.example {
            Example::Tokens {
                vocabulary,
                context,
            } => Ok((vocabulary, context)),
            Example::Image { .. } => Err(Refusal::Data {
                takes: "tokens",
                given: "images",
                advice: "model vit, or data with text",
            }),
        }
    }

    /// Linear without bias → norm, with the names of both.
    pub(super) fn linear(
        &self,
        [linear, norm]: [String; 2],
        inputs: usize,
        outputs: usize,
    ) -> Vec<Layer> {
        let linear = Layer::linear(linear, inputs, outputs, false);
        self.normalized(linear, norm, outputs)
    }

    /// Convolution without bias → norm, with the names of both.
    pub(super) fn conv(
        &self,
        [conv, norm]: [impl Into<String>; 2],
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
    ) -> Vec<Layer> {
        let conv = Layer::conv(conv.into(), channels, kernel, stride);
        self.normalized(conv, norm.into(), channels[1])
    }

    /// A residual block, or what is left of it without shortcuts.
    pub(super) fn residual(
        &self,
        name: String,
        body: Vec<Layer>,
        shortcut: Vec<Layer>,
    ) -> Vec<Layer> {
        if self.shortcuts {
            vec![Layer::Residual {
                name,
                body,
                shortcut,
            }]
        } else {
            body
        }
    }

    /// A layer → norm of its features.
    pub(super) fn normalized(&self, layer: Layer, norm: String, features: usize) -> Vec<Layer> {
        let norm = self.norm.layer(norm, features);
        [Some(layer), norm].into_iter().flatten().collect()
    }
}
