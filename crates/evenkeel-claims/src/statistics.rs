//! Means, lines and ranks, with how sure they are.

use evenkeel_nn::seed::{Purpose, rng};
use rand::RngExt;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The level of all intervals.
const LEVEL: f64 = 0.95;

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The mean of independent values with Student's interval; NaN without values, and with an endless interval
/// for a single one. What is not finite is left out.
pub fn mean(values: &[f64]) -> Estimate {
    let values = finite(values);
    let count = values.len() as f64;
    let value = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|v| (v - value).powi(2)).sum::<f64>();
    let reach = match StudentsT::new(0.0, 1.0, count - 1.0) {
        Ok(t) => t.inverse_cdf(0.5 + LEVEL / 2.0) * (square / (count - 1.0) / count).sqrt(),
        Err(_) => f64::INFINITY,
    };
    Estimate {
        value,
        low: value - reach,
        high: value + reach,
    }
}

/// The middle value; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which `share` of them lie, between neighbours in proportion; NaN of none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = finite(values);
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    values[below] + (place - below as f64) * (values[above] - values[below])
}

/// A straight line through points by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Growth of y with x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// The share of the variance of y that the line explains.
    pub r2: f64,
}

/// The line through `points`.
pub fn line(points: &[(f64, f64)]) -> Line {
    let count = points.len() as f64;
    let (mx, my) = points
        .iter()
        .fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|(x, y)| f(x - mx, y - my)).sum()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    let slope = xy / xx;
    Line {
        slope,
        intercept: my - slope * mx,
        r2: xy * xy / (xx * yy),
    }
}

/// The share of the variance of measured numbers that predictions explain, as they are, without a fit:
/// `1 − Σ(y − ŷ)²/Σ(y − ȳ)²`, over (predicted, measured).
pub fn r2(pairs: &[(f64, f64)]) -> f64 {
    let mean = pairs.iter().map(|(_, y)| y).sum::<f64>() / pairs.len() as f64;
    let rest: f64 = pairs.iter().map(|(p, y)| (y - p).powi(2)).sum();
    let all: f64 = pairs.iter().map(|(_, y)| (y - mean).powi(2)).sum();
    1.0 - rest / all
}

/// Spearman's rank correlation, with a bootstrap interval over the points.
pub fn rank_correlation(points: &[(f64, f64)]) -> Estimate {
    const SAMPLES: usize = 1000;
    let points: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    let value = spearman(&points);
    let mut rng = rng(0, Purpose::Bootstrap);
    let again: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let draw = (0..points.len()).map(|_| points[rng.random_range(0..points.len())]);
            spearman(&draw.collect::<Vec<_>>())
        })
        .collect();
    Estimate {
        value,
        low: quantile(&again, 0.5 - LEVEL / 2.0),
        high: quantile(&again, 0.5 + LEVEL / 2.0),
    }
}

fn spearman(points: &[(f64, f64)]) -> f64 {
    let x = ranks(points.iter().map(|p| p.0).collect());
    let y = ranks(points.iter().map(|p| p.1).collect());
    let fit = line(&x.into_iter().zip(y).collect::<Vec<_>>());
    fit.r2.sqrt() * fit.slope.signum()
}

/// Ranks from 1, with the mean rank for equal values.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count() as f64;
    let equal = |value: f64| values.iter().filter(|other| **other == value).count() as f64;
    values
        .iter()
        .map(|value| below(*value) + (equal(*value) + 1.0) / 2.0)
        .collect()
}

fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|v| v.is_finite()).collect()
}

impl Estimate {
    /// As `1.23 (1.10–1.36)`, or the value alone where nothing is known of its interval.
    pub fn told(&self, decimals: usize) -> String {
        let number = |value: f64| format!("{value:.decimals$}").replace('-', "−");
        if !self.value.is_finite() {
            "–".to_owned()
        } else if self.low.is_finite() && self.high.is_finite() {
            format!(
                "{} ({} to {})",
                number(self.value),
                number(self.low),
                number(self.high)
            )
        } else {
            number(self.value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_student_s() {
        // t(0.975, 2) = 4.302653; s/√3 = 1/√3.
        let found = mean(&[1.0, 2.0, 3.0, f64::NAN]);
        assert_eq!(found.value, 2.0);
        assert!(
            (found.high - 2.0 - 4.302653 / 3f64.sqrt()).abs() < 1e-5,
            "{found:?}"
        );
        assert_eq!(mean(&[7.0]).told(1), "7.0");
        assert_eq!(mean(&[]).told(1), "–");
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.25), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn lines_and_predictions() {
        let fit = line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]);
        assert_eq!((fit.slope, fit.intercept, fit.r2), (2.0, 1.0, 1.0));
        assert_eq!(r2(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]), 1.0);
        // The mean explains nothing.
        assert_eq!(r2(&[(2.0, 1.0), (2.0, 2.0), (2.0, 3.0)]), 0.0);
    }

    #[test]
    fn ranks_share_ties_and_correlate() {
        assert_eq!(ranks(vec![5.0, 1.0, 5.0]), [2.5, 1.0, 2.5]);
        let falling: Vec<(f64, f64)> = (1..20)
            .map(|i| (f64::from(i), 1.0 / f64::from(i)))
            .collect();
        let found = rank_correlation(&falling);
        assert!((found.value + 1.0).abs() < 1e-12 && (found.high + 1.0).abs() < 1e-12);
    }
}
