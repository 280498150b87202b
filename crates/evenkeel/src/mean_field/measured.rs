//! The explosion of a network that was measured.

/// The measured explosion per layer: `exp(−slope)` of the least-squares line through `ln‖∇W_l‖`
/// over the layer index `l` (0 at the input). Layers without gradient are passed over; `None` with
/// fewer than two left.
pub fn explosion_per_layer(gradient_norms: &[f64]) -> Option<f64> {
    Some((-slope(&points(gradient_norms))?).exp())
}

/// The measured explosion over the whole network: the factor by which the line of
/// [`explosion_per_layer`] falls from the first layer with a gradient to the last.
///
/// This is what a first step has to cope with, and it tells deep networks with little growth a layer
/// from shallow ones: 100 layers of BN-tanh grow by 1.09 a layer and by 3.5 decades in all (T31).
pub fn total_explosion(gradient_norms: &[f64]) -> Option<f64> {
    let points = points(gradient_norms);
    let depth = points.last()?.0 - points.first()?.0;
    Some((-slope(&points)? * depth).exp())
}

/// Layer index and `ln‖∇W_l‖` of the layers with a gradient.
fn points(gradient_norms: &[f64]) -> Vec<(f64, f64)> {
    gradient_norms
        .iter()
        .enumerate()
        .filter(|(_, norm)| **norm > 0.0 && norm.is_finite())
        .map(|(layer, norm)| (layer as f64, norm.ln()))
        .collect()
}

/// The slope of the least-squares line; `None` for fewer than two points.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
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
    (points.len() >= 2).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mean_field::Synthetic;

    #[test]
    fn a_geometric_explosion_is_found_past_a_dead_layer() {
        let mut norms: Vec<f64> = (0..20).map(|l| 7.0 * 1.3f64.powi(-l)).collect();
        norms[5] = 0.0;
        assert!((explosion_per_layer(&norms).unwrap() - 1.3).abs() < 1e-12);
        assert!((total_explosion(&norms).unwrap() / 1.3f64.powi(19) - 1.0).abs() < 1e-12);
        assert_eq!(explosion_per_layer(&[1.0, 0.0]), None);
        assert_eq!(total_explosion(&[1.0, 0.0]), None);
        assert_eq!(total_explosion(&[]), None);
    }
    #[test]
    fn a_hundred_layers_of_batch_norm_and_tanh_explode_by_three_decades_and_a_half() {
        let network: Synthetic = "bn-tanh:100".parse().unwrap();
        let norms: Vec<f64> = network.elrs().iter().map(|elr| elr.get()).collect();
        assert!(explosion_per_layer(&norms).unwrap() < 1.1);
        let decades = total_explosion(&norms).unwrap().log10();
        assert!((decades - 3.5).abs() < 0.05, "{decades}");
    }
}
