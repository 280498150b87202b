//! Augmentation: images that are moved and mirrored at random while training.

use std::fmt;
use std::str::FromStr;

use rand::Rng as _;
use thiserror::Error;

use crate::seed::{Purpose, Rng, rng};

/// Pixels that `crop` pads on each side unless told otherwise: the custom for 32×32 images since
/// Lee et al. 2015.
const PADDING: u8 = 4;

/// Random changes of a training image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Augmentation {
    /// Pad with black by so many pixels on each side, and cut out the image's size anywhere.
    crop: Option<u8>,
    /// Mirror left and right in one of two cases.
    flip: bool,
}

/// An augmentation that cannot be read.
#[derive(Debug, Error)]
#[error("unknown augmentation `{given}`; permitted: {}", Augmentation::GRAMMAR)]
pub struct AugmentationError {
    given: String,
}

impl Augmentation {
    /// Its grammar.
    pub const GRAMMAR: &'static str = "none, crop[:PIXELS], flip, joined by + (crop+flip)";

    /// Whether images stay as they are.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The transforms of training examples from the one numbered `first` on. Each example draws the
    /// same count of random numbers, so that any of them can be drawn again without those before it.
    pub fn transforms(self, seed: u64, first: u64) -> impl FnMut() -> Transform {
        let mut rng = rng(seed, Purpose::Augmentation);
        rng.set_word_pos(u128::from(first) * WORDS as u128);
        move || self.draw(&mut rng)
    }

    fn draw(self, rng: &mut Rng) -> Transform {
        let [down, right, mirror]: [u32; WORDS] = std::array::from_fn(|_| rng.next_u32());
        let offset = |word: u32| {
            let padding = i64::from(self.crop.unwrap_or(0));
            // The high bits of a product: uniform over the 2·padding + 1 offsets to within 1e-7.
            ((i64::from(word) * (2 * padding + 1)) >> 32) - padding
        };
        Transform {
            down: offset(down),
            right: offset(right),
            mirrored: self.flip && mirror >> 31 == 1,
        }
    }
}

/// Random numbers that an example draws.
const WORDS: usize = 3;

impl FromStr for Augmentation {
    type Err = AugmentationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || AugmentationError {
            given: text.to_owned(),
        };
        if text == "none" {
            return Ok(Self::default());
        }
        let mut augmentation = Self::default();
        for part in text.split('+') {
            match part.split_once(':') {
                _ if part == "flip" && !augmentation.flip => augmentation.flip = true,
                _ if augmentation.crop.is_some() => return Err(unknown()),
                None if part == "crop" => augmentation.crop = Some(PADDING),
                Some(("crop", pixels)) => {
                    let pixels = pixels.parse().ok().filter(|pixels| *pixels > 0);
                    augmentation.crop = Some(pixels.ok_or_else(unknown)?);
                }
                _ => return Err(unknown()),
            }
        }
        Ok(augmentation)
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.crop, self.flip) {
            (None, false) => f.write_str("none"),
            (None, true) => f.write_str("flip"),
            (Some(pixels), flip) => {
                write!(f, "crop:{pixels}{}", if flip { "+flip" } else { "" })
            }
        }
    }
}

/// The change of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transform {
    down: i64,
    right: i64,
    mirrored: bool,
}

impl Transform {
    /// Leaves an image as it is.
    pub const NONE: Self = Self {
        down: 0,
        right: 0,
        mirrored: false,
    };

    /// Which pixel of the image comes to `[y, x]`; `None` where it is from outside. The window is
    /// cut out first and mirrored then.
    pub fn source(self, [y, x]: [usize; 2], [height, width]: [usize; 2]) -> Option<[usize; 2]> {
        let x = if self.mirrored { width - 1 - x } else { x };
        let moved = |position: usize, offset: i64, size: usize| {
            let position = usize::try_from(position as i64 + offset).ok()?;
            (position < size).then_some(position)
        };
        Some([moved(y, self.down, height)?, moved(x, self.right, width)?])
    }
}
