//! How ELRs grow from layer to layer, and how sure that is (T31).

use crate::quantity::Elr;

/// The share of the variance of `ln E` over layers that a line has to explain to count as a trend.
const LEAST_R2: f64 = 0.25;

/// The end of the network towards which ELRs grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Gradients explode on their way back through the network.
    Input,
    /// Gradients vanish on their way back.
    Output,
    /// There is no clear trend.
    Neither,
}

impl Direction {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Neither => "none",
        }
    }
}

/// The line through `ln E_l` over the layers by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Its slope per layer towards the output: negative where ELRs grow towards the input.
    pub slope: f64,
    /// The standard error of the slope; `None` for fewer than three layers.
    pub standard_error: Option<f64>,
    /// The share of the variance that the line explains, from 0 to 1; 0 where all ELRs are equal.
    pub r2: f64,
    layers: usize,
}

impl Trend {
    /// Of layers from the input to the output. One layer, or none, does not grow.
    pub fn of(elrs: &[Elr]) -> Self {
        let logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
        let count = logs.len() as f64;
        let (centre, mean) = (
            0.5 * (count - 1.0),
            logs.iter().sum::<f64>() / count.max(1.0),
        );
        let depth = |layer: usize| layer as f64 - centre;
        let pairs = || {
            logs.iter()
                .enumerate()
                .map(|(layer, log)| (depth(layer), log - mean))
        };
        let width: f64 = pairs().map(|(x, _)| x * x).sum();
        let total: f64 = pairs().map(|(_, y)| y * y).sum();
        if width == 0.0 {
            return Self {
                slope: 0.0,
                standard_error: None,
                r2: 0.0,
                layers: logs.len(),
            };
        }
        let slope = pairs().map(|(x, y)| x * y).sum::<f64>() / width;
        let missed: f64 = pairs().map(|(x, y)| (y - slope * x).powi(2)).sum();
        Self {
            slope,
            standard_error: (logs.len() > 2).then(|| (missed / (count - 2.0) / width).sqrt()),
            r2: if total > 0.0 {
                (1.0 - missed / total).clamp(0.0, 1.0)
            } else {
                0.0
            },
            layers: logs.len(),
        }
    }

    /// How many layers it is through.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The factor by which ELRs grow from one layer to the next, towards either end: at least 1.
    pub fn factor(&self) -> f64 {
        // A finite number however far apart they are: JSON has no other.
        self.slope.abs().exp().min(f64::MAX)
    }

    /// The factor by which they grow over all layers.
    pub fn total(&self) -> f64 {
        let steps = self.layers.saturating_sub(1) as f64;
        (self.slope.abs() * steps).exp().min(f64::MAX)
    }

    /// Whether the slope differs from 0 at the level of 5 %, and the line explains a fair share.
    pub fn is_clear(&self) -> bool {
        self.margin()
            .is_some_and(|margin| self.slope.abs() > margin)
            && self.r2 >= LEAST_R2
    }

    /// The end towards which they grow.
    pub fn direction(&self) -> Direction {
        match self.is_clear() {
            true if self.slope < 0.0 => Direction::Input,
            true => Direction::Output,
            false => Direction::Neither,
        }
    }

    /// The largest factor that the layers are compatible with, at the level of 5 %.
    pub fn largest_factor(&self) -> Option<f64> {
        Some((self.slope.abs() + self.margin()?).exp().min(f64::MAX))
    }

    /// Half of the slope's interval of 95 %.
    fn margin(&self) -> Option<f64> {
        Some(student(self.layers.checked_sub(2)?) * self.standard_error?)
    }
}

/// The 97.5 % quantile of Student's distribution, to a hundredth.
fn student(freedom: usize) -> f64 {
    const FEW: [f64; 11] = [
        f64::INFINITY,
        12.71,
        4.30,
        3.18,
        2.78,
        2.57,
        2.45,
        2.36,
        2.31,
        2.26,
        2.23,
    ];
    match FEW.get(freedom) {
        Some(quantile) => *quantile,
        None => 1.96 + 2.4 / (freedom as f64 - 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(logs: impl IntoIterator<Item = f64>) -> Vec<Elr> {
        logs.into_iter().map(Elr::from_ln).collect()
    }

    #[test]
    fn a_line_is_found_with_its_direction() {
        let towards_input = Trend::of(&network((0..20).map(|l| -0.2 * f64::from(l))));
        assert!((towards_input.factor() - 0.2f64.exp()).abs() < 1e-12);
        assert!(
            (towards_input.r2 - 1.0).abs() < 1e-12 && towards_input.standard_error.unwrap() < 1e-12
        );
        assert_eq!(towards_input.direction(), Direction::Input);
        let towards_output = Trend::of(&network((0..20).map(|l| 0.2 * f64::from(l))));
        assert_eq!(towards_output.direction(), Direction::Output);
        assert_eq!(towards_output.factor(), towards_input.factor());
    }

    #[test]
    fn no_clear_trend_is_an_answer() {
        for logs in [
            vec![],
            vec![1.0],
            vec![0.0, 5.0],
            vec![0.0; 9],
            vec![0.0, 2.0, -1.0, 3.0, 0.5, 2.0],
        ] {
            let growth = Trend::of(&network(logs.clone()));
            assert_eq!(
                growth.direction(),
                Direction::Neither,
                "{logs:?}: {growth:?}"
            );
        }
    }

    /// Numbers of `scipy.stats.linregress([0, 1, 2, 3, 4], [0, 1, 1, 3, 2])`.
    #[test]
    fn errors_are_those_of_ordinary_least_squares() {
        let growth = Trend::of(&network([0.0, 1.0, 1.0, 3.0, 2.0]));
        assert!((growth.slope - 0.6).abs() < 1e-12);
        assert!((growth.standard_error.unwrap() - 0.230_940_107_675_850_3).abs() < 1e-12);
        assert!((growth.r2 - 0.692_307_692_307_692_3).abs() < 1e-12);
    }

    #[test]
    fn quantiles_of_student_are_those_of_tables() {
        for (freedom, expected) in [(11, 2.201), (20, 2.086), (30, 2.042), (100, 1.984)] {
            assert!((student(freedom) - expected).abs() < 0.01, "{freedom}");
        }
    }
}
