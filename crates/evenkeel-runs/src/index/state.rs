//! What has become of a run, in one word.

use crate::folder::Outcome;

/// What has become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All steps were done.
    Completed,
    /// The test loss had stopped falling.
    Stopped,
    /// The user stopped it.
    Interrupted,
    /// A loss or gradient was not finite.
    Diverged,
    /// Somebody is writing to it.
    Running,
    /// It has not ended, and nobody is writing to it.
    Killed,
    /// Its files cannot be read.
    Damaged,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Completed,
        Self::Stopped,
        Self::Interrupted,
        Self::Diverged,
        Self::Running,
        Self::Killed,
        Self::Damaged,
    ];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Damaged => "damaged",
        }
    }

    /// The state of this word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of a run that ended, or did not.
    pub(super) fn of(outcome: Option<&Outcome>, is_held: impl FnOnce() -> bool) -> Self {
        match outcome {
            Some(Outcome::Completed) => Self::Completed,
            Some(Outcome::Stopped { .. }) => Self::Stopped,
            Some(Outcome::Interrupted { .. }) => Self::Interrupted,
            Some(Outcome::Diverged { .. }) => Self::Diverged,
            None if is_held() => Self::Running,
            None => Self::Killed,
        }
    }
}
