//! From words to a filter, within bounds that keep nobody's stack from holding it.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::token::{Token, tokens};
use super::{Comparison, Filter, Operator};
use crate::error::FilterError;
use crate::error::filter::{MAX_COMPARISONS, MAX_DEPTH};
use crate::index::column::{self, Column};
use crate::value::{Kind, Value};

/// Reads a filter.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        comparisons: 0,
    };
    let filter = parser.any(0)?;
    match parser.tokens.next() {
        None => Ok(filter),
        found => Err(unexpected("`and`, `or` or the end", found)),
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    comparisons: usize,
}

impl Parser {
    fn takes(&mut self, keyword: &str) -> bool {
        self.tokens.next_if(|token| token.is(keyword)).is_some()
    }

    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.takes("or") {
            parts.push(self.all(depth)?);
        }
        Ok(several(parts, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one(depth)?];
        while self.takes("and") {
            parts.push(self.one(depth)?);
        }
        Ok(several(parts, Filter::All))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > MAX_DEPTH {
            return Err(FilterError::Deep);
        }
        match self.tokens.next() {
            Some(token) if token.is("not") => Ok(Filter::Not(Box::new(self.one(depth + 1)?))),
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                match self.tokens.next() {
                    Some(Token::Close) => Ok(inner),
                    found => Err(unexpected("`)`, `and` or `or`", found)),
                }
            }
            Some(Token::Word(name)) => self.comparison(&name).map(Filter::Is),
            found => Err(unexpected("a column, `not` or `(`", found)),
        }
    }

    fn comparison(&mut self, name: &str) -> Result<Comparison, FilterError> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(FilterError::Long);
        }
        let column = column::find(name).ok_or_else(|| FilterError::Column {
            given: name.to_owned(),
            permitted: column::names(),
        })?;
        let operator = match self.tokens.next() {
            Some(Token::Operator(operator)) => operator,
            found => return Err(unexpected("=, !=, <, <=, >, >= or ~", found)),
        };
        let value = match self.tokens.next() {
            Some(Token::Word(text) | Token::Quoted(text)) => text,
            found => return Err(unexpected("a value", found)),
        };
        Ok(Comparison {
            value: read(column, operator, value)?,
            column,
            operator,
        })
    }
}

/// A value of the column's kind, for an operator that it has.
fn read(column: &Column, operator: Operator, text: String) -> Result<Value, FilterError> {
    let refuse = |permitted| FilterError::Operator {
        column: column.name,
        operator: operator.symbol(),
        permitted,
    };
    match (column.kind, operator) {
        (Kind::Text, Operator::Equal | Operator::Unequal | Operator::Contains) => {
            Ok(Value::Text(text))
        }
        (Kind::Text, _) => Err(refuse("=, !=, ~")),
        (_, Operator::Contains) => Err(refuse("=, !=, <, <=, >, >=")),
        _ => number(&text).ok_or(FilterError::NotANumber {
            column: column.name,
            given: text,
        }),
    }
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse().ok().map(Value::Integer);
    let real = || text.parse().ok().filter(|value: &f64| value.is_finite());
    whole.or_else(|| real().map(Value::Real))
}

fn several(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn unexpected(expected: &'static str, found: Option<Token>) -> FilterError {
    FilterError::Unexpected {
        expected,
        found: found.map(|token| token.text()),
    }
}
