//! Muon: the orthogonal factor of a momentum buffer, `w′ = (1 − λγ)w − λ·adjust·NS(n)` (T39).
//!
//! As in PyTorch's `torch.optim.Muon`: `m′ = μm + (1 − μ)g`, `n = (1 − μ)g + μm′` with Nesterov and
//! `n = m′` without, five steps of Newton–Schulz. Constants follow from the shape of the matrix
//! ([`spectrum`]). Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers".

mod spectrum;

use std::fmt;
use std::str::FromStr;

use super::normalized::{Input, Memory, Weights};
use super::{Decay, Entry, Kind, LayerState, Measure, Settings, Shape};
use crate::quantity::Momentum;
use spectrum::Spectrum;

pub(super) const ENTRY: Entry = Entry {
    kind: Kind::Muon,
    name: "muon",
    grammar: "muon[:mu=MU,decay=GAMMA,shape=MxN,nesterov=no,adjust=match_rms_adamw]",
    summary: "Muon for matrices of M rows and N columns, mu 0.95 and Nesterov unless given (T39)",
    measure: Measure::Update,
    defaults: Settings {
        momentum: Momentum::USUAL_OF_MUON,
        decay: Decay::None,
        ..Settings::USUAL
    },
    keys: &["mu", "decay", "shape", "nesterov", "adjust"],
    start: |settings, elr| LayerState::remembering(elr, Memory::new(weights(settings))),
    step: |settings, layer, lr, scale| input(settings).step(settings, layer, lr, scale),
    equilibrium: |settings, lr| input(settings).equilibrium(&weights(settings), settings, lr),
    flow: |settings, lr| input(settings).flow(&weights(settings), settings, lr),
};

/// How Muon's rate is adjusted to the shape of a matrix, under the names of `torch.optim.Muon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Adjust {
    /// `√max(1, rows/columns)`.
    #[default]
    Original,
    /// `0.2·√max(rows, columns)`: an update of about the root mean square of AdamW's.
    MatchRmsAdamw,
}

impl Adjust {
    /// The factor of the update.
    pub fn factor(self, shape: Shape) -> f64 {
        let (rows, columns) = (f64::from(shape.rows()), f64::from(shape.columns()));
        match self {
            Self::Original => (rows / columns).max(1.0).sqrt(),
            Self::MatchRmsAdamw => 0.2 * rows.max(columns).sqrt(),
        }
    }
}

impl FromStr for Adjust {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "original" => Ok(Self::Original),
            "match_rms_adamw" => Ok(Self::MatchRmsAdamw),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Adjust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "original",
            Self::MatchRmsAdamw => "match_rms_adamw",
        })
    }
}

/// `‖U‖`, the Frobenius norm of an update at rate 1 made of noise: `rms·√min(rows, columns)`, adjusted.
pub(super) fn update_norm(settings: &Settings, shape: Shape) -> f64 {
    let rms = Spectrum::of(shape).rms;
    rms * shape.smaller().sqrt() * settings.adjust.factor(shape)
}

/// What is not linear, by powers 3, 7 and 21 of the correlation: least squares over matrices of noise
/// from 64 × 64 to 256 × 256. Sums over lags come out within 1 %, for elongated matrices as well,
/// where little is nonlinear.
const NONLINEAR: [f64; 3] = [0.4, 0.4, 0.2];

fn weights(settings: &Settings) -> Weights {
    let linear = Spectrum::of(settings.shape).linear;
    let [third, seventh, rest] = NONLINEAR.map(|share| (1.0 - linear) * share);
    [linear, third, seventh, rest]
}

fn input(settings: &Settings) -> Input {
    let mu = settings.momentum.get();
    let entry = 1.0 - mu;
    let (fresh, kept) = match settings.nesterov {
        true => (entry * (1.0 + mu), mu * mu),
        false => (entry, mu),
    };
    Input {
        fresh,
        kept,
        decay: mu,
        entry,
    }
}
