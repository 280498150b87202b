//! Text for language models, as characters or as bytes: each token is to be predicted from those
//! before it. The last tenth of the text is to test on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::{Dataset, Entry, Request, Source, Split};
use crate::error::DataError;
use crate::example::Example;

pub(super) const CHARACTERS: Entry = Entry {
    name: "text",
    argument: ":PATH",
    summary: "a text file in UTF-8 as characters, the last tenth to test on",
    source: Source::Own,
    load: |request| {
        let text = characters(request.path()?)?;
        let vocabulary = vocabulary(request, &text)?;
        // Every character is in the vocabulary, so that the search finds it.
        let token = |character| match vocabulary.binary_search(&character) {
            Ok(token) | Err(token) => token as u16,
        };
        let tokens = text.chars().map(token).collect();
        dataset(request, tokens, vocabulary.len())
    },
};

pub(super) const BYTES: Entry = Entry {
    name: "bytes",
    argument: ":PATH",
    summary: "any file as bytes, the last tenth to test on",
    source: Source::Own,
    load: |request| {
        let tokens = read(request.path()?)?.into_iter().map(u16::from).collect();
        dataset(request, tokens, 256)
    },
};

/// One part in ten is to test on.
const TEST_PART: usize = 10;
/// Bounds that keep a wrong file from filling the memory.
const MAX_BYTES: u64 = 1 << 30;
const MAX_VOCABULARY: usize = 1 << 16;

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = fs::metadata(path).map_err(DataError::io(path))?.len();
    if bytes > MAX_BYTES {
        return Err(DataError::Malformed {
            path: path.to_owned(),
            offset: MAX_BYTES,
            problem: format!("it has {bytes} bytes, of which at most {MAX_BYTES} can be used"),
        });
    }
    fs::read(path).map_err(DataError::io(path))
}

fn characters(path: &Path) -> Result<String, DataError> {
    String::from_utf8(read(path)?).map_err(|error| DataError::Malformed {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to() as u64,
        problem: format!(
            "this is not UTF-8; data set bytes:{} takes any file",
            path.display()
        ),
    })
}

/// The characters of a text in their order in Unicode.
fn vocabulary(request: &Request, text: &str) -> Result<Vec<char>, DataError> {
    let characters: BTreeSet<char> = text.chars().collect();
    match characters.len() {
        0..=MAX_VOCABULARY => Ok(characters.into_iter().collect()),
        count => Err(request.refuse(format!(
            "it has {count} different characters, of which at most {MAX_VOCABULARY} can be told apart"
        ))),
    }
}

pub(super) fn dataset(
    request: &Request,
    mut tokens: Vec<u16>,
    vocabulary: usize,
) -> Result<Dataset, DataError> {
    let (length, context) = (tokens.len(), request.context);
    let test = Windows {
        tokens: tokens.split_off(length - length / TEST_PART),
        context,
    };
    let train = Windows { tokens, context };
    if test.len() == 0 {
        return Err(request.refuse(format!(
            "it has {length} tokens, too few for a `context` of {context}: the last tenth needs {}",
            context + 1
        )));
    }
    Ok(Dataset {
        example: Example::Tokens {
            vocabulary,
            context,
        },
        classes: vocabulary,
        train: Split::text(train),
        test: Split::text(test),
        sha256: OnceLock::new(),
    })
}

/// Tokens, and the windows they are cut into one after the other.
#[derive(Debug, Clone)]
pub struct Windows {
    tokens: Vec<u16>,
    context: usize,
}

impl Windows {
    /// How many tokens a window has.
    pub fn context(&self) -> usize {
        self.context
    }

    /// How many windows there are. Each needs the token that follows it; what is left over is
    /// dropped.
    pub fn len(&self) -> usize {
        self.tokens.len().saturating_sub(1) / self.context
    }

    /// All tokens, one after the other.
    pub(super) fn all(&self) -> &[u16] {
        &self.tokens
    }

    /// The tokens of some windows one after the other, `ahead` tokens later.
    pub fn tokens(&self, windows: &[usize], ahead: usize) -> Vec<i32> {
        windows
            .iter()
            .flat_map(|window| &self.tokens[window * self.context + ahead..][..self.context])
            .map(|token| i32::from(*token))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_next_tokens_and_windows_tile_the_text() {
        let windows = Windows {
            tokens: (0..10).collect(),
            context: 3,
        };
        assert_eq!(windows.len(), 3);
        assert_eq!(windows.tokens(&[2, 0], 0), [6, 7, 8, 0, 1, 2]);
        assert_eq!(windows.tokens(&[2, 0], 1), [7, 8, 9, 1, 2, 3]);
    }
}
