//! Work that is done in order, a few pieces at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Does `work` on every task, `jobs` at a time, beginning in their order; results are in that order, too.
pub fn in_parallel<T: Send, R: Send>(
    tasks: Vec<T>,
    jobs: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let count = tasks.len();
    let queue: Mutex<VecDeque<(usize, T)>> = Mutex::new(tasks.into_iter().enumerate().collect());
    let results = Mutex::new(Vec::with_capacity(count));
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, count.max(1)) {
            scope.spawn(|| {
                while let Some((index, task)) = next() {
                    let result = work(task);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_tasks_for_any_number_of_workers() {
        for jobs in [0, 1, 3, 100] {
            let squares = in_parallel((0..10).collect(), jobs, |task: u64| task * task);
            assert_eq!(squares, (0..10).map(|task| task * task).collect::<Vec<_>>());
        }
        assert!(in_parallel(Vec::<u8>::new(), 2, |task| task).is_empty());
    }
}
