//! Measure and control the effective learning rates of any [Burn](burn) module while it trains.
//!
//! - [`probe`] finds by measurement which weights are scale-invariant and reads `‖W‖`, `‖∇W‖` and
//!   their cosine for all of them with one read-back;
//! - [`controller`] takes the optimiser's steps under controls of the theory crate (critical warm-up,
//!   rescale, hold);
//! - [`rescale`] multiplies weights without changing the function, and carries gradients and the
//!   optimiser's state along;
//! - `learner`, with the feature `train`, has metrics for Burn's own training loop.
//!
//! In a training loop:
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
//! use burn::optim::{GradientsParams, SgdConfig};
//! use burn::tensor::{Device, Distribution, Tensor, activation::relu};
//! use evenkeel::control::{Controls, Critical, Hold};
//! use evenkeel::quantity::LearningRate;
//! use evenkeel_burn::{controller::ElrController, probe::Probe};
//!
//! #[derive(Module, Debug)]
//! struct Net { first: Linear, norm: BatchNorm, last: Linear }
//!
//! let device = Device::flex().autodiff();
//! let mut net = Net {
//!     first: LinearConfig::new(8, 16).with_bias(false).init(&device),
//!     norm: BatchNormConfig::new(16).init(&device),
//!     last: LinearConfig::new(16, 1).init(&device),
//! };
//! let x = Tensor::<2>::random([32, 8], Distribution::Default, &device);
//! let loss = |net: &Net| net.last.forward(relu(net.norm.forward(net.first.forward(x.clone()))));
//! let gradients = |net: &Net| {
//!     GradientsParams::from_grads(loss(net).powi_scalar(2).mean().backward(), net)
//! };
//!
//! let probe = Probe::find(&net, &gradients(&net))?;
//! let controls = Controls::from(Critical::default()).and(Hold::default())?;
//! let mut controller = ElrController::new(probe, controls);
//! let mut optimizer = SgdConfig::new().init();
//! for _ in 0..3 {
//!     let grads = gradients(&net);
//!     let (stepped, report) = controller.step(net, grads, &mut optimizer, LearningRate::new(0.1)?)?;
//!     net = stepped;
//!     println!("rate {}, critical {:?}", report.plan.lr, report.plan.critical);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod controller;
#[cfg(feature = "train")]
pub mod learner;
pub mod probe;
pub mod rescale;
pub mod scale;
