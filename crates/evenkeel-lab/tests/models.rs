//! What holds for every model.

mod common;

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, FloatDType, Int, Tensor};
use common::{BATCH, TOKENS, batch, small};
use evenkeel_lab::example::{Example, Input};
use evenkeel_lab::model::layer::{Layer, parameters};
use evenkeel_lab::model::{ALL, Entry, Network, Task};
use evenkeel_lab::seed::{Purpose, rng};

/// Something that holds for the network of a model.
trait Law {
    fn check<N: Network>(&self, model: &Entry, layers: &[Layer], network: N);
}

struct Held<'a, L> {
    model: &'a Entry,
    law: L,
    seed: u64,
}

impl<L: Law> Task for Held<'_, L> {
    type Output = ();

    fn with<N: Network>(self) {
        let layers = self.model.layers(&small(self.model)).unwrap();
        let network = build::<N>(self.model, &layers, self.seed);
        self.law.check(self.model, &layers, network);
    }
}

fn build<N: Network>(model: &Entry, layers: &[Layer], seed: u64) -> N {
    let rng = &mut rng(seed, Purpose::Weights);
    N::build(layers, model.defaults.init, rng, &Device::flex().autodiff())
}

fn for_all<L: Law>(law: impl Fn() -> L) {
    for model in ALL {
        model.run(Held {
            model,
            law: law(),
            seed: 1,
        });
    }
}

fn input(model: &Entry) -> Input {
    let device = Device::flex().autodiff();
    batch(small(model).example, &mut rng(2, Purpose::Batches), &device).0
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
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

fn learning<N: Network>(network: &N) -> Learning {
    let mut learning = Learning::default();
    network.visit(&mut learning);
    learning
}

#[test]
fn a_network_has_the_parameters_that_its_layers_say_and_a_seed_fixes_them() {
    struct Counted;
    impl Law for Counted {
        fn check<N: Network>(&self, model: &Entry, layers: &[Layer], network: N) {
            let first = learning(&network);
            assert_eq!(first.numbers.len(), parameters(layers), "{}", model.name);
            let mut names = first.names.clone();
            names.sort();
            names.dedup();
            assert_eq!(
                names.len(),
                first.names.len(),
                "{}: a name twice",
                model.name
            );
            assert_eq!(network.layers(), layers);
            let again = learning(&build::<N>(model, layers, 1));
            assert!(first.numbers == again.numbers, "{}", model.name);
            let other = learning(&build::<N>(model, layers, 2));
            assert!(first.numbers != other.numbers, "{}", model.name);
        }
    }
    for_all(|| Counted);
}

#[test]
fn scores_are_one_row_for_each_prediction_and_the_last_that_is_traced() {
    struct Shaped;
    impl Law for Shaped {
        fn check<N: Network>(&self, model: &Entry, _layers: &[Layer], network: N) {
            let scores = network.forward(input(model));
            let shape = small(model);
            let expected = match shape.example {
                Example::Tokens {
                    vocabulary,
                    context,
                } => [BATCH * context, vocabulary],
                Example::Image { .. } => [BATCH, shape.classes],
            };
            assert_eq!(scores.dims(), expected, "{}", model.name);
            let names = learning(&network).names;
            let mut last = None;
            network.trace(input(model), &mut |name, output| {
                let known = names.iter().any(|path| path.starts_with(name));
                assert!(
                    known || name == "input" || name == "embedding" || name.ends_with("heads"),
                    "{}: {name}",
                    model.name
                );
                last = Some(output.clone());
            });
            assert_eq!(
                numbers(last.unwrap().rows()),
                numbers(scores),
                "{}",
                model.name
            );
        }
    }
    for_all(|| Shaped);
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
    struct Exact;
    impl Law for Exact {
        fn check<N: Network>(&self, model: &Entry, layers: &[Layer], network: N) {
            let single = numbers(network.forward(input(model)));
            // Before a forward pass: running statistics that are pending are not cast.
            let network = build::<N>(model, layers, 1).map(&mut Double);
            let scores = network.forward(input(model).cast(FloatDType::F64));
            assert_eq!(scores.dtype(), DType::F64, "{}", model.name);
            let double = numbers(scores);
            let apart = |(a, b): (&f64, &f64)| (a - b).abs();
            let error = single.iter().zip(&double).map(apart).fold(0.0, f64::max);
            // Different, or something was computed in 32 bits; close, or something is wrong.
            assert!(0.0 < error && error < 1e-4, "{}: {error}", model.name);
        }
    }
    for_all(|| Exact);
}

#[test]
fn batch_norms_are_all_found_and_used_in_evaluation() {
    struct Evaluated;
    impl Law for Evaluated {
        fn check<N: Network>(&self, model: &Entry, _layers: &[Layer], mut network: N) {
            let norms = learning(&network)
                .names
                .into_iter()
                .filter(|name| name.ends_with("gamma"))
                .count();
            let batch = model.defaults.norm == evenkeel_lab::model::norm::Norm::Batch;
            let expected = if batch { norms } else { 0 };
            assert_eq!(network.batch_norms().len(), expected, "{}", model.name);
            // Statistics of this very batch: evaluation then gives what training does, but for the
            // unbiased variance.
            let input = input(model);
            for norm in network.batch_norms() {
                norm.momentum = 1.0;
            }
            let trained = numbers(network.forward(input.clone()));
            let network = network.valid();
            let evaluated = numbers(network.forward(plain(input)));
            let error = trained
                .iter()
                .zip(&evaluated)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            assert!(error < 1e-3, "{}: {error}", model.name);
        }
    }
    for_all(|| Evaluated);
}

fn plain(input: Input) -> Input {
    match input {
        Input::Numbers(numbers) => Input::Numbers(numbers.inner()),
        Input::Tokens(tokens) => Input::Tokens(tokens.inner()),
    }
}

#[test]
fn language_models_do_not_look_ahead() {
    struct Causal;
    impl Law for Causal {
        fn check<N: Network>(&self, model: &Entry, _layers: &[Layer], network: N) {
            let Input::Tokens(tokens) = input(model) else {
                return;
            };
            let [rows, context] = tokens.dims();
            let seen = context / 2;
            let kept = tokens.clone().narrow(1, 0, seen);
            let changed = Tensor::<2, Int>::zeros([rows, context - seen], &tokens.device());
            let other = Tensor::cat(vec![kept, changed], 1);
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
        }
    }
    assert!(matches!(TOKENS, Example::Tokens { .. }));
    for_all(|| Causal);
}
