//! Patterns of names: `*` is any text, `?` any character, and all else is itself.
//!
//! Brackets are themselves, because names of JAX have them: `['conv']['w']`.

/// Whether `pattern` describes all of `name`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how far it has been taken to reach.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    (p, n) = (at + 1, reach + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("*", ""),
            ("*.norm.weight", "l10.norm.weight"),
            ("l?.w", "l1.w"),
            ("a*b*c", "aXbXbc"),
            ("['w']", "['w']"),
            ("head", "head"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("l?.w", "l10.w"),
            ("a*b", "abc"),
            ("head", "head.w"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
