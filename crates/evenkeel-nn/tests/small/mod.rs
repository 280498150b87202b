//! Every model in a shape small enough for a test, and random data for it.

use burn::tensor::{Device, Int, Tensor, TensorData};
use evenkeel_nn::example::{Example, Input};
use evenkeel_nn::model::Entry;
use evenkeel_nn::model::shape::Shape;
use evenkeel_nn::seed::Rng;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

pub const IMAGES: Example = Example::Image {
    channels: 2,
    height: 8,
    width: 8,
};
pub const TOKENS: Example = Example::Tokens {
    vocabulary: 30,
    context: 12,
};
pub const CLASSES: usize = 5;
pub const BATCH: usize = 16;

/// All that each model has, such as several stages or heads.
pub fn small(model: &Entry) -> Shape {
    let text = model.name.starts_with("gpt");
    let (depth, width) = match model.name {
        "mlp" => (4, 32),
        "conv" => (4, 8),
        "resnet" => (8, 8),
        _ => (2, 128),
    };
    Shape {
        depth,
        width,
        example: if text { TOKENS } else { IMAGES },
        classes: CLASSES,
        norm: model.defaults.norm,
        activation: model.defaults.activation,
        shortcuts: true,
    }
}

/// A batch of normal pixels or uniform tokens, with labels that mean nothing.
pub fn batch(example: Example, rng: &mut Rng, device: &Device) -> (Input, Tensor<1, Int>) {
    let size = BATCH * example.size();
    match example {
        Example::Tokens {
            vocabulary,
            context,
        } => {
            let tokens = uniform(size, vocabulary, rng, device).reshape([BATCH, context]);
            (
                Input::Tokens(tokens),
                uniform(size, vocabulary, rng, device),
            )
        }
        Example::Image { .. } => {
            let pixels: Vec<f32> = StandardNormal.sample_iter(&mut *rng).take(size).collect();
            let pixels = TensorData::new(pixels, [BATCH, example.size()]);
            let pixels = Input::Numbers(Tensor::from_data(pixels, device));
            (pixels, uniform(BATCH, CLASSES, rng, device))
        }
    }
}

fn uniform(count: usize, below: usize, rng: &mut Rng, device: &Device) -> Tensor<1, Int> {
    let numbers = (0..count).map(|_| rng.random_range(0..below as i32));
    let numbers: Vec<i32> = numbers.collect();
    Tensor::from_data(TensorData::new(numbers, [count]), device)
}
