//! The words of a filter.

use super::Operator;
use crate::error::FilterError;
use crate::value::Value;

/// Words that join comparisons.
const KEYWORDS: [&str; 3] = ["and", "or", "not"];

/// A word of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// An operator.
    Operator(Operator),
    /// A word or number.
    Word(String),
    /// Text in quotes.
    Quoted(String),
}

impl Token {
    /// As it was written, or nearly so.
    pub fn text(&self) -> String {
        match self {
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Operator(operator) => operator.symbol().to_owned(),
            Self::Word(text) | Self::Quoted(text) => text.clone(),
        }
    }

    /// Whether it is this word without quotes.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word == keyword)
    }
}

/// Cuts a filter into its words.
///
/// # Errors
/// [`FilterError::Open`].
pub fn tokens(mut text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    loop {
        text = text.trim_start();
        let Some(first) = text.chars().next() else {
            return Ok(tokens);
        };
        let (token, rest) = match first {
            '(' => (Token::Open, &text[1..]),
            ')' => (Token::Close, &text[1..]),
            '\'' | '"' => quoted(text, first)?,
            _ => match operator(text) {
                Some(found) => found,
                None => word(text),
            },
        };
        tokens.push(token);
        text = rest;
    }
}

fn operator(text: &str) -> Option<(Token, &str)> {
    Operator::ALL.iter().find_map(|(operator, symbol)| {
        let rest = text.strip_prefix(symbol)?;
        Some((Token::Operator(*operator), rest))
    })
}

/// Text up to its closing quote; two quotes are one within it.
fn quoted(text: &str, quote: char) -> Result<(Token, &str), FilterError> {
    let mut inner = String::new();
    let mut rest = &text[1..];
    loop {
        let Some(end) = rest.find(quote) else {
            let text = text[1..].to_owned();
            return Err(FilterError::Open { text });
        };
        inner += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(more) => rest = more,
            None => return Ok((Token::Quoted(inner), rest)),
        }
        inner.push(quote);
    }
}

/// A word: all up to a space, a parenthesis, a quote or an operator. It has a character at least,
/// because a lone `!` begins no operator.
fn word(text: &str) -> (Token, &str) {
    let length = text.chars().next().map_or(0, char::len_utf8);
    let end = text[length..].find(ends_word);
    let (word, rest) = text.split_at(end.map_or(text.len(), |end| length + end));
    (Token::Word(word.to_owned()), rest)
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || "()'\"=!<>~".contains(character)
}

/// A value so that it is read again as it is.
pub fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let is_word =
                !text.is_empty() && !text.contains(ends_word) && !KEYWORDS.contains(&text.as_str());
            match is_word {
                true => text.clone(),
                false => format!("'{}'", text.replace('\'', "''")),
            }
        }
        other => other.to_string(),
    }
}
