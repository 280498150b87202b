//! Which names have been given, and where.
//!
//! A `HashMap` from names to rows would make reading a million layers take nearly twice as long: it
//! fetches and hashes all names again whenever it grows. This one keeps the hashes instead.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// Where a name was given first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct First {
    /// The index of the layer.
    pub layer: usize,
    /// The row.
    pub row: usize,
}

/// Layers by the hash of their name, or by the next number that is free.
#[derive(Debug, Default)]
pub(crate) struct Names {
    random: RandomState,
    first: HashMap<u64, First, BuildHasherDefault<Hashed>>,
}

impl Names {
    /// Notes a name, unless it is that of an earlier layer, which is returned. `is_name_of` tells
    /// whether the layer with an index has this name.
    pub fn insert(
        &mut self,
        name: &str,
        place: First,
        is_name_of: impl Fn(usize) -> bool,
    ) -> Option<First> {
        self.insert_from(self.random.hash_one(name), place, is_name_of)
    }

    fn insert_from(
        &mut self,
        mut key: u64,
        place: First,
        is_name_of: impl Fn(usize) -> bool,
    ) -> Option<First> {
        loop {
            match self.first.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(place);
                    return None;
                }
                Entry::Occupied(entry) if is_name_of(entry.get().layer) => {
                    return Some(*entry.get());
                }
                Entry::Occupied(_) => key = key.wrapping_add(1),
            }
        }
    }
}

/// The hash of a number that is one already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_one_hash_are_kept_apart() {
        let given = ["a", "b", "c", "b", "a"];
        let mut names = Names::default();
        let firsts = given.iter().enumerate().map(|(layer, name)| {
            let place = First {
                layer,
                row: layer + 2,
            };
            names.insert_from(u64::MAX, place, |earlier| given[earlier] == *name)
        });
        let rows: Vec<_> = firsts.map(|first| first.map(|first| first.row)).collect();
        assert_eq!(rows, [None, None, None, Some(3), Some(2)]);
    }
}
