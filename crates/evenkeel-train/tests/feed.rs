//! Laws of what a run is trained on: order, augmentation, working ahead, going on where one was.

use evenkeel_nn::augment::{Augmentation, Transform};
use evenkeel_nn::feed::Prefetch;
use evenkeel_nn::feed::batches::Batches;
use evenkeel_runs::settings::RunSettings;
use evenkeel_train::resolve::resolve;
use evenkeel_train::run::ResolvedRun;
use proptest::prelude::*;

fn spec(data: &str, augment: &str) -> ResolvedRun {
    let raw: RunSettings = RunSettings {
        depth: Some(1),
        width: Some(1),
        data: data.to_owned(),
        augment: Some(augment.to_owned()),
        batch_size: 400,
        seed: 5,
        ..RunSettings::default()
    };
    resolve(raw).unwrap()
}

proptest! {
    #[test]
    fn any_position_can_be_restored(
        rows in 1usize..60, size in 1usize..60, seed: u64, drawn in 0u64..40,
    ) {
        let size = size.min(rows);
        let mut batches = Batches::new(rows, size, seed);
        for _ in 0..drawn {
            batches.next_rows();
        }
        let mut restored = Batches::restore(rows, size, seed, drawn);
        for _ in 0..20 {
            prop_assert_eq!(batches.next_rows(), restored.next_rows());
            prop_assert_eq!(batches.drawn(), restored.drawn());
        }
    }

    #[test]
    fn every_row_comes_at_most_once_an_epoch(rows in 1usize..60, size in 1usize..60, seed: u64) {
        let size = size.min(rows);
        let mut batches = Batches::new(rows, size, seed);
        for _ in 0..3 {
            let mut epoch: Vec<usize> =
                (0..rows / size).flat_map(|_| batches.next_rows().to_vec()).collect();
            epoch.sort_unstable();
            epoch.dedup();
            prop_assert_eq!(epoch.len(), rows / size * size);
        }
    }

    #[test]
    fn an_augmented_image_is_one_window_of_the_padded_one(
        height in 1usize..9, width in 1usize..9, padding in 1usize..5, flip: bool, seed: u64, first: u32,
    ) {
        let name = format!("crop:{padding}{}", if flip { "+flip" } else { "" });
        let augmentation: Augmentation = name.parse().unwrap();
        let transform = augmentation.transforms(seed, u64::from(first))();
        // Pixels are numbered from 1, so that black is none of them.
        let pixel = |y: usize, x: usize| y * width + x + 1;
        let padded = |y: usize, x: usize| match (y.checked_sub(padding), x.checked_sub(padding)) {
            (Some(y), Some(x)) if y < height && x < width => pixel(y, x),
            _ => 0,
        };
        let cells = || (0..height).flat_map(|y| (0..width).map(move |x| [y, x]));
        let seen: Vec<usize> = cells()
            .map(|at| transform.source(at, [height, width]).map_or(0, |[y, x]| pixel(y, x)))
            .collect();
        let windows = (0..=2 * padding)
            .flat_map(|top| (0..=2 * padding).map(move |left| (top, left)))
            .flat_map(|(top, left)| [false, flip].map(|mirror| (top, left, mirror)));
        let found = windows.into_iter().any(|(top, left, mirror)| {
            let column = |x: usize| if mirror { width - 1 - x } else { x };
            cells().map(|[y, x]| padded(top + y, left + column(x))).eq(seen.iter().copied())
        });
        prop_assert!(found, "{seen:?}");
    }

    #[test]
    fn an_example_is_augmented_alike_wherever_drawing_begins(seed: u64, first in 0u64..1 << 40) {
        let augmentation: Augmentation = "crop+flip".parse().unwrap();
        let mut before = augmentation.transforms(seed, first);
        for later in 0..40 {
            prop_assert_eq!(before(), augmentation.transforms(seed, first + later)());
        }
    }
}

#[test]
fn every_window_is_about_equally_likely() {
    let augmentation: Augmentation = "crop:1+flip".parse().unwrap();
    let mut draw = augmentation.transforms(3, 0);
    let mut seen: Vec<(Transform, u32)> = Vec::new();
    for _ in 0..18_000 {
        let transform = draw();
        match seen.iter_mut().find(|(known, _)| *known == transform) {
            Some((_, count)) => *count += 1,
            None => seen.push((transform, 1)),
        }
    }
    // Nine windows, each as it is and mirrored: 1000 draws each, with a deviation of 31.
    assert_eq!(seen.len(), 18);
    assert!(
        seen.iter().all(|(_, count)| (850..1150).contains(count)),
        "{seen:?}"
    );
}

#[test]
fn augmentations_are_read_back_as_written_and_nonsense_is_refused() {
    for (given, written) in [
        ("none", "none"),
        ("crop", "crop:4"),
        ("flip", "flip"),
        ("flip+crop:2", "crop:2+flip"),
    ] {
        let augmentation: Augmentation = given.parse().unwrap();
        assert_eq!(augmentation.to_string(), written);
        assert_eq!(written.parse::<Augmentation>().unwrap(), augmentation);
    }
    for given in [
        "",
        "crop+",
        "crop:",
        "crop:0",
        "crop:256",
        "flip:2",
        "flip+flip",
        "crop+crop:1",
        "none+flip",
    ] {
        let said = given.parse::<Augmentation>().unwrap_err().to_string();
        assert!(
            said.contains(&format!("`{given}`; permitted: none, crop[:PIXELS]")),
            "{said}"
        );
    }
}

#[test]
fn working_ahead_changes_no_batch_and_any_batch_can_be_gone_on_from() {
    for augment in ["none", "crop:1+flip"] {
        let spec = spec("digits", augment);
        let mut feed = spec.setup.feed();
        let mut ahead = Prefetch::start(spec.setup.feed()).unwrap();
        for drawn in 0..9 {
            let mut restored = Prefetch::start(spec.setup.feed_after(drawn)).unwrap();
            assert_eq!((ahead.drawn(), restored.drawn()), (drawn, drawn));
            let batch = feed.next_batch();
            assert_eq!(ahead.next_batch(), batch, "{augment}, batch {drawn}");
            assert_eq!(
                restored.next_batch(),
                batch,
                "{augment}, restored at {drawn}"
            );
        }
    }
}

#[test]
fn augmentation_changes_batches_but_not_their_order() {
    let [plain, augmented] = ["none", "crop:1"].map(|augment| {
        let (input, labels) = spec("digits", augment)
            .setup
            .feed()
            .next_batch()
            .on(&Default::default());
        let numbers = input.numbers().into_data().try_to_vec::<f32>().unwrap();
        (numbers, labels.into_data())
    });
    assert_eq!(plain.1, augmented.1);
    assert_ne!(plain.0, augmented.0);
}
