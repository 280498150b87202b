//! Where a loss that is not finite began.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use evenkeel_nn::example::Input;
use evenkeel_nn::network::Network;

/// The first layer, in forward order, with a weight or an output that is not finite; the loss
/// itself when every layer is finite.
pub fn origin(network: &Network, input: Input) -> String {
    let mut found = None;
    network.trace(input, &mut |name, output| {
        if found.is_none() && !is_finite(&output.clone().flatten()) {
            found = Some(name.to_owned());
        }
    });
    let layer = found.unwrap_or_else(|| "loss".to_owned());
    let mut weights = Weights::default();
    network.visit(&mut weights);
    match weights.broken {
        Some(weight) if weight.starts_with(&layer) => weight,
        _ => layer,
    }
}

/// Looked at here, once a run: a GPU's largest number may pass over NaN.
fn is_finite<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.to_data().iter::<f64>().all(f64::is_finite)
}

/// Finds the first parameter that is not finite.
#[derive(Default)]
struct Weights {
    path: Vec<String>,
    broken: Option<String>,
}

impl ModuleVisitor for Weights {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.broken.is_none() && !is_finite(&param.val()) {
            self.broken = Some(self.path.join("."));
        }
    }
}
