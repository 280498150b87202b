//! Everything that can be wrong with an input.

use evenkeel::quote::quote;
use thiserror::Error;

use crate::column::Column;
use crate::kind::Kind;
use crate::place::Place;

/// Why an input is not what it is read as.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// There is nothing but white space.
    #[error(
        "{input} is empty, but must be a CSV with the columns {}, or a JSON list of such objects; \
             check that the tool that writes it has finished",
        kind.wanted
    )]
    Empty {
        /// The input.
        input: String,
        /// What it should be.
        kind: &'static Kind,
    },
    /// There is a header or a list, and nothing in it.
    #[error("{input} holds no {0}, but must hold at least one; write a row for each {0}", kind.item)]
    NoRows {
        /// The input.
        input: String,
        /// What it should be.
        kind: &'static Kind,
    },
    /// The input is too large.
    #[error(
        "{input} has {bytes} bytes or more, but must have at most {most}; keep {} in it",
        kind.whole
    )]
    TooManyBytes {
        /// The input.
        input: String,
        /// What it should be.
        kind: &'static Kind,
        /// How many were given: all of them, or one more than permitted.
        bytes: usize,
        /// The largest permitted.
        most: usize,
    },
    /// A row is too long.
    #[error("{place} is longer than the {most} bytes permitted; write one {} per row", kind.item)]
    RowTooLong {
        /// The row.
        place: Place,
        /// What the input should be.
        kind: &'static Kind,
        /// The most bytes permitted.
        most: usize,
    },
    /// There are too many rows.
    #[error(
        "{place} is one {} more than the {most} permitted; keep {} in it",
        kind.item,
        kind.whole
    )]
    TooManyRows {
        /// The first row beyond.
        place: Place,
        /// What the input should be.
        kind: &'static Kind,
        /// The most rows permitted.
        most: usize,
    },
    /// The input is not text.
    #[error(
        "{place}: the byte at offset {offset} is 0x{byte:02X}, but must be UTF-8; save it as UTF-8"
    )]
    NotUtf8 {
        /// The line.
        place: Place,
        /// How many bytes stand before, in the whole input.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// A field begins with a quote that nothing closes.
    #[error("{place}, column {column}: the quote is never closed; end the field with `\"`")]
    UnclosedQuote {
        /// The row in which it opens.
        place: Place,
        /// The column's name in quotes, or its number.
        column: String,
    },
    /// Something stands between a closing quote and the comma.
    #[error("{place}, column {column}: {} follows the closing quote, but must be a comma or the end of the row; \
             double the quotes within a field", quote(&found.to_string()))]
    TextAfterQuote {
        /// The row.
        place: Place,
        /// The column's name in quotes, or its number.
        column: String,
        /// The first character of it.
        found: char,
    },
    /// The JSON is malformed.
    #[error("{place}: not JSON at line {line}, column {column}: {problem}; {advice}")]
    NotJson {
        /// The item or line.
        place: Place,
        /// The line of the input, from 1.
        line: usize,
        /// The byte within that line, from 1.
        column: usize,
        /// What the parser says.
        problem: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// JSON, but not an object.
    #[error(
        "{place} is {}, but must be an object with the keys {}",
        quote(value),
        kind.wanted
    )]
    NotAnObject {
        /// The item or line.
        place: Place,
        /// What it is.
        value: String,
        /// What the input should be.
        kind: &'static Kind,
    },
    /// A key that is no text: JSON can write one half of a character that takes two escapes.
    #[error(
        "{place} has a key with half a surrogate pair, but keys must be whole characters; rename it"
    )]
    BadKey {
        /// The item or line.
        place: Place,
    },
    /// The columns are not enough.
    #[error("{place}: missing {missing}; found {found}, but must have {}{advice}", kind.wanted)]
    MissingColumn {
        /// The header, or the item.
        place: Place,
        /// What would complete it, in quotes.
        missing: String,
        /// What is there, in quotes.
        found: String,
        /// What the input should be.
        kind: &'static Kind,
        /// What to do about it, if that can be told.
        advice: &'static str,
    },
    /// A column comes twice.
    #[error("{place}, column `{column}` comes twice, but must come once; rename or remove one")]
    DuplicateColumn {
        /// The header, or the item.
        place: Place,
        /// The column.
        column: Column,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "{place} has {found} field{}, but must have {expected} like the header: {problem}; \
             quote a name that holds a comma, write decimals with a point",
        if *found == 1 { "" } else { "s" }
    )]
    FieldCount {
        /// The row.
        place: Place,
        /// Its fields.
        found: usize,
        /// The header's fields.
        expected: usize,
        /// Which column has none, or which field has no column.
        problem: String,
    },
    /// A value that is needed is not there.
    #[error("{place}, column `{column}` is empty, but must be {permitted}; {advice}")]
    EmptyValue {
        /// The row.
        place: Place,
        /// The column.
        column: Column,
        /// What it must be.
        permitted: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A row of steps has no text at all, and others follow.
    #[error("{place} is blank, but must be a step like those after it; fill it in or take it out")]
    BlankRow {
        /// The row.
        place: Place,
    },
    /// A row has another step than its place says.
    #[error(
        "{place}, column `step` is {}, but must be {expected}: steps count from 0 without gaps; \
             write every step once and in order, or leave the column out",
        quote(value)
    )]
    WrongStep {
        /// The row.
        place: Place,
        /// What is there.
        value: String,
        /// The rows before it.
        expected: usize,
    },
    /// Rates in two ways.
    #[error(
        "{place}: rates come both as `lr` and as `share`, but must come as one of them throughout; \
             leave one column out"
    )]
    TwoColumns {
        /// The first row in which there are two.
        place: Place,
    },
    /// A layer has no name.
    #[error(
        "{place}, column `layer` is empty, but must be a name; give every layer one of its own"
    )]
    EmptyName {
        /// The row.
        place: Place,
    },
    /// A name is not text, or not on one line.
    #[error(
        "{place}, column `layer` is {}, but must be {permitted}; rename the layer",
        quote(value)
    )]
    BadName {
        /// The row.
        place: Place,
        /// The name.
        value: String,
        /// What it must be.
        permitted: &'static str,
    },
    /// Two layers have one name.
    #[error("{place}, column `layer` is {}, but must differ from {} {first}; keep one step's norms in it, \
             and name layers by their path", quote(value), place.unit.name())]
    DuplicateLayer {
        /// The second row.
        place: Place,
        /// The name.
        value: String,
        /// The number of the first row.
        first: usize,
    },
    /// A value is not a number.
    #[error(
        "{place}, column `{column}` is {}, but must be a number; write it like {example}",
        quote(value)
    )]
    NotANumber {
        /// The row.
        place: Place,
        /// The column.
        column: Column,
        /// What is there.
        value: String,
        /// A number that would do.
        example: &'static str,
    },
    /// A number is not one that the column can hold.
    #[error(
        "{place}, column `{column}` is {}, but must be {permitted}; {advice}",
        quote(value)
    )]
    OutOfRange {
        /// The row.
        place: Place,
        /// The column.
        column: Column,
        /// The number, as written.
        value: String,
        /// The range.
        permitted: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// The ratio of the norms cannot be represented.
    #[error(
        "{place}: grad_norm/weight_norm is {gradient:?}/{weight:?}, but must be a positive finite number; \
             leave out the layer {}",
        quote(layer)
    )]
    RatioOutOfRange {
        /// The row.
        place: Place,
        /// The layer.
        layer: String,
        /// `‖∇W‖`.
        gradient: f64,
        /// `‖W‖`.
        weight: f64,
    },
    /// The ELR is not the ratio of the norms.
    #[error(
        "{place}, column `elr` is {elr:?}, but must be grad_norm/weight_norm = {ratio:?} within 0.1 %; \
             leave out `elr`, or correct the norms"
    )]
    Inconsistent {
        /// The row.
        place: Place,
        /// The ELR that was given.
        elr: f64,
        /// The ELR that follows from the norms.
        ratio: f64,
    },
}
