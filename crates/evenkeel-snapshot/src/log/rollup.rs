//! Norms of several weights together, which are no layers.

use crate::log::layers::{Layer, Value};
use crate::log::tag::Quantity;

/// Names of what is taken over all weights, and of the scopes that loggers put before it.
const WORDS: [&str; 38] = [
    "",
    "total",
    "global",
    "all",
    "overall",
    "sum",
    "mean",
    "avg",
    "average",
    "max",
    "min",
    "median",
    "std",
    "train",
    "training",
    "trainer",
    "val",
    "valid",
    "validation",
    "eval",
    "test",
    "optim",
    "optimizer",
    "model",
    "network",
    "net",
    "params",
    "parameters",
    "weights",
    "grads",
    "gradients",
    "clipped",
    "unclipped",
    "before_clip",
    "after_clip",
    "pre_clip",
    "post_clip",
    "stats",
];

/// Relative difference up to which a norm is that of others together.
const TOLERANCE: f64 = 1e-4;

/// Whether a name is that of a roll-up: each part of it is such a word.
pub(crate) fn is_named_so(name: &str) -> bool {
    name.split(['/', '.'])
        .all(|part| WORDS.contains(&part.to_ascii_lowercase().as_str()))
}

/// The indices of layers whose norms are, for weights and gradients alike, the root of the sum of
/// squares of others: of all others, of those whose names go on from theirs, or of those whose
/// names differ from theirs in one part.
pub(crate) fn sums(layers: &[Layer], step: u64) -> Vec<usize> {
    let norms: Vec<Option<[f64; 2]>> = layers.iter().map(|layer| squares(layer, step)).collect();
    let groups = Groups::of(layers, &norms);
    (0..layers.len())
        .filter(|&index| norms[index].is_some_and(|own| groups.add_up_to(&layers[index].name, own)))
        .collect()
}

fn squares(layer: &Layer, step: u64) -> Option<[f64; 2]> {
    let square = |quantity| match layer.at(quantity, step) {
        Value::Known(point) => Some(point.value.powi(2)),
        _ => None,
    };
    Some([square(Quantity::Weight)?, square(Quantity::Gradient)?])
}

/// Sums of squares over groups of layers, with how many are in each.
struct Groups {
    all: (usize, [f64; 2]),
    by_key: std::collections::HashMap<String, (usize, [f64; 2])>,
}

impl Groups {
    fn of(layers: &[Layer], norms: &[Option<[f64; 2]>]) -> Self {
        let mut groups = Self {
            all: (0, [0.0; 2]),
            by_key: std::collections::HashMap::new(),
        };
        for (layer, own) in layers.iter().zip(norms) {
            let Some(own) = own else { continue };
            add(&mut groups.all, *own);
            for key in keys(&layer.name) {
                add(groups.by_key.entry(key).or_default(), *own);
            }
        }
        groups
    }

    /// Whether a group is this layer and others that add up to it.
    fn add_up_to(&self, name: &str, own: [f64; 2]) -> bool {
        let with_itself = keys(name)
            .into_iter()
            .filter_map(|key| self.by_key.get(&key))
            .chain([&self.all]);
        // A group that a name stands for does not contain the name: `encoder` and `encoder.0.w`.
        let below = self.by_key.get(&format!("{name}.…"));
        let twice = own.map(|square| 2.0 * square);
        with_itself
            .filter(|group| group.0 > 2)
            .any(|group| equal(group.1, twice))
            || below.is_some_and(|group| group.0 > 1 && equal(group.1, own))
    }
}

fn add(group: &mut (usize, [f64; 2]), own: [f64; 2]) {
    group.0 += 1;
    group.1 = [group.1[0] + own[0], group.1[1] + own[1]];
}

fn equal(a: [f64; 2], b: [f64; 2]) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| (a - b).abs() <= 2.0 * TOLERANCE * b)
}

/// The groups that a name belongs to: with each of its parts left open, and with each beginning.
fn keys(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('.').collect();
    // Names deeper than this are no module paths.
    if parts.len() > 32 {
        return Vec::new();
    }
    let open = (0..parts.len()).map(|at| {
        let mut parts = parts.clone();
        parts[at] = "\u{0}";
        parts.join(".")
    });
    let beginnings = (1..parts.len()).map(|at| format!("{}.…", parts[..at].join(".")));
    open.chain(beginnings).collect()
}
