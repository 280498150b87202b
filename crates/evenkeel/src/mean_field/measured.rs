//! The explosion of a network that was measured.

/// The measured explosion per layer: `exp(−slope)` of the least-squares line through `ln‖∇W_l‖`
/// over the layer index `l` (0 at the input). Layers without gradient are passed over; `None` with
/// fewer than two left.
pub fn explosion_per_layer(gradient_norms: &[f64]) -> Option<f64> {
    let points: Vec<(f64, f64)> = gradient_norms
        .iter()
        .enumerate()
        .filter(|(_, norm)| **norm > 0.0 && norm.is_finite())
        .map(|(layer, norm)| (layer as f64, norm.ln()))
        .collect();
    let count = points.len() as f64;
    let (mean_x, mean_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let (covariance, variance) = points.iter().fold((0.0, 0.0), |(cov, var), (x, y)| {
        (
            cov + (x - mean_x) * (y - mean_y),
            var + (x - mean_x).powi(2),
        )
    });
    (points.len() >= 2).then(|| (-covariance / variance).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geometric_explosion_is_found_past_a_dead_layer() {
        let mut norms: Vec<f64> = (0..20).map(|l| 7.0 * 1.3f64.powi(-l)).collect();
        norms[5] = 0.0;
        assert!((explosion_per_layer(&norms).unwrap() - 1.3).abs() < 1e-12);
        assert_eq!(explosion_per_layer(&[1.0, 0.0]), None);
    }
}
