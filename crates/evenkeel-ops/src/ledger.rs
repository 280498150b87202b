//! Norms of weights and gradients that were taken while the gradients were computed, until somebody asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use burn_flex::FlexTensor;
use burn_std::Bytes;

/// What is known, by the place of the gradient.
///
/// Whether it is still true needs no trust: neither tensor is held on to, and where the numbers of one are
/// changed or moved there is nothing left that its entry could be about.
static LEDGER: Mutex<Option<HashMap<usize, Entry>>> = Mutex::new(None);

/// Entries from which on those are looked for that are about nothing.
const MANY: usize = 4096;

struct Entry {
    weight: Weak<Bytes>,
    gradient: Weak<Bytes>,
    products: Vec<[f64; 3]>,
}

/// Writes down what is known of a weight and its gradient, or of their columns.
pub(crate) fn note(weight: &FlexTensor, gradient: &FlexTensor, products: Vec<[f64; 3]>) {
    let (Some(weight), Some(gradient)) = (whole(weight), whole(gradient)) else {
        return;
    };
    let mut ledger = ledger();
    let entries = ledger.get_or_insert_with(HashMap::new);
    if entries.len() >= MANY {
        entries.retain(|_, entry| entry.gradient.strong_count() > 0);
    }
    let entry = Entry {
        weight: Arc::downgrade(&weight),
        gradient: Arc::downgrade(&gradient),
        products,
    };
    entries.insert(place(&gradient), entry);
}

/// What is known of a weight and its gradient, or of their columns, once.
pub(crate) fn take(weight: &FlexTensor, gradient: &FlexTensor) -> Option<Vec<[f64; 3]>> {
    let (weight, gradient) = (whole(weight)?, whole(gradient)?);
    let entry = ledger().as_mut()?.remove(&place(&gradient))?;
    let same = |known: &Weak<Bytes>, tensor: &Arc<Bytes>| {
        known
            .upgrade()
            .is_some_and(|known| Arc::ptr_eq(&known, tensor))
    };
    (same(&entry.weight, &weight) && same(&entry.gradient, &gradient)).then_some(entry.products)
}

/// The numbers of a tensor that has all of them, in their order.
fn whole(tensor: &FlexTensor) -> Option<Arc<Bytes>> {
    let layout = tensor.layout();
    let all = layout.num_elements() * size_of::<f32>() == tensor.bytes().len();
    (all && layout.is_contiguous()).then(|| tensor.data_arc())
}

fn place(numbers: &Arc<Bytes>) -> usize {
    Arc::as_ptr(numbers).addr()
}

fn ledger() -> MutexGuard<'static, Option<HashMap<usize, Entry>>> {
    // Nothing can be half done in there.
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_std::TensorData;

    fn numbers(value: f32) -> FlexTensor {
        FlexTensor::from_data(TensorData::from([value; 8]))
    }

    #[test]
    fn what_is_known_is_told_once() {
        let (w, g) = (numbers(1.0), numbers(2.0));
        assert_eq!(take(&w, &g), None);
        note(&w, &g, vec![[1.0, 2.0, 3.0]]);
        assert_eq!(take(&w.clone(), &g.clone()), Some(vec![[1.0, 2.0, 3.0]]));
        assert_eq!(take(&w, &g), None);
    }

    #[test]
    fn nothing_is_known_of_numbers_that_changed() {
        let change = |tensor: &mut FlexTensor| tensor.storage_mut::<f32>()[0] = 5.0;
        for which in 0..2 {
            let mut pair = [numbers(1.0), numbers(2.0)];
            note(&pair[0], &pair[1], vec![[0.0; 3]]);
            change(&mut pair[which]);
            assert_eq!(take(&pair[0], &pair[1]), None, "{which}");
            // Nor where somebody else holds the numbers that were.
            note(&pair[0], &pair[1], vec![[0.0; 3]]);
            let _held = pair[which].clone();
            change(&mut pair[which]);
            assert_eq!(take(&pair[0], &pair[1]), None, "{which}");
        }
    }

    #[test]
    fn others_are_not_meant() {
        let (w, g) = (numbers(1.0), numbers(2.0));
        note(&w, &g, vec![[0.0; 3]]);
        assert_eq!(take(&numbers(1.0), &g), None);
        note(&w, &g, vec![[0.0; 3]]);
        assert_eq!(take(&w, &numbers(2.0)), None);
        let part = g.layout().narrow(0, 0, 4);
        assert_eq!(take(&w, &g.clone().with_layout(part)), None);
    }
}
