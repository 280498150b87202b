//! Numbers that stop being numbers in the middle of a run.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use evenkeel_ops::Kernels;
use evenkeel_runs::folder::{Outcome, Run, StepLine};
use evenkeel_runs::settings::RunSettings;

use super::Session;
use crate::resolve::resolve;
use crate::trainer::{Job, Keeping, Observer, Start};

/// Multiplies parameters, by the end of their path.
struct Multiply<'a> {
    path: Vec<String>,
    factors: &'a [(&'a str, f64)],
}

impl ModuleMapper for Multiply<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let factor = self.factors.iter().find(|(name, _)| *name == path);
        let Some((_, factor)) = factor else {
            return param;
        };
        param.map(|weight| {
            let multiplied = weight.without_autodiff().mul_scalar(*factor);
            Tensor::from_inner(multiplied).set_require_grad(true)
        })
    }
}

struct Nobody;

impl Observer for Nobody {
    fn step(&mut self, _: &StepLine) {}
}

/// How a run ends whose parameters are multiplied by these factors after three steps, with the steps
/// that are in its folder then.
fn ending(name: &str, factors: &[(&str, f64)]) -> (Outcome, usize) {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("evenkeel-nan-{name}-{}", std::process::id()));
    let raw: RunSettings = RunSettings {
        depth: Some(2),
        width: Some(8),
        batch_size: 32,
        steps: 6,
        eval_every: 100,
        ..RunSettings::default()
    };
    let (spec, stop) = (resolve(raw).unwrap(), AtomicBool::new(false));
    let job = Job {
        run: &spec,
        folder: folder.clone(),
        start: Start::Overwrite,
        checkpoints: Keeping { every: 3, keep: 1 },
        threads: 1,
        events: false,
        stop: &stop,
    };
    let mut session = Session::start(&job, &Kernels::default()).unwrap();
    for step in 0..3 {
        session.step(step).unwrap();
    }
    session.network = session.network.map(&mut Multiply {
        path: Vec::new(),
        factors,
    });
    let outcome = session.run(&stop, &mut Nobody).unwrap();
    session.finish(&outcome).unwrap();
    let run = Run::load(&folder).unwrap();
    assert_eq!(run.outcome.as_ref(), Some(&outcome));
    std::fs::remove_dir_all(folder).unwrap();
    (outcome, run.steps.len())
}

fn assert_diverged(name: &str, factors: &[(&str, f64)], at: &str, of: &str) {
    let (outcome, steps) = ending(name, factors);
    let Outcome::Diverged { step, layer, what } = &outcome else {
        panic!("{name}: {outcome:?}");
    };
    assert_eq!((*step, steps), (3, 3), "{name}: what was learnt is kept");
    assert!(layer == at && what.contains(of), "{name}: {outcome:?}");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_keeps_what_was_learnt() {
    let weight = "head.weight";
    assert_diverged("nan", &[(weight, f64::NAN)], weight, "the loss is NaN");
    assert_diverged("inf", &[(weight, f64::INFINITY)], weight, "the loss is");
    assert_diverged("large", &[(weight, 1.5e38)], "head", "the loss is");
}

#[test]
fn so_does_a_gradient_behind_a_finite_loss() {
    // Class scores of some 1e37, whose gradients pass a norm over next to nothing.
    let factors = [
        ("blocks.0.norm.gamma", 1e5),
        ("blocks.1.linear.weight", 1e-12),
        ("blocks.1.norm.gamma", 1e20),
        ("head.weight", 1e17),
    ];
    assert_diverged(
        "gradient",
        &factors,
        "blocks.1.linear.weight",
        "gradient norm",
    );
}
