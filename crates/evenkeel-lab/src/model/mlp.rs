//! The plain deep network of the theory: depth × [linear without bias → norm → activation], then a
//! linear classifier.

use super::activation::Activation;
use super::init::Init;
use super::layer::Layer;
use super::norm::Norm;
use super::{Defaults, Entry, Shape};

pub(super) const ENTRY: Entry = Entry {
    name: "mlp",
    summary: "DEPTH x [linear without bias, norm, activation], then a linear classifier",
    defaults: Defaults {
        depth: 50,
        width: 128,
        norm: Norm::Batch,
        activation: Activation::Relu,
        init: Init::Kaiming,
    },
    layers,
};

fn layers(shape: &Shape) -> Vec<Layer> {
    let inputs = |i| {
        if i == 0 {
            shape.example.size()
        } else {
            shape.width
        }
    };
    let mut layers: Vec<Layer> = (0..shape.depth)
        .flat_map(|i| {
            let linear = Layer::linear(format!("blocks.{i}.linear"), inputs(i), shape.width, false);
            let norm = shape.norm.layer(format!("blocks.{i}.norm"), shape.width);
            [Some(linear), norm, shape.activation.layer()]
                .into_iter()
                .flatten()
        })
        .collect();
    layers.push(Layer::linear(
        "head".to_owned(),
        shape.width,
        shape.classes,
        true,
    ));
    layers
}

#[cfg(test)]
mod tests {
    use super::super::Network;
    use super::super::net::Net;
    use super::*;
    use crate::example::Example;
    use crate::seed::{Purpose, rng};
    use burn::module::Module;
    use burn::tensor::Device;

    #[test]
    fn the_parameter_count_is_the_closed_form() {
        let shape = Shape {
            depth: 5,
            width: 32,
            example: Example::Image {
                channels: 1,
                height: 8,
                width: 8,
            },
            classes: 10,
            norm: Norm::Batch,
            activation: Activation::Relu,
        };
        let layers = layers(&shape);
        assert_eq!(layers.len(), 3 * 5 + 1);
        let expected = 64 * 32 + 4 * 32 * 32 + 5 * 2 * 32 + 32 * 10 + 10;
        assert_eq!(
            layers.iter().map(Layer::parameters).sum::<usize>(),
            expected
        );
        let device = Device::flex().autodiff();
        let net = Net::build(
            &layers,
            Init::Kaiming,
            &mut rng(1, Purpose::Weights),
            &device,
        );
        // Burn counts running statistics too: two for each gain and shift.
        assert_eq!(net.num_params(), expected + 5 * 2 * 32);
    }
}
