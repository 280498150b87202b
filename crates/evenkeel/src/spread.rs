//! How far apart a network's effective learning rates are (T3).

use crate::quantity::Elr;

/// The spread of `x_l = ln E_l` over layers, in natural logarithms. A factor common to all ELRs
/// changes neither number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Population standard deviation of `x` (divided by the number of layers, not one less).
    pub std: f64,
    /// `max x − min x`.
    pub range: f64,
}

impl Spread {
    /// The spread of `elrs`; zero for fewer than two layers.
    pub fn of(elrs: &[Elr]) -> Self {
        let logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
        Self::of_logs(&logs)
    }

    /// The spread of logarithms `x_l = ln E_l`; zero for fewer than two layers.
    pub fn of_logs(logs: &[f64]) -> Self {
        if logs.len() < 2 {
            return Self::default();
        }
        let count = logs.len() as f64;
        let mean = fold(logs, 0.0, |x| x, |sum, x| sum + x) / count;
        let variance = fold(logs, 0.0, |x| (x - mean).powi(2), |sum, x| sum + x) / count;
        let high = fold(logs, logs[0], |x| x, f64::max);
        let low = fold(logs, logs[0], |x| x, f64::min);
        Self {
            std: variance.sqrt(),
            range: high - low,
        }
    }

    /// The range in decades, `log10(E_max/E_min)`.
    pub fn decades(self) -> f64 {
        self.range / std::f64::consts::LN_10
    }

    /// `E_max/E_min`.
    pub fn ratio(self) -> f64 {
        self.range.exp()
    }
}

/// Puts together what `of` says of each, in eight places at a time: units are many, and no number waits for the
/// one before it.
fn fold<T: Copy>(values: &[T], start: T, of: impl Fn(T) -> T, join: impl Fn(T, T) -> T) -> T {
    let mut places = [start; 8];
    let (rows, rest) = values.as_chunks::<8>();
    for row in rows {
        for (place, x) in places.iter_mut().zip(row) {
            *place = join(*place, of(*x));
        }
    }
    let rest = rest.iter().map(|x| of(*x));
    places.into_iter().chain(rest).fold(start, join)
}

/// The smallest and the largest ELR; `None` without any.
pub fn extremes(elrs: &[Elr]) -> Option<(Elr, Elr)> {
    let first = *elrs.first()?;
    let smaller = |min: Elr, elr: Elr| if elr < min { elr } else { min };
    let larger = |max: Elr, elr: Elr| if elr > max { elr } else { max };
    let min = fold(elrs, first, |elr| elr, smaller);
    let max = fold(elrs, first, |elr| elr, larger);
    Some((min, max))
}

/// The geometric mean `Ē` of the ELRs, or `None` for no layers.
pub fn geometric_mean(elrs: &[Elr]) -> Option<Elr> {
    let mean = elrs.iter().map(|elr| elr.ln()).sum::<f64>() / elrs.len() as f64;
    (!elrs.is_empty()).then(|| Elr::from_ln(mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layer_has_no_spread() {
        let elr = Elr::new(3.0).unwrap();
        assert_eq!(Spread::of(&[elr]), Spread::default());
        assert_eq!(Spread::of(&[]), Spread::default());
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn extremes_are_found_wherever_they_are() {
        assert_eq!(extremes(&[]), None);
        for count in 1..20 {
            for shift in 0..count {
                let elr = |i: usize| Elr::new(((i + shift) % count + 1) as f64).unwrap();
                let elrs: Vec<Elr> = (0..count).map(elr).collect();
                let found = extremes(&elrs).map(|(min, max)| (min.get(), max.get()));
                assert_eq!(found, Some((1.0, count as f64)), "{count} {shift}");
            }
        }
    }

    #[test]
    fn two_decades_are_two_decades() {
        let elrs = [0.1, 10.0].map(|e| Elr::new(e).unwrap());
        let spread = Spread::of(&elrs);
        assert!((spread.decades() - 2.0).abs() < 1e-14);
        assert!((spread.ratio() - 100.0).abs() < 1e-11);
        assert!((spread.std - spread.range / 2.0).abs() < 1e-14);
        assert!((geometric_mean(&elrs).unwrap().get() - 1.0).abs() < 1e-15);
    }
}
