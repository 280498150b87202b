//! Inputs of any size, in every format and with everything that can be long.

use std::fmt::Write;

/// An input by what it is, and what writes it in a given size.
pub type Large = (&'static str, fn(usize) -> String);

/// So many layers, as tools write them.
pub const LAYERS: [Large; 3] = [
    ("CSV", |count| {
        let mut text = "layer,weight_norm,grad_norm,numel,cosine\n".to_owned();
        for n in 0..count {
            let _ = writeln!(
                text,
                "blocks.{n}.linear.weight,12.3456789,0.00{n}1,262144,-1.25e-9"
            );
        }
        text
    }),
    ("JSON", |count| format!("[{}]", objects(count, ",\n"))),
    ("JSON Lines", |count| objects(count, "\n")),
];

fn objects(count: usize, separator: &str) -> String {
    let mut text = String::new();
    for n in 0..count {
        let separator = if n == 0 { "" } else { separator };
        let _ = write!(
            text,
            "{separator}{{\"layer\": \"blocks.{n}.linear.weight\", \"weight_norm\": 12.3456789, \
             \"grad_norm\": 0.00{n}1, \"numel\": 262144, \"cosine\": -1.25e-9}}"
        );
    }
    text
}

/// About so many bytes of which one part is far too long. All are refused from 2 MiB on.
pub const HUGE: [Large; 16] = [
    ("CSV, a header", |n| "x".repeat(n)),
    ("CSV, columns", |n| ",".repeat(n)),
    ("CSV, a name", |n| {
        format!("layer,elr\n{},1\n", "x".repeat(n))
    }),
    ("CSV, a number", |n| {
        format!("layer,elr\na,{}\n", "1".repeat(n))
    }),
    ("CSV, blanks", |n| {
        format!("layer,elr\na,{}1\n", " ".repeat(n))
    }),
    ("CSV, a name in quotes", |n| {
        format!("layer,elr\n\"{}\",1\n", "x".repeat(n))
    }),
    ("CSV, quotes in quotes", |n| {
        format!("layer,elr\n\"{}\",1\n", "\"".repeat(n / 2 * 2))
    }),
    ("CSV, a quote left open", |n| {
        format!("layer,elr\n\"{}", "x".repeat(n))
    }),
    ("CSV, blank rows", |n| {
        format!("layer,elr\n{}", "\n".repeat(n))
    }),
    ("JSON, a name", |n| {
        format!("[{{\"layer\":\"{}\",\"elr\":1}}]", "x".repeat(n))
    }),
    ("JSON, a key", |n| format!("[{{\"{}\":1}}]", "x".repeat(n))),
    ("JSON, blanks", |n| format!("[{}]", " ".repeat(n))),
    ("JSON, lists in lists", |n| "[".repeat(n)),
    ("JSON, different keys", |n| {
        let keys =
            (0..n / 45).map(|key| format!("{{\"layer\":\"{key}\",\"elr\":1,\"{key:x}\":1}},"));
        format!("[{}]", keys.collect::<String>())
    }),
    ("JSON Lines, a name", |n| {
        format!("{{\"layer\":\"{}\",\"elr\":1}}", "x".repeat(n))
    }),
    ("JSON Lines, escapes", |n| {
        format!("{{\"layer\":\"{}\",\"elr\":1}}", "\\t".repeat(n / 2))
    }),
];
