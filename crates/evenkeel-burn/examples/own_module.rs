//! Your own Burn module with held ELRs: `cargo run --release -p evenkeel-burn --example own_module`
#![allow(clippy::print_stderr)]

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Distribution, Tensor, activation::relu};
use evenkeel::control::{Controls, Critical, Hold};
use evenkeel::quantity::LearningRate;
use evenkeel_burn::{controller::ElrController, probe::Probe};

#[derive(Module, Debug)]
struct Net {
    layers: Vec<(Linear, BatchNorm)>,
}

fn gradients(net: &Net, x: &Tensor<2>) -> (f64, GradientsParams) {
    let layer = |x, (linear, norm): &(Linear, BatchNorm)| relu(norm.forward(linear.forward(x)));
    let y = net.layers.iter().fold(x.clone(), layer);
    let loss = (y.mean_dim(1) - x.clone().sum_dim(1).sin()).square().mean();
    let value = loss.clone().into_scalar();
    (value, GradientsParams::from_grads(loss.backward(), net))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let linear = LinearConfig::new(32, 32).with_bias(false);
    let layer = |_| (linear.init(&device), BatchNormConfig::new(32).init(&device));
    let layers = (0..30).map(layer).collect();
    let x = Tensor::random([256, 32], Distribution::Default, &device);
    let (mut net, mut optimizer) = (Net { layers }, SgdConfig::new().init());
    let probe = Probe::find(&net, &gradients(&net, &x).1)?;
    let controls = Controls::from(Critical::default()).and(Hold::default())?;
    let mut controller = ElrController::new(probe, controls);
    for step in 0..200 {
        let (loss, grads) = gradients(&net, &x);
        let (stepped, report) =
            controller.step(net, grads, &mut optimizer, LearningRate::new(0.1)?)?;
        eprintln!("{step}: loss {loss:.4}, lr {:.4}", report.plan.lr.get());
        net = stepped;
    }
    Ok(())
}
