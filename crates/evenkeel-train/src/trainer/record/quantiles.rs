//! Quantiles of many numbers.

use evenkeel_runs::folder::QUANTILES;

use super::digits::rounded_to;

/// Smallest, quartiles and largest of positive numbers, to four digits; zeros for none. They are ordered as their bits
/// are. Counted by the first of these that tell them apart, each lies among the few that share them.
pub fn quantiles(numbers: &[u64], room: &mut Vec<u64>) -> [f64; QUANTILES] {
    let mut found = [0.0; QUANTILES];
    let extremes = numbers.iter().min().zip(numbers.iter().max());
    let Some((least, most)) = extremes else {
        return found;
    };
    let shift = (most - least)
        .checked_ilog2()
        .unwrap_or(0)
        .saturating_sub(BIN_BITS - 1);
    let bin = |number: u64| ((number - least) >> shift) as usize;
    let mut ends = [0; 1 << BIN_BITS];
    numbers.iter().for_each(|x| ends[bin(*x)] += 1);
    ends.iter_mut().fold(0, |before, end| {
        *end += before;
        *end
    });
    room.resize(numbers.len(), 0);
    for &x in numbers {
        // What is left of an end when all are there is the start.
        let end = &mut ends[bin(x)];
        *end -= 1;
        room[*end] = x;
    }
    for (i, found) in found.iter_mut().enumerate() {
        let at = i * (numbers.len() - 1) / (QUANTILES - 1);
        let own = bin(room[at]);
        let start = ends[own];
        let end = ends.get(own + 1).copied().unwrap_or(numbers.len());
        let (_, number, _) = room[start..end].select_nth_unstable(at - start);
        *found = rounded_to(f64::from_bits(*number), 3);
    }
    found
}

/// Bits by which numbers are counted.
const BIN_BITS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_sorted_numbers() {
        let few = |i: i32| f64::from(i * 17 % 41 % 12);
        let far_apart = |i: i32| f64::from(i * 17 % 101).powi(i % 40);
        let lists = (0..400).flat_map(|count| {
            [few, far_apart].map(|number| (0..count).map(number).collect::<Vec<f64>>())
        });
        for numbers in lists {
            let count = numbers.len();
            let mut sorted = numbers.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |i: usize| sorted.get(i * sorted.len().saturating_sub(1) / 4);
            let four_digits = |number: &f64| format!("{number:.3e}").parse().unwrap();
            let expected: [f64; 5] = std::array::from_fn(|i| at(i).map_or(0.0, four_digits));
            let bits: Vec<u64> = numbers.into_iter().map(f64::to_bits).collect();
            assert_eq!(quantiles(&bits, &mut Vec::new()), expected, "{count}");
        }
    }
}
