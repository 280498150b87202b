//! Made-up text, for trials that must not depend on a file: a chain in which each token follows from the
//! two before it.
//!
//! Each pair of tokens has [`SUCCESSORS`] possible successors, drawn once, with the probabilities
//! [`SHARES`]. Whoever knows the pair can do no better than their entropy, 1.22 nats; whoever knows
//! nothing has about ln 32 = 3.47.

use rand::RngExt;

use super::text::dataset;
use super::{Entry, Source};
use crate::seed::{Purpose, Rng, rng};

pub(super) const ENTRY: Entry = Entry {
    name: "markov",
    argument: "",
    summary: "made up: a text of 32 tokens, each drawn by the two before it; its entropy is 1.22 nats",
    source: Source::MadeUp,
    load: |request| {
        request.no_argument()?;
        dataset(request, draw(request.seed), TOKENS)
    },
};

const TOKENS: usize = 32;
const LENGTH: usize = 200_000;
const SUCCESSORS: usize = 4;
/// How likely the first successors are; the last has the rest.
const SHARES: [f32; SUCCESSORS - 1] = [0.5, 0.2, 0.2];

fn draw(seed: u64) -> Vec<u16> {
    let mut rng = rng(seed, Purpose::Data);
    let successors: Vec<u16> = (0..TOKENS * TOKENS * SUCCESSORS)
        .map(|_| rng.random_range(0..TOKENS as u16))
        .collect();
    let mut text: Vec<u16> = vec![0, 0];
    while text.len() < LENGTH {
        let [.., before, last] = text[..] else { break };
        let pair = usize::from(before) * TOKENS + usize::from(last);
        text.push(successors[pair * SUCCESSORS + choice(&mut rng)]);
    }
    text
}

/// Which successor comes.
fn choice(rng: &mut Rng) -> usize {
    let mut rest: f32 = rng.random();
    for (index, share) in SHARES.iter().enumerate() {
        if rest < *share {
            return index;
        }
        rest -= share;
    }
    SUCCESSORS - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_fixes_the_text_and_two_tokens_leave_few_successors() {
        let text = draw(1);
        assert_eq!(text, draw(1));
        assert_ne!(text, draw(2));
        let mut after = std::collections::BTreeMap::<_, std::collections::BTreeSet<u16>>::new();
        for window in text.windows(3) {
            after
                .entry((window[0], window[1]))
                .or_default()
                .insert(window[2]);
        }
        assert!(after.len() > 100, "{}", after.len());
        assert!(
            after
                .values()
                .all(|successors| successors.len() <= SUCCESSORS)
        );
    }

    #[test]
    fn the_entropy_is_that_which_is_told() {
        let last = 1.0 - SHARES.iter().sum::<f32>();
        let entropy: f32 = SHARES.iter().chain([&last]).map(|p| -p * p.ln()).sum();
        assert!((1.2..1.25).contains(&entropy), "{entropy}");
    }
}
