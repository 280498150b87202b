//! The controls as they are written.

use evenkeel::control;

/// Every control once, with an argument where it needs one.
pub fn all() -> impl Iterator<Item = String> {
    control::ALL.iter().map(|entry| {
        let without = entry.grammar.split('[').next().unwrap_or_default();
        let arguments = [
            ("STEPS", "7"),
            ("ETA", "0.1"),
            ("RADIANS", "0.1"),
            ("DECADES", "0.5"),
        ];
        arguments
            .iter()
            .fold(without.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    })
}
