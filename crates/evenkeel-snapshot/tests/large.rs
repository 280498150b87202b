//! Large inputs. No time is asserted: a reader of quadratic cost would not come to its end.

mod common;
#[path = "common/large.rs"]
mod large;

use common::check;
use evenkeel_snapshot::{Limits, Snapshot};
use large::{HUGE, LAYERS};

#[test]
fn a_million_layers_are_read() {
    for (name, write) in LAYERS {
        let parsed = Snapshot::parse("norms", write(1_000_000).as_bytes());
        let layers = parsed.map(|parsed| parsed.snapshot.layers.len());
        assert_eq!(layers, Ok(1_000_000), "{name}");
    }
}

#[test]
fn what_is_far_too_long_is_refused_in_few_words() {
    for (name, write) in HUGE {
        let text = write(1 << 23);
        assert!(!check(text.as_bytes(), &Limits::default()), "{name}");
    }
}
