//! What Lightning puts behind a tag that it logs both at steps and as the mean of an epoch.

/// How a value was gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// The tag says nothing.
    Bare,
    /// `_step`: the value at a step.
    Step,
    /// `_epoch`: the mean over an epoch.
    Epoch,
}

impl Suffix {
    /// The tag without its suffix.
    pub fn split(tag: &str) -> (&str, Self) {
        let suffixes = [("_step", Self::Step), ("_epoch", Self::Epoch)];
        suffixes
            .into_iter()
            .find_map(|(text, suffix)| Some((tag.strip_suffix(text)?, suffix)))
            .unwrap_or((tag, Self::Bare))
    }

    /// The text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Bare => "",
            Self::Step => "_step",
            Self::Epoch => "_epoch",
        }
    }
}
