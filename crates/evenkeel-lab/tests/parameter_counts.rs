//! Parameter counts against those that were published. Nothing is allocated: the layers say it.

use evenkeel_lab::example::Example;
use evenkeel_lab::model::layer::parameters;
use evenkeel_lab::model::shape::Shape;
use evenkeel_lab::model::{Entry, find};

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
