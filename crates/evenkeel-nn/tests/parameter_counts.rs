//! Parameter counts against those that were published. Nothing is allocated: the layers say it.

use evenkeel_nn::example::Example;
use evenkeel_nn::layer::parameters;
use evenkeel_nn::model::shape::Shape;
use evenkeel_nn::model::{Entry, find};

const CIFAR: Example = Example::Image {
    channels: 3,
    height: 32,
    width: 32,
};
const IMAGENET: Example = Example::Image {
    channels: 3,
    height: 224,
    width: 224,
};

/// A model at its defaults, on given data.
fn shape(model: &Entry, depth: usize, example: Example, classes: usize) -> Shape {
    let defaults = &model.defaults;
    Shape {
        depth,
        width: (defaults.width)(depth),
        example,
        classes,
        norm: defaults.norm,
        activation: defaults.activation,
        shortcuts: true,
    }
}

fn count(model: &str, change: impl FnOnce(&Entry) -> Shape) -> usize {
    let model = find(model).unwrap();
    parameters(&model.layers(&change(model)).unwrap())
}

#[test]
fn plain_networks() {
    let given = count("mlp", |model| shape(model, 5, CIFAR, 10));
    assert_eq!(given, 3072 * 128 + 4 * 128 * 128 + 5 * 2 * 128 + 129 * 10);
}

#[test]
fn residual_networks_for_cifar() {
    // He et al. 2016, table 6, to two digits; the exact numbers by their closed form.
    for (depth, published) in [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)] {
        let given = count("resnet", |model| shape(model, depth, CIFAR, 10));
        let n = (depth - 2) / 6;
        let stage = |from: usize, to: usize| 9 * (from * to + (2 * n - 1) * to * to) + 4 * n * to;
        let exact = 9 * 3 * 16 + 32 + stage(16, 16) + stage(16, 32) + stage(32, 64) + 65 * 10;
        assert_eq!(given, exact, "{depth}");
        let digits = if depth == 110 { 10.0 } else { 100.0 };
        assert_eq!(
            (given as f64 / 1e6 * digits).round() / digits,
            published,
            "{depth}"
        );
        // Option A shortcuts have no parameters.
        let plain = count("resnet", |model| Shape {
            shortcuts: false,
            ..shape(model, depth, CIFAR, 10)
        });
        assert_eq!(plain, exact, "{depth}");
        // And what is left is the plain network.
        let conv = count("conv", |model| shape(model, depth - 1, CIFAR, 10));
        assert_eq!(conv, exact, "{depth}");
    }
}

#[test]
fn residual_networks_for_imagenet() {
    // The numbers that torchvision documents for its weights.
    for (depth, published) in [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)] {
        let given = count("resnet", |model| shape(model, depth, IMAGENET, 1000));
        assert_eq!(given, published, "{depth}");
    }
}

#[test]
fn vision_transformers() {
    // ViT-B/16 as torchvision documents it for its weights.
    let given = count("vit", |model| Shape {
        width: 768,
        ..shape(model, 12, IMAGENET, 1000)
    });
    assert_eq!(given, 86_567_656);
}

/// Language models of GPT-2's sizes.
fn gpt(model: &str, depth: usize, width: usize) -> usize {
    let text = Example::Tokens {
        vocabulary: 50_257,
        context: 1024,
    };
    count(model, |model| Shape {
        width,
        ..shape(model, depth, text, 50_257)
    })
}

#[test]
fn language_models() {
    // GPT-2, small and medium, as the published weights count.
    assert_eq!(gpt("gpt", 12, 768), 124_439_808);
    assert_eq!(gpt("gpt", 24, 1024), 354_823_168);
    // Without the last normalization.
    assert_eq!(gpt("gpt-post", 12, 768), 124_439_808 - 2 * 768);
    // Two biases become a gain and a shift each, for queries and keys.
    assert_eq!(gpt("gpt-qk", 12, 768), 124_439_808 + 12 * 2 * 768);
    // Weights with a classifier of its own; a gain and a shift for every output of a weight.
    let (width, depth) = (768, 12);
    let weights = (2 * 50_257 + 1024) * width + depth * 12 * width * width;
    let norms = 2 * (2 * width + depth * 9 * width + width);
    assert_eq!(gpt("gpt-normalized", depth, width), weights + norms);
}
