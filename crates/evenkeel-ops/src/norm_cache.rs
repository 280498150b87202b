//! Norms of weights and gradients, taken while the gradients are computed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use burn_std::Bytes;
use evenkeel_kernels::norms::{Granularity, Norms};

use crate::record::Operand;

/// The most entries that a cache keeps; the oldest are dropped first.
const CAPACITY: usize = 4096;

/// Norms that operations take with gradients and keep until the caller takes them. Clones share
/// them.
///
/// Give one to [`Kernels::taking_norms`](crate::Kernels::taking_norms). After a backward pass,
/// [`NormCache::take`] returns the norms of a weight and its gradient without reading either again.
///
/// An entry cannot go stale: it refers to the memory of both tensors weakly, and a tensor whose
/// numbers change or move no longer matches.
#[derive(Clone)]
pub struct NormCache {
    granularity: Granularity,
    /// The newest last: backward passes add layers from the last to the first.
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Entry {
    weight: Weak<Bytes>,
    gradient: Weak<Bytes>,
    norms: Norms,
}

impl fmt::Debug for NormCache {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "NormCache({:?})", self.granularity)
    }
}

impl NormCache {
    /// An empty cache of norms at this granularity.
    pub fn new(granularity: Granularity) -> Self {
        Self {
            granularity,
            entries: Arc::default(),
        }
    }

    /// What the norms are taken of.
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// Removes and returns `[⟨w, w⟩, ⟨g, g⟩, ⟨w, g⟩]` of a weight and its gradient, if they were
    /// taken.
    pub fn take<const D: usize>(&self, w: &Tensor<D>, g: &Tensor<D>) -> Option<[f64; 3]> {
        let norms = self.take_entry(Operand::of(w)?.numbers(), Operand::of(g)?.numbers())?;
        Some(norms.iter().fold([0.0; 3], |sums, own| {
            std::array::from_fn(|kind| sums[kind] + own[kind])
        }))
    }

    /// Removes and returns the norms of each slice of a weight and its gradient along `axis`, if
    /// they were taken: at [`Granularity::Unit`] those of slices along the last axis are.
    pub fn take_along<const D: usize>(
        &self,
        w: &Tensor<D>,
        g: &Tensor<D>,
        axis: usize,
    ) -> Option<Norms> {
        if self.granularity != Granularity::Unit || axis + 1 != D {
            return None;
        }
        let norms = self.take_entry(Operand::of(w)?.numbers(), Operand::of(g)?.numbers())?;
        (norms.len() == w.dims()[axis]).then_some(norms)
    }

    /// Keeps the norms of a weight and its gradient.
    pub(crate) fn insert(&self, weight: &FlexTensor, gradient: &FlexTensor, norms: Norms) {
        let (Some(weight), Some(gradient)) = (memory_of(weight), memory_of(gradient)) else {
            return;
        };
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.retain(|entry| entry.gradient.strong_count() > 0);
            let excess = (entries.len() + 1).saturating_sub(CAPACITY);
            entries.drain(..excess);
        }
        entries.push(Entry {
            weight: Arc::downgrade(&weight),
            gradient: Arc::downgrade(&gradient),
            norms,
        });
    }

    fn take_entry(&self, weight: &FlexTensor, gradient: &FlexTensor) -> Option<Norms> {
        let (weight, gradient) = (memory_of(weight)?, memory_of(gradient)?);
        // A weak reference keeps its address from being reused, so equal addresses mean the same
        // tensor.
        let same = |known: &Weak<Bytes>, tensor: &Arc<Bytes>| known.as_ptr() == Arc::as_ptr(tensor);
        let mut entries = self.entries();
        let newest = entries
            .iter()
            .rposition(|entry| same(&entry.gradient, &gradient))?;
        let entry = entries.remove(newest);
        same(&entry.weight, &weight).then_some(entry.norms)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Every update of the list is complete when the lock is released, even by a panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of a contiguous tensor that uses all of it.
fn memory_of(tensor: &FlexTensor) -> Option<Arc<Bytes>> {
    let layout = tensor.layout();
    let all = layout.num_elements() * size_of::<f32>() == tensor.bytes().len();
    (all && layout.is_contiguous()).then(|| tensor.data_arc())
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

    fn cache() -> NormCache {
        NormCache::new(Granularity::Layer)
    }

    fn is_known(cache: &NormCache, weight: &FlexTensor, gradient: &FlexTensor) -> bool {
        cache.take_entry(weight, gradient).is_some()
    }

    #[test]
    fn norms_are_taken_once_and_from_their_own_cache() {
        let (w, g) = (numbers(1.0), numbers(2.0));
        let (cache, other) = (cache(), cache());
        assert!(!is_known(&cache, &w, &g));
        cache.insert(&w, &g, norms([1.0, 2.0, 3.0]));
        assert!(!is_known(&other, &w, &g));
        let known = cache.take_entry(&w.clone(), &g.clone());
        assert_eq!(known.as_deref(), Some(&[[1.0, 2.0, 3.0]][..]));
        assert!(!is_known(&cache, &w, &g));
    }

    #[test]
    fn tensors_that_changed_do_not_match() {
        let cache = cache();
        let change = |tensor: &mut FlexTensor| tensor.storage_mut::<f32>()[0] = 5.0;
        for which in 0..2 {
            let mut pair = [numbers(1.0), numbers(2.0)];
            cache.insert(&pair[0], &pair[1], norms([0.0; 3]));
            change(&mut pair[which]);
            assert!(!is_known(&cache, &pair[0], &pair[1]), "{which}");
            // Nor if a clone keeps the old numbers alive.
            cache.insert(&pair[0], &pair[1], norms([0.0; 3]));
            let _held = pair[which].clone();
            change(&mut pair[which]);
            assert!(!is_known(&cache, &pair[0], &pair[1]), "{which}");
        }
    }

    #[test]
    fn other_tensors_and_views_do_not_match() {
        let cache = cache();
        let (w, g) = (numbers(1.0), numbers(2.0));
        cache.insert(&w, &g, norms([0.0; 3]));
        assert!(!is_known(&cache, &numbers(1.0), &g));
        cache.insert(&w, &g, norms([0.0; 3]));
        assert!(!is_known(&cache, &w, &numbers(2.0)));
        let part = g.layout().narrow(0, 0, 4);
        assert!(!is_known(&cache, &w, &g.clone().with_layout(part)));
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = cache();
        let w = numbers(1.0);
        let gradients: Vec<FlexTensor> = (0..CAPACITY + 3).map(|_| numbers(2.0)).collect();
        for g in &gradients {
            cache.insert(&w, g, norms([0.0; 3]));
        }
        assert_eq!(cache.entries().len(), CAPACITY);
        assert!(
            !is_known(&cache, &w, &gradients[2]),
            "the oldest are dropped"
        );
        assert!(is_known(&cache, &w, &gradients[3]));
    }
}
