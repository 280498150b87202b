//! The finding of a claim.

use std::fmt;

use evenkeel_report::figure::Figure;

/// Whether a claim holds by the threshold that was set before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It holds where it is said to.
    InPart,
    /// It does not hold.
    Fails,
    /// There is too little to say.
    Undecided,
}

impl Verdict {
    /// Of a claim in several parts.
    pub fn of_parts(parts: impl IntoIterator<Item = bool>) -> Self {
        let (mut some, mut all, mut none) = (false, true, true);
        for part in parts {
            (some, all, none) = (true, all && part, none && !part);
        }
        match (some, all, none) {
            (false, _, _) => Self::Undecided,
            (_, true, _) => Self::Holds,
            (_, _, true) => Self::Fails,
            _ => Self::InPart,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::InPart => "holds in part",
            Self::Fails => "does not hold",
            Self::Undecided => "undecided",
        })
    }
}

/// A table for readers.
#[derive(Debug, Clone, PartialEq)]
pub struct PageTable {
    /// What it shows.
    pub caption: String,
    /// The columns, with their units.
    pub headings: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

/// The finding of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in numbers.
    pub because: String,
    /// What to see.
    pub figures: Vec<Figure>,
    /// The numbers behind it.
    pub tables: Vec<PageTable>,
}

impl Finding {
    /// Before any run has ended.
    pub fn undecided() -> Self {
        Self {
            verdict: Verdict::Undecided,
            because: "No run has ended yet.".to_owned(),
            figures: Vec::new(),
            tables: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_holds_as_far_as_its_parts() {
        assert_eq!(Verdict::of_parts([]), Verdict::Undecided);
        assert_eq!(Verdict::of_parts([true, true]), Verdict::Holds);
        assert_eq!(Verdict::of_parts([true, false]), Verdict::InPart);
        assert_eq!(Verdict::of_parts([false]), Verdict::Fails);
    }
}
