//! The blocks of transformers.

use super::refusal::Refusal;
use super::shape::Shape;
use crate::layer::Layer;

/// The places of a transformer's normalizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The input of each branch (Radford et al. 2019).
    Pre,
    /// The sum of each branch and its shortcut (Vaswani et al. 2017).
    Post,
    /// The input of each branch, and queries and keys over all heads (Henry et al. 2020; over all
    /// heads as in OLMo 2).
    QueryKey,
    /// The output of every linear layer but the classifier, and nothing else but the last sum.
    Normalized,
}

/// A stack of blocks over sequences.
pub(super) struct Transformer<'a> {
    pub shape: &'a Shape,
    pub style: Style,
    /// Tokens of a sequence.
    pub context: usize,
    /// Whether attention is causal.
    pub causal: bool,
}

/// Features of a head, as in GPT-2 and ViT of all published sizes but the largest.
const HEAD: usize = 64;

impl Transformer<'_> {
    /// DEPTH blocks, and the normalization of their sum.
    pub fn layers(&self) -> Result<Vec<Layer>, Refusal> {
        let width = self.shape.width;
        if width > HEAD && !width.is_multiple_of(HEAD) {
            return Err(Refusal::Width {
                given: width,
                permitted: "a multiple of 64, the width of a head, or less",
            });
        }
        let mut layers: Vec<Layer> = (0..self.shape.depth)
            .flat_map(|block| self.block(&format!("blocks.{block}")))
            .collect();
        if self.style != Style::Post {
            layers.extend(self.shape.norm.layer("norm".to_owned(), width));
        }
        Ok(layers)
    }

    fn block(&self, block: &str) -> Vec<Layer> {
        let at = |part| format!("{block}.{part}");
        let mut layers = self.branch(
            at("attention"),
            at("norm1"),
            self.attention(&at("attention")),
        );
        layers.extend(self.branch(at("mlp"), at("norm2"), self.mlp(&at("mlp"))));
        layers
    }

    /// A branch with its shortcut and its normalization.
    fn branch(&self, name: String, norm: String, branch: Vec<Layer>) -> Vec<Layer> {
        let norm = self.shape.norm.layer(norm, self.shape.width);
        let (before, after) = match self.style {
            Style::Pre | Style::QueryKey => (norm, None),
            Style::Post => (None, norm),
            Style::Normalized => (None, None),
        };
        let body = before.into_iter().chain(branch).collect();
        let mut layers = self.shape.residual(name, body, Vec::new());
        layers.extend(after);
        layers
    }

    fn attention(&self, at: &str) -> Vec<Layer> {
        let width = self.shape.width;
        let compared = matches!(self.style, Style::QueryKey | Style::Normalized);
        let part =
            |part, normalized| self.linear(&format!("{at}.{part}"), [width, width], normalized);
        let normalized = self.style == Style::Normalized;
        let heads = Layer::Attention {
            name: format!("{at}.heads"),
            heads: (width / HEAD).max(1),
            context: self.context,
            causal: self.causal,
            query: part("query", compared),
            key: part("key", compared),
            value: part("value", normalized),
        };
        [vec![heads], part("output", normalized)].concat()
    }

    fn mlp(&self, at: &str) -> Vec<Layer> {
        let width = self.shape.width;
        let normalized = self.style == Style::Normalized;
        let mut layers = self.linear(&format!("{at}.up"), [width, 4 * width], normalized);
        layers.extend(self.shape.activation.layer());
        layers.extend(self.linear(&format!("{at}.down"), [4 * width, width], normalized));
        layers
    }

    /// A linear layer, with a bias unless a normalization follows that would remove it.
    fn linear(&self, name: &str, [inputs, outputs]: [usize; 2], normalized: bool) -> Vec<Layer> {
        if normalized {
            let names = [name.to_owned(), format!("{name}_norm")];
            self.shape.linear(names, inputs, outputs)
        } else {
            vec![Layer::linear(name.to_owned(), inputs, outputs, true)]
        }
    }
}
