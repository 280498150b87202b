//! What holds for every snapshot and every input.

mod common;

use std::collections::HashSet;

use evenkeel::layer::LayerNorms;
use evenkeel::quantity::{Elr, GradientNorm, WeightNorm};
use evenkeel_snapshot::{LayerEntry, Limits, Snapshot};
use proptest::prelude::*;
use proptest::{collection::vec, option};

use common::{WRITERS, check};

/// Positive numbers over so many orders of magnitude that no ratio leaves the floats.
fn positive() -> impl Strategy<Value = f64> {
    (-300.0..300.0).prop_map(f64::exp)
}

fn layer() -> impl Strategy<Value = LayerEntry> {
    let name = "[a-zé层.,\"'\\\\{}\\[\\] 0-9]{1,8}".prop_map(|name| name.trim().to_owned());
    let norms = option::of((positive(), positive()));
    let rest = (option::of(1..u64::MAX), option::of(-1.0..1.0));
    (name, norms, positive(), rest).prop_map(|(name, norms, elr, (numel, cosine))| {
        let norms = norms.map(|(weight, gradient)| LayerNorms {
            weight: WeightNorm::new(weight).unwrap(),
            gradient: GradientNorm::new(gradient).unwrap(),
        });
        let elr = norms.map_or(Elr::new(elr), LayerNorms::elr).unwrap();
        LayerEntry {
            name,
            elr,
            weight_norm: norms.map(|norms| norms.weight),
            gradient_norm: norms.map(|norms| norms.gradient),
            numel,
            cosine,
        }
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    vec(layer(), 1..8).prop_filter_map("no name", |mut layers| {
        let mut names = HashSet::new();
        layers.retain(|layer| !layer.name.is_empty() && names.insert(layer.name.clone()));
        (!layers.is_empty()).then_some(Snapshot { layers })
    })
}

/// Text in which about everything has a meaning.
fn nearly() -> impl Strategy<Value = String> {
    let words = [
        "layer",
        "elr",
        "weight_norm",
        "grad_norm",
        "numel",
        "cosine",
        ",",
        ",",
        ",",
        "\n",
        "\r\n",
        "\"",
        "\"",
        "[",
        "]",
        "{",
        "}",
        ":",
        "1",
        "0",
        "-1.5",
        "1e-3",
        "nan",
        "NaN",
        "null",
        "a",
        "b",
        " ",
        "\u{feff}",
        "\\",
        "é",
        "layer,elr\n",
        "{\"layer\":",
        "\"elr\":",
    ];
    vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read(snapshot in snapshot()) {
        for write in WRITERS {
            let text = write(&snapshot);
            let parsed = Snapshot::parse("norms", text.as_bytes());
            prop_assert_eq!(parsed.map(|parsed| parsed.snapshot), Ok(snapshot.clone()), "{}", text);
        }
    }

    #[test]
    fn whatever_the_bytes_there_is_an_answer(bytes in vec(any::<u8>(), 0..200)) {
        check(&bytes, &Limits::default());
    }

    #[test]
    fn whatever_the_words_there_is_an_answer(text in nearly()) {
        check(text.as_bytes(), &Limits::default());
    }

    #[test]
    fn a_wrong_value_is_found_where_it_is(snapshot in snapshot(), row in any::<prop::sample::Index>()) {
        let row = row.index(snapshot.layers.len());
        for (write, unit, first) in [(WRITERS[0], "row", 2), (WRITERS[1], "item", 1), (WRITERS[2], "line", 1)] {
            let mut broken = snapshot.clone();
            broken.layers[row].cosine = Some(7.5);
            let error = Snapshot::parse("norms", write(&broken).as_bytes()).unwrap_err();
            let place = format!("norms, {unit} {}, column `cosine` is `7.5`", row + first);
            prop_assert!(error.to_string().starts_with(&place), "{}", error);
        }
    }
}
