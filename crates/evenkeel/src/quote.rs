//! Foreign text within a message, a table or CSV: short, on one line, and harmless to terminals and
//! spreadsheets.

use std::borrow::Cow;

/// Characters shown of a value, as escaped, and names shown of a list.
const MOST_CHARS: usize = 60;
const MOST_NAMES: usize = 12;

/// `text` in backticks, with what cannot be seen escaped and what is too long cut.
pub fn quote(text: &str) -> String {
    let mut shown = String::from("`");
    let mut room = MOST_CHARS;
    for character in text.chars() {
        let escaped = match character {
            '"' | '\'' | '\\' => character.to_string(),
            other => other.escape_debug().to_string(),
        };
        let Some(left) = room.checked_sub(escaped.chars().count()) else {
            shown.push('…');
            break;
        };
        room = left;
        shown += &escaped;
    }
    shown.push('`');
    shown
}

/// `text` on one line, with what cannot be seen escaped and, beyond `most` characters, without its
/// middle: names of layers differ at their ends.
pub fn shown(text: &str, most: usize) -> String {
    let escape = |character: char| match character {
        '"' | '\'' | '\\' => character.to_string(),
        other => other.escape_debug().to_string(),
    };
    let escaped: Vec<char> = text
        .chars()
        .take(1 << 16)
        .flat_map(|c| escape(c).chars().collect::<Vec<_>>())
        .collect();
    if escaped.len() <= most {
        return escaped.into_iter().collect();
    }
    let (front, back) = (most.saturating_sub(1) / 2, most / 2);
    let ends = [&escaped[..front], &['…'], &escaped[escaped.len() - back..]];
    ends.concat().into_iter().collect()
}

/// A text for a cell of CSV that no spreadsheet takes for a formula: one that begins like a formula
/// gets an apostrophe in front.
pub fn inert(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// Names in quotes, separated by commas; `nothing` for none, and a count for those past the first
/// dozen.
pub fn quote_all<S: AsRef<str>>(names: impl ExactSizeIterator<Item = S>) -> String {
    let rest = names.len().saturating_sub(MOST_NAMES);
    let mut shown: Vec<String> = names.take(MOST_NAMES).map(|n| quote(n.as_ref())).collect();
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    if shown.is_empty() {
        shown.push("nothing".to_owned());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_length_are_tamed() {
        assert_eq!(quote("a\u{1b}[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quote("\"é\""), "`\"é\"`");
        assert_eq!(quote(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quote(&"x".repeat(60)), format!("`{}`", "x".repeat(60)));
        assert_eq!(quote(&"\0".repeat(31)), format!("`{}…`", "\\0".repeat(30)));
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(shown("blocks.0.w", 20), "blocks.0.w");
        assert_eq!(shown("a\u{1b}[2J\u{202e}'", 60), "a\\u{1b}[2J\\u{202e}'");
        assert_eq!(shown("0123456789", 7), "012…789");
        assert_eq!(shown(&"x".repeat(3000), 40).chars().count(), 40);
    }

    #[test]
    fn formulas_become_text() {
        assert_eq!(inert("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(inert("@a"), "'@a");
        assert_eq!(inert("conv1.weight"), "conv1.weight");
    }

    #[test]
    fn lists_are_cut() {
        assert_eq!(quote_all(["a", "b"].iter()), "`a`, `b`");
        assert_eq!(quote_all(Vec::<String>::new().iter()), "nothing");
        assert!(quote_all(vec!["a"; 20].iter()).ends_with(", and 8 more"));
    }
}
