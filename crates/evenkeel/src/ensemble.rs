//! A forecast with its uncertainty: many possible networks instead of one (T24).
//!
//! Each member has base gradients that drift in its own way as its weights turn ([`crate::drift`]),
//! and that every step's mini-batch moves a little. Quantiles over members are bands.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::drift::Drift;
use crate::forecast::{Forecast, Forecaster};
use crate::quantity::{Elr, GradientScale, LearningRate};
use crate::rollout::Rollout;
use crate::spread::Spread;

/// The quantiles of a band: nine members of ten lie between the first and the last.
pub const QUANTILES: [f64; 3] = [0.05, 0.5, 0.95];

/// Quantiles over members, at [`QUANTILES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// One member in twenty is below.
    pub low: f64,
    /// Half of the members are below.
    pub middle: f64,
    /// One member in twenty is above.
    pub high: f64,
}

/// What may happen to a network: bands before each step and after the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// The standard deviation of `ln E` over layers.
    pub std: Vec<Band>,
    /// The range of `ln E` over layers.
    pub range: Vec<Band>,
    /// The ELRs as they act: one row a state, one band a layer.
    pub elrs: Vec<Vec<Band>>,
}

/// How many members to draw, and from which random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// The number of members; none gives bands of NaN.
    pub members: usize,
    /// The seed.
    pub seed: u64,
}

impl Band {
    /// The quantiles of `values`, interpolated between neighbours.
    fn of(values: &mut [f64]) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            let place = quantile * values.len().saturating_sub(1) as f64;
            let (below, above) = (
                values.get(place as usize),
                values.get(place.ceil() as usize),
            );
            match (below, above) {
                (Some(below), Some(above)) => below + (above - below) * place.fract(),
                _ => f64::NAN,
            }
        };
        let [low, middle, high] = QUANTILES.map(at);
        Self { low, middle, high }
    }

    /// Whether `value` lies within, up to rounding.
    pub fn contains(&self, value: f64) -> bool {
        let slack = 1e-9 * value.abs();
        (self.low - slack..=self.high + slack).contains(&value)
    }
}

impl Ensemble {
    /// The number of states, from the first on, in which the range that `forecast` predicts with
    /// steady base gradients lies within the band: as long as that, it can be trusted. The first
    /// state, which was measured, counts.
    pub fn trusted_states(&self, forecast: &Forecast) -> usize {
        self.range
            .iter()
            .zip(&forecast.spreads)
            .take_while(|(band, spread)| band.contains(spread.range))
            .count()
    }
}

impl Forecaster<'_> {
    /// Rolls out `draws.members` networks as [`Forecaster::run`] rolls out one, with base gradients that
    /// follow `drift` instead of a common scale.
    ///
    /// ELRs of layers must come in their order from input to output: drift accumulates from the last to
    /// the first. Members see the measured ELRs at step 0.
    pub fn ensemble(&self, steps: usize, drift: &Drift, draws: Draws) -> Ensemble {
        let member = |index| {
            let network = Rollout::new(self.start, &self.optimizer, &self.controls);
            Member::new(network, self.start.len(), draws.seed, index)
        };
        let members = (0..draws.members).map(member).collect();
        bands(members, self.start.len(), steps, drift, |step| {
            self.target(step)
        })
    }
}

/// Quantiles over members before each step and after the last.
fn bands(
    mut members: Vec<Member>,
    layers: usize,
    steps: usize,
    drift: &Drift,
    target: impl Fn(usize) -> LearningRate,
) -> Ensemble {
    let mut bands = Ensemble {
        std: Vec::with_capacity(steps + 1),
        range: Vec::with_capacity(steps + 1),
        elrs: Vec::with_capacity(steps + 1),
    };
    for step in 0..=steps {
        let rows: Vec<Vec<Elr>> = members
            .iter_mut()
            .map(|member| member.step(drift, target(step), step == steps))
            .collect();
        let spreads: Vec<Spread> = rows.iter().map(|row| Spread::of(row)).collect();
        let band = |value: fn(&Spread) -> f64| {
            Band::of(&mut spreads.iter().map(value).collect::<Vec<_>>())
        };
        bands.std.push(band(|spread| spread.std));
        bands.range.push(band(|spread| spread.range));
        let of_layer = |layer: usize| {
            Band::of(&mut rows.iter().map(|row| row[layer].get()).collect::<Vec<_>>())
        };
        bands.elrs.push((0..layers).map(of_layer).collect());
    }
    bands
}

/// One possible network.
struct Member<'a> {
    network: Rollout<'a>,
    /// `ξ_k`: how the gain of each layer departs.
    direction: Vec<f64>,
    /// `η_k(0)`: what the batch at the start did to the gains that were measured.
    first: Vec<f64>,
    rng: ChaCha8Rng,
    started: bool,
}

impl<'a> Member<'a> {
    fn new(network: Rollout<'a>, layers: usize, seed: u64, index: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        let gains = layers.saturating_sub(1);
        Self {
            network,
            direction: normals(&mut rng, gains),
            first: normals(&mut rng, gains),
            rng,
            started: false,
        }
    }

    /// The ELRs as they act in the next step, which is taken unless it is the `last` state.
    fn step(&mut self, drift: &Drift, target: LearningRate, last: bool) -> Vec<Elr> {
        let scales = self.scales(drift);
        let of_layer = |layer: usize| scales[layer];
        let plan = self.network.plan(target, of_layer);
        if !last {
            self.network.advance(&plan, of_layer);
        }
        plan.acting.iter().flatten().copied().collect()
    }

    /// `c_l(t)/c_l(0)`: the gains' changes, summed from the last layer to each.
    fn scales(&mut self, drift: &Drift) -> Vec<GradientScale> {
        let batch = match std::mem::replace(&mut self.started, true) {
            true => normals(&mut self.rng, self.first.len()),
            false => self.first.clone(),
        };
        let progress = drift.progress(self.network.path());
        let mut ln = 0.0;
        let mut scales: Vec<GradientScale> = vec![GradientScale::ONE];
        for gain in (0..batch.len()).rev() {
            let relaxed = drift.shift() + drift.scatter() * self.direction[gain];
            ln += relaxed * progress + drift.noise() * (batch[gain] - self.first[gain]);
            scales.push(GradientScale::from_ln(ln));
        }
        scales.reverse();
        scales
    }
}

fn normals(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    StandardNormal.sample_iter(rng).take(count).collect()
}
