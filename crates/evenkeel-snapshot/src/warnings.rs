//! What is odd, but no error.

use std::collections::HashSet;

use evenkeel::quote::{quote, quote_all};

use crate::kind::Kind;
use crate::place::At;

/// A weight with a larger |cos(W, ∇W)| can hardly be scale-invariant, even in 16-bit numbers.
const COSINE: f64 = 0.01;
/// Layers named one by one.
const MOST: usize = 10;
/// Ignored columns remembered; every object of a JSON file can have keys of its own.
const MOST_IGNORED: usize = 1000;

/// Gathers warnings, each kind within bounds.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    ignored: Vec<String>,
    known: HashSet<String>,
    ignored_beyond: bool,
    aligned: Vec<String>,
    aligned_beyond: usize,
}

impl Warnings {
    /// Notes a column that nobody reads.
    pub fn ignore(&mut self, column: &str) {
        if self.known.contains(column) {
            return;
        }
        self.ignored_beyond = self.known.len() == MOST_IGNORED;
        if !self.ignored_beyond {
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
            let others = if self.ignored_beyond {
                ", and others"
            } else {
                ""
            };
            sentences.push(format!(
                "{input}: ignored {names}{others}; what is read: {read}"
            ));
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
