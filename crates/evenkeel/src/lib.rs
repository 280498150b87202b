//! The weight dynamics of deep normalized networks, without any framework.
//!
//! A weight tensor `W` that is followed by a normalization layer is *scale-invariant*: the loss
//! does not change when `W` is multiplied by a positive number. What such a layer learns in a step
//! is therefore set by its *effective learning rate* (ELR) `E = ‖∇W‖/‖W‖`, and a network trains
//! evenly when its layers have equal ELRs. This crate holds the equations that say how ELRs evolve
//! under each optimiser ([`recurrence`], [`optimizer`], [`flow`]) and where weight decay holds them
//! ([`equilibrium`]), at which learning rate a pair of layers overshoots ([`critical`]),
//! the warm-ups ([`warmup`]) and equalisers ([`equalise`], [`symmetry`]) that follow, the controls made
//! of them ([`control`]), the state machine that applies them in every framework ([`controller`]),
//! which of them a network should begin with ([`advice`]) and what they will do to it
//! under a schedule ([`schedule`], [`forecast`]), with how far that can be trusted where the theory's
//! premise fails ([`drift`], [`ensemble`]).
//!
//! Equation numbers T1…T41 refer to the project's `docs/theory.md`; the source is Mehmeti-Göpel &
//! Wand, "On the Weight Dynamics of Deep Normalized Networks", ICML 2024 (arXiv 2306.00700),
//! except for T22–T41, which go beyond it.
//!
//! ```
//! use evenkeel::control::Critical;
//! use evenkeel::forecast::Forecaster;
//! use evenkeel::quantity::{Elr, LearningRate};
//! use evenkeel::warmup::Policy;
//!
//! let elrs: Vec<Elr> = [0.002, 0.03, 0.4, 5.0, 60.0]
//!     .into_iter()
//!     .map(Elr::new)
//!     .collect::<Result<_, _>>()?;
//! let minimax = Policy::find("minimax").expect("a policy of that name");
//! let target = LearningRate::new(1e6)?;
//! let run = Forecaster::new(&elrs, |_step| target).controls(Critical::by(minimax)).run(3);
//! assert!(run.spreads[0].range > 10.3 && run.spreads[3].range < 0.05);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod advice;
pub mod control;
pub mod controller;
pub mod convergence;
pub mod critical;
pub mod diagnosis;
pub mod drift;
pub mod ensemble;
pub mod equalise;
pub mod equilibrium;
pub mod flow;
pub mod forecast;
pub mod gradient_scale;

pub mod layer;
pub mod mean_field;
mod measure;
pub mod optimizer;
pub mod phase;
pub mod quantity;
pub mod quote;
pub mod recommendation;
pub mod recurrence;
mod rollout;
pub mod schedule;
pub mod spread;
pub mod symmetry;
pub mod trend;
pub mod turning;
mod vector;
pub mod warmup;
