//! Which quantity of which layer a tag names.

use super::suffix::Suffix;

/// A quantity that a log can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Quantity {
    /// `‖W‖`.
    Weight,
    /// `‖∇W‖`.
    Gradient,
    /// `‖ΔW‖` of a step.
    Update,
    /// `E`, as evenkeel logs it.
    Elr,
    /// How many numbers the weight holds.
    Numel,
    /// `cos(W, ∇W)`.
    Cosine,
    /// The learning rate of the step, of no layer.
    Rate,
}

impl Quantity {
    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight_norm",
            Self::Gradient => "grad_norm",
            Self::Update => "update_norm",
            Self::Elr => "elr",
            Self::Numel => "numel",
            Self::Cosine => "cosine",
            Self::Rate => "lr",
        }
    }
}

/// How trackers and trainers name quantities: a tag is `NAME/LAYER` or `LAYER/NAME`.
///
/// | writer | names |
/// |---|---|
/// | most loops, evenkeel | `weight_norm`, `grad_norm`, `update_norm`, `elr/layer` |
/// | Lightning's `grad_norm` | `grad_2.0_norm` |
/// | Composer's `OptimizerMonitor` | `l2_norm/param`, `l2_norm/grad`, `l2_norm/update` |
/// | levanter's watch | `params/norm`, `grad/norm`, `updates/norm` |
const NAMES: &[(Quantity, &[&str])] = &[
    (
        Quantity::Weight,
        &[
            "weight_norm",
            "weight_norms",
            "weights_norm",
            "param_norm",
            "param_norms",
            "params_norm",
            "parameter_norm",
            "params/norm",
            "param/norm",
            "weight/norm",
            "weights/norm",
            "l2_norm/param",
            "w_norm",
            "wnorm",
        ],
    ),
    (
        Quantity::Gradient,
        &[
            "grad_norm",
            "grad_norms",
            "grads_norm",
            "gradient_norm",
            "gradient_norms",
            "gradients_norm",
            "grad_2.0_norm",
            "grad_2_norm",
            "grad/norm",
            "grads/norm",
            "gradient/norm",
            "gradients/norm",
            "l2_norm/grad",
            "g_norm",
            "gnorm",
        ],
    ),
    (
        Quantity::Update,
        &[
            "update_norm",
            "update_norms",
            "updates_norm",
            "updates/norm",
            "update/norm",
            "l2_norm/update",
        ],
    ),
    (Quantity::Elr, &["elr/layer"]),
    (Quantity::Numel, &["numel"]),
    (Quantity::Cosine, &["cosine"]),
];

/// Tags of the learning rate, behind any scope: `train/learning_rate`, `lr-AdamW`.
const RATES: [&str; 2] = ["learning_rate", "lr"];

/// A quantity of a layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    pub quantity: Quantity,
    /// As it stands in the tag; empty for a learning rate.
    pub layer: String,
    /// How the value was gathered, if the tag says so.
    pub suffix: Suffix,
}

/// The names of quantities that count.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Longer names first: they say more.
    rows: Vec<(Quantity, String)>,
}

impl Names {
    /// Those of [`NAMES`], with each that was `given` in place of its quantity's.
    pub fn new(given: &[(Quantity, Option<&str>)]) -> Self {
        let of = |wanted: Quantity| {
            given
                .iter()
                .find_map(|(quantity, name)| (*quantity == wanted).then_some(*name)?)
        };
        let mut rows = Vec::new();
        for (quantity, names) in NAMES {
            match of(*quantity) {
                Some(name) => rows.push((*quantity, name.to_owned())),
                None => rows.extend(names.iter().map(|name| (*quantity, (*name).to_owned()))),
            }
        }
        rows.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        Self { rows }
    }

    /// The quantity that a column of this name holds, in a table with a column for layers.
    pub fn quantity(&self, column: &str) -> Option<Quantity> {
        if column == "elr" {
            return Some(Quantity::Elr);
        }
        let named = self.rows.iter().find(|(_, name)| name == column);
        named.map(|(quantity, _)| *quantity)
    }

    /// What a tag says, if it is a quantity of a layer.
    pub fn meaning(&self, tag: &str) -> Option<Meaning> {
        let (bare, suffix) = Suffix::split(tag);
        let (quantity, layer) = self
            .of_layer(bare)
            .or_else(|| is_rate(bare).then(|| (Quantity::Rate, String::new())))?;
        Some(Meaning {
            quantity,
            layer,
            suffix,
        })
    }

    fn of_layer(&self, tag: &str) -> Option<(Quantity, String)> {
        let in_front = |(quantity, name): &(Quantity, String)| {
            let layer = match name.split_once('*') {
                Some((before, after)) => between(tag, before, after),
                None => behind(tag, name),
            };
            Some((*quantity, layer?.to_owned()))
        };
        let at_the_end = |(quantity, name): &(Quantity, String)| {
            Some((*quantity, before(tag, name)?.to_owned()))
        };
        self.rows
            .iter()
            .find_map(in_front)
            .or_else(|| self.rows.iter().find_map(at_the_end))
            .or_else(|| {
                let whole = self.rows.iter().find(|(_, name)| name == tag);
                whole.map(|(quantity, _)| (*quantity, String::new()))
            })
    }

    /// The names of a quantity that messages show: the one that was given, or the usual one.
    pub fn shown(&self, wanted: Quantity) -> String {
        let mut names = self.rows.iter().filter(|(quantity, _)| *quantity == wanted);
        match names.clone().find(|(_, name)| name == wanted.name()) {
            Some((_, name)) => name.clone(),
            None => names.next().map_or("", |(_, name)| name).to_owned(),
        }
    }
}

/// The layer of `[SCOPE/]NAME/LAYER`; TensorBoard writes `/` as `_` in names of files.
fn behind<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let starts = std::iter::once(0).chain(tag.match_indices('/').map(|(at, _)| at + 1));
    starts
        .filter_map(|start| {
            let layer = tag[start..].strip_prefix(name)?.strip_prefix(['/', '_'])?;
            (!layer.is_empty()).then_some(layer)
        })
        .next_back()
}

/// The layer of `LAYER/NAME`.
fn before<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let layer = tag.strip_suffix(name)?.strip_suffix(['/', '_', '.'])?;
    (!layer.is_empty()).then_some(layer)
}

/// What stands between two texts.
fn between<'t>(tag: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let layer = tag.strip_prefix(before)?.strip_suffix(after)?;
    (!layer.is_empty()).then_some(layer)
}

fn is_rate(tag: &str) -> bool {
    let last = tag.rsplit('/').next().unwrap_or(tag);
    RATES.contains(&last) || tag.starts_with("lr-") || tag.contains("/lr-")
}
