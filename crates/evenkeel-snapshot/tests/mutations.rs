//! A short fuzzing run, the same every time: valid inputs with bytes changed, moved and repeated.

mod common;
#[path = "common/series.rs"]
mod series;

use common::{WRITERS, check};
use evenkeel_snapshot::{Limits, Snapshot};

const MUTATIONS: usize = 20_000;

/// What breaks readers more often than random bytes do.
const WORDS: [&[u8]; 19] = [
    b"\"",
    b",",
    b"\n",
    b"\r",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"NaN",
    b"1e999",
    b"-0",
    b"null",
    b"\xff",
    b"\\u",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
];

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let text = "layer,weight_norm,grad_norm,numel,cosine,x\na,2,3,10,0,\"y,\"\"z\"\"\"\n\"b\",1,5e-3,,,\nc,7,8,9,1e-9,0\n";
    let snapshot = Snapshot::parse("seed", text.as_bytes()).unwrap().snapshot;
    let mut seeds: Vec<_> = WRITERS
        .iter()
        .map(|write| write(&snapshot).into_bytes())
        .collect();
    seeds.push(text.replace('\n', "\r\n").into_bytes());
    seeds.push(b"\xef\xbb\xbflayer,elr\na,1\nb,2\n".to_vec());
    seeds
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() - at + 1).min(12);
    match random.below(6) {
        0 => drop(bytes.drain(at..end)),
        1 => bytes.truncate(at),
        2 => bytes[at..end].reverse(),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        4 => {
            let word = WORDS[random.below(WORDS.len())].iter().copied();
            bytes.splice(at..at, word);
        }
        _ => {
            let byte = random.below(256) as u8;
            bytes[at..end].iter_mut().take(1).for_each(|b| *b = byte);
        }
    }
}

#[test]
fn mutations_are_read_or_refused_with_a_place() {
    let (seeds, mut random) = (seeds(), Random(2024));
    let tight = Limits {
        bytes: 300,
        row_bytes: 40,
        rows: 2,
    };
    let mut read = 0;
    for _ in 0..MUTATIONS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        for limits in [Limits::default(), tight] {
            read += usize::from(check(&bytes, &limits));
        }
    }
    // Neither are all refused nor are all read: the mutations are worth their time.
    assert!((MUTATIONS / 20..MUTATIONS).contains(&read), "{read}");
}

#[test]
fn mutated_series_are_read_or_refused_with_a_place() {
    let seeds: [&[u8]; 5] = [
        b"step,lr,loss\n0,0.1,2\n1,0.2,1\n2,0,0.5\n",
        b"share\n0.5\n1\n1e-3\n",
        b"[{\"step\":0,\"lr\":0.1},{\"step\":1,\"lr\":0.2}]",
        b"scale,loss\n8,2\n2e-3,nan\n",
        b"{\"share\":1,\"x\":null}\n{\"share\":0.5}\n",
    ];
    let (mut random, mut read) = (Random(2025), 0);
    for _ in 0..MUTATIONS {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        read += usize::from(series::check(&bytes));
    }
    assert!((MUTATIONS / 20..MUTATIONS).contains(&read), "{read}");
}
