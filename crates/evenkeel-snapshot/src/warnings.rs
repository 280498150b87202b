//! What is odd, but no error.

use std::collections::HashSet;

use crate::kind::Kind;
use crate::place::At;
use crate::quote::{quote, quote_all};

/// A weight with a larger |cos(W, ∇W)| can hardly be scale-invariant, even in 16-bit numbers.
const COSINE: f64 = 0.01;
/// Layers named one by one.
const MOST: usize = 10;

/// Gathers warnings, each kind within bounds.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    ignored: Vec<String>,
    known: HashSet<String>,
    aligned: Vec<String>,
    aligned_beyond: usize,
}

impl Warnings {
    /// Notes a column that nobody reads.
    pub fn ignore(&mut self, column: &str) {
        if !self.known.contains(column) {
            self.known.insert(column.to_owned());
            self.ignored.push(column.to_owned());
        }
    }

    /// Looks whether `cosine` is that of a scale-invariant weight.
    pub fn check_cosine(&mut self, at: At, layer: &str, cosine: f64) {
        if cosine.abs() <= COSINE {
            return;
        }
        if self.aligned.len() == MOST {
            self.aligned_beyond += 1;
            return;
        }
        self.aligned.push(format!(
            "{}, column `cosine` is {cosine:?}, but would be within ±{COSINE} for a scale-invariant weight: \
             is the layer {} not scale-invariant? leave it out if so",
            at.place(),
            quote(layer)
        ));
    }

    /// The sentences.
    pub fn finish(mut self, input: &str, kind: &Kind) -> Vec<String> {
        let mut sentences = Vec::new();
        if !self.ignored.is_empty() {
            let names = quote_all(self.ignored.iter());
            let read: Vec<&str> = kind.columns.iter().map(|column| column.name()).collect();
            let read = read.join(", ");
            sentences.push(format!("{input}: ignored {names}; what is read: {read}"));
        }
        sentences.append(&mut self.aligned);
        if self.aligned_beyond > 0 {
            let more = self.aligned_beyond;
            sentences.push(format!(
                "{input}: the same holds for {more} more layers: are these the gradients of a normalized network?"
            ));
        }
        sentences
    }
}
