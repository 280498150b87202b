//! Whatever is written as a control, a schedule, an optimiser or a drift: it is read, or refused in
//! a few words.

use evenkeel::{control, optimizer, schedule, warmup};
use proptest::prelude::*;

mod parsing;

type Parser = fn(&str) -> bool;

const PARSERS: [Parser; 4] = [
    parsing::control,
    parsing::schedule,
    parsing::optimizer,
    parsing::drift,
];

/// Text in which about everything has a meaning to one of the parsers.
fn nearly() -> impl Strategy<Value = String> {
    let names = control::ALL.iter().map(|entry| entry.name);
    let names = names.chain(schedule::ALL.iter().map(|entry| entry.name));
    let names = names.chain(optimizer::ALL.iter().map(|entry| entry.name));
    let names = names.chain(warmup::ALL.iter().map(|policy| policy.name));
    let signs = [
        ":", ":", ":", "+", "+", ",", ",", "=", "=", " ", "\0", "-", "é",
    ];
    let keys = [
        "mu", "l2", "decay", "beta1", "beta2", "shift", "scatter", "reach", "noise",
    ];
    let numbers = [
        "0",
        "-0",
        "1",
        "7",
        "0.5",
        "0.9999999999999999",
        "1e-323",
        "1e308",
        "1e999",
        "inf",
        "NaN",
        "4294967295",
        "4294967296",
    ];
    let words: Vec<&str> = names.chain(signs).chain(keys).chain(numbers).collect();
    let of_words = prop::collection::vec(prop::sample::select(words), 0..8);
    of_words.prop_map(|words| words.concat())
}

/// Text with one part changed: more of it is read than of words in any order.
fn mutated() -> impl Strategy<Value = String> {
    let valid = [
        "none",
        "linear:7",
        "critical:minimax+hold",
        "rescale+critical",
        "critical+hold:0.1",
        "lars:0.1",
        "hold+turn:0.1",
        "within:0.5:1+turn:0.1:0.001:0.05",
        "constant",
        "linear-warmup:10+cosine",
        "step:30:0.1",
        "exponential:0.99",
        "one-cycle",
        "sgd:decay=0.1",
        "momentum:mu=0.5,l2=0.01",
        "adamw:beta1=0.9,beta2=0.99,decay=0.1",
        "adam",
        "shift=-0.15,scatter=0.19,reach=0.77,noise=0.06",
    ];
    let place = any::<prop::sample::Index>();
    (
        prop::sample::select(valid.to_vec()),
        place,
        0..3usize,
        nearly(),
    )
        .prop_map(|(text, place, removed, new)| {
            let start = place.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            let new: String = new.chars().take(4).collect();
            format!("{}{new}{}", &text[..start], &text[end..])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn whatever_the_words_there_is_an_answer(text in nearly()) {
        PARSERS.iter().for_each(|parser| { parser(&text); });
    }

    #[test]
    fn whatever_the_change_there_is_an_answer(text in mutated()) {
        PARSERS.iter().for_each(|parser| { parser(&text); });
    }

    #[test]
    fn whatever_the_characters_there_is_an_answer(text in "\\PC{0,40}|.{0,40}") {
        PARSERS.iter().for_each(|parser| { parser(&text); });
    }
}

#[test]
fn what_is_too_long_to_repeat_is_not_repeated() {
    for start in [
        "",
        "none:",
        "linear:",
        "critical:",
        "cosine:",
        "sgd:",
        "sgd:decay=",
        "step:",
        "hold:",
        "lars:",
        "turn:",
        "shift=",
        "reach=",
    ] {
        for part in ["x", "9", "\u{1b}", "+none", "+linear-warmup:1", ",", "é"] {
            let text = start.to_owned() + &part.repeat(100_000);
            PARSERS.iter().for_each(|parser| {
                parser(&text);
            });
        }
    }
}

/// Every setting of every optimiser, and pairs of them, at both ends of what floats can say.
#[test]
fn extreme_settings_are_held_to_the_same() {
    let values = [
        "0",
        "-0",
        "5e-324",
        "1e-9",
        "0.9999999999999999",
        "1e9",
        "1.7976931348623157e308",
    ];
    let keys = ["mu", "beta1", "beta2", "l2", "decay"];
    let pairs = keys
        .iter()
        .flat_map(|key| values.map(|value| format!("{key}={value}")));
    let pairs: Vec<String> = pairs.collect();
    let mut read = 0;
    for entry in optimizer::ALL {
        for (one, other) in pairs
            .iter()
            .flat_map(|one| pairs.iter().map(move |other| (one, other)))
        {
            for text in [
                format!("{}:{one}", entry.name),
                format!("{}:{one},{other}", entry.name),
            ] {
                read += usize::from(parsing::optimizer(&text));
            }
        }
    }
    for value in values {
        read += usize::from(parsing::schedule(&format!("exponential:{value}")));
        read += usize::from(parsing::schedule(&format!("step:4294967295:{value}")));
    }
    assert!(read > 1000, "{read}");
}
