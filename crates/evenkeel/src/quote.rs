//! Foreign text within a message: short, on one line, and harmless to a terminal.

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
    fn lists_are_cut() {
        assert_eq!(quote_all(["a", "b"].iter()), "`a`, `b`");
        assert_eq!(quote_all(Vec::<String>::new().iter()), "nothing");
        assert!(quote_all(vec!["a"; 20].iter()).ends_with(", and 8 more"));
    }
}
