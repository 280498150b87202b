//! Errors of filters.

use evenkeel::quote::quote;
use thiserror::Error;

/// Levels of parentheses and negations that a filter may have.
pub(crate) const MAX_DEPTH: usize = 32;
/// Comparisons that a filter may have.
pub(crate) const MAX_COMPARISONS: usize = 100;

/// A filter or an order cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// A name that is no column.
    #[error("{} is not a column; permitted: {permitted}", quote(given))]
    Column {
        /// The value given.
        given: String,
        /// The names of columns.
        permitted: String,
    },
    /// An unexpected token.
    #[error("filter: expected {expected}, found {}", found.as_deref().map_or("the end".to_owned(), quote))]
    Unexpected {
        /// The token expected.
        expected: &'static str,
        /// The token found.
        found: Option<String>,
    },
    /// A quote that does not end.
    #[error("filter: the text {} has no closing quote", quote(text))]
    Open {
        /// The text behind it.
        text: String,
    },
    /// Text where there should be a number.
    #[error("filter: {column} is a number, but {} is not", quote(given))]
    NotANumber {
        /// The column.
        column: &'static str,
        /// The value given.
        given: String,
    },
    /// An operator that means nothing for a column.
    #[error("filter: `{operator}` is not for {column}; permitted: {permitted}")]
    Operator {
        /// The column.
        column: &'static str,
        /// The operator.
        operator: &'static str,
        /// The operators permitted.
        permitted: &'static str,
    },
    /// Parentheses or negations within each other.
    #[error("filter: more than {MAX_DEPTH} parentheses or `not` within each other")]
    Deep,
    /// A long filter.
    #[error("filter: more than {MAX_COMPARISONS} comparisons")]
    Long,
    /// An order that is neither.
    #[error(
        "{} is not an order; permitted: COLUMN, COLUMN:asc, COLUMN:desc",
        quote(given)
    )]
    Direction {
        /// The value given.
        given: String,
    },
}
