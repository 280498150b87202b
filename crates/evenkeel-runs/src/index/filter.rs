//! Which runs, and in which order: `lr>=0.1 and control=hold`, `final_loss:desc`.
//!
//! ```text
//! filter     = all ("or" all)*
//! all        = one ("and" one)*
//! one        = "not" one | "(" filter ")" | COLUMN operator value
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"        ~: contains
//! value      = a number or word, or text in ' or "; the quote itself is written twice
//! ```
//!
//! A comparison with something that a run does not have is false. Only names of [`column::ALL`] get
//! into a query as they are; values are bound to it.

mod parser;
mod token;

use std::fmt;
use std::str::FromStr;

use crate::error::FilterError;
use crate::index::column::{self, Column};
use crate::value::Value;

/// What runs have in common.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// A comparison.
    Is(Comparison),
    /// What it does not hold for.
    Not(Box<Filter>),
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds.
    Any(Vec<Filter>),
}

/// A column against a value.
#[derive(Debug, Clone)]
pub struct Comparison {
    column: &'static Column,
    operator: Operator,
    value: Value,
}

impl PartialEq for Comparison {
    fn eq(&self, other: &Self) -> bool {
        (self.column.name, self.operator, &self.value)
            == (other.column.name, other.operator, &other.value)
    }
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `~`
    Contains,
}

impl Operator {
    /// Every operator; one that begins like another comes before it.
    const ALL: [(Self, &'static str); 7] = [
        (Self::AtMost, "<="),
        (Self::AtLeast, ">="),
        (Self::Unequal, "!="),
        (Self::Equal, "="),
        (Self::Less, "<"),
        (Self::Greater, ">"),
        (Self::Contains, "~"),
    ];

    /// As it is written, by people and in SQL, but for `~`.
    fn symbol(self) -> &'static str {
        let row = Self::ALL.iter().find(|(operator, _)| *operator == self);
        row.map_or("=", |(_, symbol)| symbol)
    }
}

impl Filter {
    /// The condition in SQL, and the values of its places.
    pub(super) fn to_sql(&self) -> (String, Vec<Value>) {
        let mut values = Vec::new();
        let condition = self.condition(&mut values);
        (condition, values)
    }

    fn condition(&self, values: &mut Vec<Value>) -> String {
        match self {
            Self::Is(comparison) => {
                values.push(comparison.value.clone());
                comparison.condition()
            }
            Self::Not(inner) => format!("NOT ({})", inner.condition(values)),
            Self::All(parts) => joined(parts, " AND ", values),
            Self::Any(parts) => joined(parts, " OR ", values),
        }
    }
}

fn joined(parts: &[Filter], word: &str, values: &mut Vec<Value>) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.condition(values)).collect();
    format!("({})", parts.join(word))
}

impl Comparison {
    fn condition(&self) -> String {
        let name = self.column.name;
        match self.operator {
            Operator::Contains => format!("(\"{name}\" IS NOT NULL AND instr(\"{name}\", ?) > 0)"),
            other => format!(
                "(\"{name}\" IS NOT NULL AND \"{name}\" {} ?)",
                other.symbol()
            ),
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parser::parse(text)
    }
}

/// As it is read again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::within).collect();
            parts.join(word)
        };
        match self {
            Self::Is(comparison) => write!(
                f,
                "{}{}{}",
                comparison.column.name,
                comparison.operator.symbol(),
                token::written(&comparison.value)
            ),
            Self::Not(inner) => write!(f, "not {}", inner.within()),
            Self::All(parts) => f.write_str(&list(parts, " and ")),
            Self::Any(parts) => f.write_str(&list(parts, " or ")),
        }
    }
}

impl Filter {
    /// As a part of another, in parentheses where it has parts itself.
    fn within(&self) -> String {
        match self {
            Self::All(_) | Self::Any(_) => format!("({self})"),
            Self::Is(_) | Self::Not(_) => self.to_string(),
        }
    }
}

/// An order: `COLUMN` or `COLUMN:desc`. Runs without the value come last.
#[derive(Debug, Clone)]
pub struct Sort {
    column: &'static Column,
    descending: bool,
}

impl Sort {
    pub(super) fn to_sql(&self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!("\"{}\" {direction} NULLS LAST, ", self.column.name)
    }
}

impl FromStr for Sort {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (name, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            other => {
                return Err(FilterError::Direction {
                    given: other.to_owned(),
                });
            }
        };
        let column = column::find(name).ok_or_else(|| FilterError::Column {
            given: name.to_owned(),
            permitted: column::names(),
        })?;
        Ok(Self { column, descending })
    }
}
