//! The order of layers from the input to the output, by their names.

use std::cmp::Ordering;

/// Words for the parts of a network that come before its blocks.
const FIRST: [&str; 10] = [
    "wte",
    "wpe",
    "stem",
    "embed",
    "embedding",
    "embeddings",
    "embed_tokens",
    "patch_embed",
    "tok_embeddings",
    "conv_stem",
];
/// Words for the parts that come behind them.
const LAST: [&str; 9] = [
    "head",
    "heads",
    "lm_head",
    "classifier",
    "fc",
    "logits",
    "unembed",
    "output",
    "score",
];

/// The indices of `names` in the order of depth.
///
/// The order given is kept as long as the numbers in it ascend: a training loop that logs its
/// parameters writes them in the order of the model. Where numbers descend, as in `blocks.10` before
/// `blocks.2`, or where a tool has sorted the names as text, they are sorted: numbers as numbers,
/// embeddings and stems first, heads and classifiers last.
pub fn depth_order<S: AsRef<str>>(names: &[S]) -> Vec<usize> {
    let keys: Vec<Vec<Part>> = names.iter().map(|name| parts(name.as_ref())).collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    let by_text = names
        .windows(2)
        .all(|pair| pair[0].as_ref() <= pair[1].as_ref());
    if by_text || !ascends(&keys) {
        order.sort_by(|a, b| {
            let rank = |index: usize| rank(names[index].as_ref());
            rank(*a)
                .cmp(&rank(*b))
                .then_with(|| compare(&keys[*a], &keys[*b]))
        });
    }
    order
}

/// Text, or a number within a name.
#[derive(Debug, PartialEq, Eq)]
enum Part<'n> {
    /// Digits without leading zeros, so that numbers of any length compare.
    Number(&'n str),
    Text(&'n str),
}

fn parts(name: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digit)
            .unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        parts.push(match digit {
            true => Part::Number(part.trim_start_matches('0')),
            false => Part::Text(part),
        });
        rest = behind;
    }
    parts
}

fn compare(a: &[Part], b: &[Part]) -> Ordering {
    let pairs = a.iter().zip(b);
    pairs
        .map(|pair| match pair {
            (Part::Number(a), Part::Number(b)) => number(a, b),
            (Part::Text(a), Part::Text(b)) => a.cmp(b),
            (Part::Number(_), Part::Text(_)) => Ordering::Less,
            (Part::Text(_), Part::Number(_)) => Ordering::Greater,
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn number(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Whether a number never falls below the one that stood last behind the same beginning of a name.
fn ascends(keys: &[Vec<Part>]) -> bool {
    let mut last: std::collections::HashMap<Vec<&str>, &str> = std::collections::HashMap::new();
    keys.iter().all(|key| {
        let mut before = Vec::new();
        for part in key {
            match part {
                Part::Text(text) => before.push(*text),
                Part::Number(digits) => {
                    let earlier = last.insert(before.clone(), digits);
                    if earlier.is_some_and(|earlier| number(earlier, digits).is_gt()) {
                        return false;
                    }
                    before.push(digits);
                }
            }
        }
        true
    })
}

fn rank(name: &str) -> i8 {
    let mut words = name.split(['.', '/', '[', ']', '\'']);
    let is = |list: &[&str], word: &str| list.contains(&word.to_ascii_lowercase().as_str());
    match words.find(|word| is(&FIRST, word) || is(&LAST, word)) {
        // `layer1.0.fc` is inside of a block.
        Some(word)
            if name.chars().any(|c| c.is_ascii_digit())
                && !is(&FIRST, word)
                && !name.starts_with(word) =>
        {
            0
        }
        Some(word) if is(&FIRST, word) => -1,
        Some(_) => 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered<'n>(names: &[&'n str]) -> Vec<&'n str> {
        depth_order(names)
            .into_iter()
            .map(|index| names[index])
            .collect()
    }

    #[test]
    fn the_order_given_is_kept_while_numbers_ascend() {
        let model = [
            "wte",
            "h.0.attn.0.w",
            "h.0.attn.1.w",
            "h.0.mlp.w",
            "h.1.attn.0.w",
            "h.1.mlp.w",
            "h.10.mlp.w",
            "ln_f",
        ];
        assert_eq!(ordered(&model), model);
        assert_eq!(ordered(&["b", "a", "c"]), ["b", "a", "c"]);
    }

    #[test]
    fn numbers_sort_as_numbers_where_a_tool_sorted_text() {
        assert_eq!(
            ordered(&[
                "blocks.0.w",
                "blocks.10.w",
                "blocks.2.w",
                "head.w",
                "stem.w"
            ]),
            [
                "stem.w",
                "blocks.0.w",
                "blocks.2.w",
                "blocks.10.w",
                "head.w"
            ]
        );
        assert_eq!(ordered(&["l10", "l9"]), ["l9", "l10"]);
        assert_eq!(ordered(&["l1", "l0", "l2"]), ["l0", "l1", "l2"]);
        assert_eq!(
            ordered(&["conv1.w", "fc.w", "layer1.0.conv1.w", "layer1.0.fc.w"]),
            ["conv1.w", "layer1.0.conv1.w", "layer1.0.fc.w", "fc.w"]
        );
        assert_eq!(ordered(&["h.0.a.1", "h.0.a.0"]), ["h.0.a.0", "h.0.a.1"]);
        assert_eq!(
            ordered(&["blocks.1.fc.w", "blocks.0.fc.w"]),
            ["blocks.0.fc.w", "blocks.1.fc.w"]
        );
        let long = ["a18446744073709551617", "a18446744073709551616"];
        assert_eq!(ordered(&long), [long[1], long[0]]);
    }
}
