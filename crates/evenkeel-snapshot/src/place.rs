//! Where in an input something is.

/// What an input is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A row of a CSV as spreadsheets count them: the header is row 1, blank rows count, and a line
    /// break in quotes does not.
    Row,
    /// A line of text.
    Line,
    /// An item of a JSON list.
    Item,
}

impl Unit {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Line => "line",
            Self::Item => "item",
        }
    }
}

/// A row, line or item of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The input's name, as the caller gave it.
    pub input: String,
    /// What is counted.
    pub unit: Unit,
    /// Its number, from 1.
    pub number: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} {}", self.input, self.unit.name(), self.number)
    }
}

/// A [`Place`] that costs nothing until there is something to report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'t> {
    pub input: &'t str,
    pub unit: Unit,
    pub number: usize,
}

impl At<'_> {
    pub fn place(self) -> Place {
        Place {
            input: self.input.to_owned(),
            unit: self.unit,
            number: self.number,
        }
    }
}
