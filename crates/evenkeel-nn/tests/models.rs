//! What holds for every model.

mod small;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, FloatDType, Int, Tensor};
use evenkeel_nn::example::{Example, Input};
use evenkeel_nn::layer::{Layer, parameters};
use evenkeel_nn::model::{ALL, Entry};
use evenkeel_nn::network::Network;
use evenkeel_nn::seed::{Purpose, rng};

use small::{BATCH, batch, small};

fn layers(model: &Entry) -> Vec<Layer> {
    model.layers(&small(model)).unwrap()
}

fn build(model: &Entry, seed: u64) -> Network {
    let rng = &mut rng(seed, Purpose::Weights);
    let device = Device::flex().autodiff();
    Network::build(&layers(model), model.defaults.init, rng, &device)
}

fn input(model: &Entry) -> Input {
    let device = Device::flex().autodiff();
    let rng = &mut rng(2, Purpose::Batches);
    batch(small(model).example, rng, &device).0
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The largest difference.
fn apart(one: &[f64], other: &[f64]) -> f64 {
    let differences = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

/// Collects what learns.
#[derive(Default)]
struct Learning {
    names: Vec<String>,
    path: Vec<String>,
    numbers: Vec<f64>,
}

impl ModuleVisitor for Learning {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.names.push(self.path.join("."));
            self.numbers.extend(numbers(param.val()));
        }
    }
}

fn learning(network: &Network) -> Learning {
    let mut learning = Learning::default();
    network.visit(&mut learning);
    learning
}

#[test]
fn a_network_has_the_parameters_that_its_layers_say_and_a_seed_fixes_them() {
    for model in ALL {
        let network = build(model, 1);
        let first = learning(&network);
        assert_eq!(network.layers(), layers(model), "{}", model.name);
        assert_eq!(
            first.numbers.len(),
            parameters(&layers(model)),
            "{}",
            model.name
        );
        let mut names = first.names.clone();
        names.sort();
        names.dedup();
        assert_eq!(
            names.len(),
            first.names.len(),
            "{}: a name twice",
            model.name
        );
        assert!(
            first.numbers == learning(&build(model, 1)).numbers,
            "{}",
            model.name
        );
        assert!(
            first.numbers != learning(&build(model, 2)).numbers,
            "{}",
            model.name
        );
    }
}

#[test]
fn there_is_a_row_of_scores_for_each_prediction() {
    for model in ALL {
        let shape = small(model);
        let expected = match shape.example {
            Example::Tokens {
                vocabulary,
                context,
            } => [BATCH * context, vocabulary],
            Example::Image { .. } => [BATCH, shape.classes],
        };
        let scores = build(model, 1).forward(input(model));
        assert_eq!(scores.dims(), expected, "{}", model.name);
    }
}

#[test]
fn what_is_traced_has_the_names_of_layers_and_ends_with_the_scores() {
    fn names(layers: &[Layer], all: &mut Vec<String>) {
        for layer in layers {
            all.extend(layer.name().map(str::to_owned));
            layer
                .branches()
                .into_iter()
                .for_each(|branch| names(branch, all));
        }
    }
    for model in ALL {
        let network = build(model, 1);
        let mut expected = Vec::new();
        names(&layers(model), &mut expected);
        let (mut traced, mut last) = (Vec::new(), None);
        network.trace(input(model), &mut |name, output| {
            traced.push(name.to_owned());
            last = Some(output.clone());
        });
        for name in &expected {
            assert!(
                traced.contains(name),
                "{}: {name} is not traced",
                model.name
            );
        }
        for name in &traced {
            assert!(
                name == "input" || expected.contains(name),
                "{}: {name}",
                model.name
            );
        }
        // Layers that are looked at one by one are not computed together, and round otherwise.
        let scores = numbers(network.forward(input(model)));
        let last = numbers(last.unwrap().rows());
        assert_eq!(last.len(), scores.len(), "{}", model.name);
        for (traced, score) in last.iter().zip(scores) {
            let apart = (traced - score).abs();
            assert!(apart < 1e-4, "{}: {traced} {score}", model.name);
        }
    }
}

/// Casts every float parameter.
struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| Tensor::from_inner(tensor.without_autodiff().cast(FloatDType::F64)))
    }
}

#[test]
fn in_64_bits_everything_is() {
    for model in ALL {
        let single = numbers(build(model, 1).forward(input(model)));
        let scores = build(model, 1)
            .map(&mut Double)
            .forward(input(model).cast(FloatDType::F64));
        assert_eq!(scores.dtype(), DType::F64, "{}", model.name);
        // Different, or it was all computed in 32 bits; close, or something is wrong.
        let error = apart(&single, &numbers(scores));
        assert!(0.0 < error && error < 1e-4, "{}: {error}", model.name);
    }
}

#[test]
fn evaluation_uses_the_statistics_of_all_batch_norms() {
    for model in ALL {
        let mut network = build(model, 1);
        let input = input(model);
        // Those of this very batch: evaluation then gives what training does.
        for norm in network.batch_norms() {
            norm.momentum = 1.0;
        }
        let trained = numbers(network.forward(input.clone()));
        let plain = match input {
            Input::Numbers(numbers) => Input::Numbers(numbers.inner()),
            Input::Tokens(tokens) => Input::Tokens(tokens.inner()),
        };
        let error = apart(&trained, &numbers(network.valid().forward(plain)));
        assert!(error < 1e-4, "{}: {error}", model.name);
    }
}

#[test]
fn language_models_do_not_look_ahead() {
    let mut checked = 0;
    for model in ALL {
        let Input::Tokens(tokens) = input(model) else {
            continue;
        };
        let [rows, context] = tokens.dims();
        let seen = context / 2;
        let zeros = Tensor::<2, Int>::zeros([rows, context - seen], &tokens.device());
        let other = Tensor::cat(vec![tokens.clone().narrow(1, 0, seen), zeros], 1);
        let network = build(model, 1);
        let [first, second] = [tokens, other].map(|tokens| {
            let scores = network.forward(Input::Tokens(tokens));
            let vocabulary = scores.dims()[1];
            scores.reshape([rows, context, vocabulary])
        });
        let part = |x: &Tensor<3>, from, to| numbers(x.clone().slice([0..rows, from..to]));
        assert_eq!(
            part(&first, 0, seen),
            part(&second, 0, seen),
            "{}",
            model.name
        );
        assert_ne!(
            part(&first, seen, context),
            part(&second, seen, context),
            "{}",
            model.name
        );
        checked += 1;
    }
    assert_eq!(checked, 4);
}
