//! Norms of weights and gradients that were taken while the gradients were computed, until somebody asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use burn_flex::FlexTensor;
use burn_std::Bytes;
use evenkeel_kernels::norms::Norms;

/// What is known, the newest last: gradients come from the last layer to the first, and are asked about the other
/// way around.
///
/// Whether it is still true needs no trust: neither tensor is held on to, and where the numbers of one are
/// changed or moved there is nothing left that its entry could be about.
static LEDGER: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Entries from which on those are looked for that are about nothing.
const MANY: usize = 4096;

struct Entry {
    weight: Weak<Bytes>,
    gradient: Weak<Bytes>,
    products: Norms,
}

/// Writes down what is known of a weight and its gradient, or of their columns.
pub(crate) fn insert(weight: &FlexTensor, gradient: &FlexTensor, products: Norms) {
    let (Some(weight), Some(gradient)) = (whole(weight), whole(gradient)) else {
        return;
    };
    let mut ledger = ledger();
    if ledger.len() >= MANY {
        ledger.retain(|entry| entry.gradient.strong_count() > 0);
    }
    ledger.push(Entry {
        weight: Arc::downgrade(&weight),
        gradient: Arc::downgrade(&gradient),
        products,
    });
}

/// What is known of a weight and its gradient, or of their columns, once.
pub(crate) fn take(weight: &FlexTensor, gradient: &FlexTensor) -> Option<Norms> {
    let (weight, gradient) = (whole(weight)?, whole(gradient)?);
    // As long as there is an entry nothing else can be where its numbers are or were.
    let same = |known: &Weak<Bytes>, tensor: &Arc<Bytes>| known.as_ptr() == Arc::as_ptr(tensor);
    let mut ledger = ledger();
    let newest = ledger
        .iter()
        .rposition(|entry| same(&entry.gradient, &gradient))?;
    let entry = ledger.remove(newest);
    same(&entry.weight, &weight).then_some(entry.products)
}

/// The numbers of a tensor that has all of them, in their order.
fn whole(tensor: &FlexTensor) -> Option<Arc<Bytes>> {
    let layout = tensor.layout();
    let all = layout.num_elements() * size_of::<f32>() == tensor.bytes().len();
    (all && layout.is_contiguous()).then(|| tensor.data_arc())
}

fn ledger() -> MutexGuard<'static, Vec<Entry>> {
    // Nothing can be half done in there.
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_std::TensorData;
    use evenkeel_kernels::threads::BufferPool;

    fn numbers(value: f32) -> FlexTensor {
        FlexTensor::from_data(TensorData::from([value; 8]))
    }

    fn norms(sums: [f64; 3]) -> Norms {
        let mut norms = Norms::zeros(&BufferPool::default(), 1);
        norms[0] = sums;
        norms
    }

    fn is_known(weight: &FlexTensor, gradient: &FlexTensor) -> bool {
        take(weight, gradient).is_some()
    }

    #[test]
    fn what_is_known_is_told_once() {
        let (w, g) = (numbers(1.0), numbers(2.0));
        assert!(!is_known(&w, &g));
        insert(&w, &g, norms([1.0, 2.0, 3.0]));
        let known = take(&w.clone(), &g.clone());
        assert_eq!(known.as_deref(), Some(&[[1.0, 2.0, 3.0]][..]));
        assert!(!is_known(&w, &g));
    }

    #[test]
    fn nothing_is_known_of_numbers_that_changed() {
        let change = |tensor: &mut FlexTensor| tensor.storage_mut::<f32>()[0] = 5.0;
        for which in 0..2 {
            let mut pair = [numbers(1.0), numbers(2.0)];
            insert(&pair[0], &pair[1], norms([0.0; 3]));
            change(&mut pair[which]);
            assert!(!is_known(&pair[0], &pair[1]), "{which}");
            // Nor where somebody else holds the numbers that were.
            insert(&pair[0], &pair[1], norms([0.0; 3]));
            let _held = pair[which].clone();
            change(&mut pair[which]);
            assert!(!is_known(&pair[0], &pair[1]), "{which}");
        }
    }

    #[test]
    fn others_are_not_meant() {
        let (w, g) = (numbers(1.0), numbers(2.0));
        insert(&w, &g, norms([0.0; 3]));
        assert!(!is_known(&numbers(1.0), &g));
        insert(&w, &g, norms([0.0; 3]));
        assert!(!is_known(&w, &numbers(2.0)));
        let part = g.layout().narrow(0, 0, 4);
        assert!(!is_known(&w, &g.clone().with_layout(part)));
    }
}
