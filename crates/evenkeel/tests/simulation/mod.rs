//! The optimisers as they are run in practice, on whole vectors with random gradients.

mod newton_schulz;

use evenkeel::optimizer::{Decay, Kind, Optimizer, Shape};
use evenkeel::quantity::{Elr, GradientScale, LearningRate};
use newton_schulz::orthogonalised;

/// Entries of a weight.
const DIMENSION: usize = 10_000;

/// A weight, its buffers, and a source of Gaussian gradients perpendicular to it.
pub struct Vectors {
    optimizer: Optimizer,
    weight: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
    base_gradient: f64,
    random: Random,
}

impl Vectors {
    /// A weight of norm 3 in a random direction, such that a first step of rate 1 turns it by the
    /// angle of this tangent.
    pub fn new(optimizer: &Optimizer, tangent: f64, seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let direction = random.gaussian();
        let norm = update_norm(optimizer).map_or(3.0, |update| update / tangent);
        Self {
            optimizer: *optimizer,
            weight: scaled(&direction, norm / length(&direction)),
            first: vec![0.0; DIMENSION],
            second: vec![0.0; DIMENSION],
            steps: 0,
            base_gradient: 9.0 * tangent,
            random,
        }
    }

    /// `c/‖w‖²` for SGD-type, `‖u‖/‖w‖` for updates of a fixed length.
    pub fn elr(&self) -> Elr {
        let norm = length(&self.weight);
        let update = update_norm(&self.optimizer);
        Elr::new(update.map_or(self.base_gradient / (norm * norm), |update| update / norm)).unwrap()
    }

    /// One step as a training framework does it; returns the angle by which it turned the weight.
    pub fn step(&mut self, lr: LearningRate) -> f64 {
        self.step_scaled(lr, GradientScale::ONE)
    }

    /// One step with a gradient `scale` times as long.
    pub fn step_scaled(&mut self, lr: LearningRate, scale: GradientScale) -> f64 {
        let settings = self.optimizer.settings();
        let (lr, mu) = (lr.get(), settings.momentum.get());
        let mut gradient = scaled(&self.gradient(), scale.get());
        let keep = match settings.decay {
            Decay::Decoupled(decay) => 1.0 - lr * decay.get(),
            _ => 1.0,
        };
        if let Decay::Coupled(decay) = settings.decay {
            add(&mut gradient, decay.get(), &self.weight);
        }
        let update = match self.optimizer.kind() {
            Kind::Sgd => gradient,
            Kind::Momentum => {
                self.remember(mu, 1.0, &gradient);
                self.first.clone()
            }
            Kind::Nesterov => {
                self.remember(mu, 1.0, &gradient);
                add(&mut gradient, mu, &self.first);
                gradient
            }
            Kind::Adam | Kind::AdamW => self.adam(&gradient),
            Kind::Lion => self.lion(&gradient),
            Kind::Muon => self.muon(&gradient),
            other => panic!("{other:?}: write down what it does to vectors"),
        };
        let mut next = scaled(&self.weight, keep);
        add(&mut next, -lr, &update);
        let before = std::mem::replace(&mut self.weight, next);
        let dot: f64 = before.iter().zip(&self.weight).map(|(a, b)| a * b).sum();
        (dot / (length(&before) * length(&self.weight)))
            .clamp(-1.0, 1.0)
            .acos()
    }

    fn remember(&mut self, keep: f64, share: f64, gradient: &[f64]) {
        self.first = scaled(&self.first, keep);
        add(&mut self.first, share, gradient);
    }

    fn lion(&mut self, gradient: &[f64]) -> Vec<f64> {
        let settings = self.optimizer.settings();
        let (beta1, beta2) = (settings.momentum.get(), settings.second.get());
        let mut mixed = scaled(&self.first, beta1);
        add(&mut mixed, 1.0 - beta1, gradient);
        self.remember(beta2, 1.0 - beta2, gradient);
        mixed.iter().map(|x| x.signum()).collect()
    }

    fn muon(&mut self, gradient: &[f64]) -> Vec<f64> {
        let settings = self.optimizer.settings();
        let mu = settings.momentum.get();
        self.remember(mu, 1.0 - mu, gradient);
        let mut input = self.first.clone();
        if settings.nesterov {
            input = scaled(&input, mu);
            add(&mut input, 1.0 - mu, gradient);
        }
        let factor = settings.adjust.factor(settings.shape);
        scaled(&orthogonalised(&input, settings.shape), factor)
    }

    fn adam(&mut self, gradient: &[f64]) -> Vec<f64> {
        let settings = self.optimizer.settings();
        let (beta1, beta2) = (settings.momentum.get(), settings.second.get());
        self.steps += 1;
        self.remember(beta1, 1.0 - beta1, gradient);
        for (v, g) in self.second.iter_mut().zip(gradient) {
            *v = beta2 * *v + (1.0 - beta2) * g * g;
        }
        let (fix1, fix2) = (1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps));
        let moments = self.first.iter().zip(&self.second);
        moments
            .map(|(m, v)| (m / fix1) / (v / fix2).sqrt())
            .collect()
    }

    /// A random direction perpendicular to the weight, of length `c/‖w‖` (T1).
    fn gradient(&mut self) -> Vec<f64> {
        let mut gradient = self.random.gaussian();
        let norm = length(&self.weight);
        let dot: f64 = gradient.iter().zip(&self.weight).map(|(a, b)| a * b).sum();
        add(&mut gradient, -dot / (norm * norm), &self.weight);
        scaled(&gradient, self.base_gradient / (norm * length(&gradient)))
    }
}

/// The length of a first update, for optimisers whose updates have a fixed one.
fn update_norm(optimizer: &Optimizer) -> Option<f64> {
    let shape = match optimizer.kind() {
        Kind::Muon => optimizer.settings().shape,
        _ => Shape::new(DIMENSION as u32, 1).unwrap(),
    };
    assert_eq!(
        shape.entries(),
        DIMENSION as f64,
        "the matrix has as many entries as vectors"
    );
    optimizer.update_norm(shape)
}

fn length(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn scaled(v: &[f64], factor: f64) -> Vec<f64> {
    v.iter().map(|x| x * factor).collect()
}

fn add(v: &mut [f64], factor: f64, other: &[f64]) {
    for (x, y) in v.iter_mut().zip(other) {
        *x += factor * y;
    }
}

/// xorshift64 (Marsaglia 2003), uniform numbers made Gaussian by Box and Muller.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn gaussian(&mut self) -> Vec<f64> {
        let pairs = std::iter::repeat_with(|| {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
            [radius * sin, radius * cos]
        });
        pairs.take(DIMENSION / 2).flatten().collect()
    }
}
