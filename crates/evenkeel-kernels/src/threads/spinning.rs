//! A rayon pool whose idle threads spin before they sleep: waking a thread takes longer than most
//! kernel tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder, Yield};

/// How long an idle thread spins before it sleeps: longer than the pause between two kernels of a
/// training step.
const IDLE_LIMIT: Duration = Duration::from_micros(300);

/// The longest a thread spins in one go, so that it returns to other callers of the pool.
const SPIN_LIMIT: Duration = Duration::from_millis(10);

/// A rayon pool whose idle threads spin.
pub(super) struct SpinningPool {
    threads: ThreadPool,
    /// Threads that spin or work, not counting the one that distributes tasks.
    awake: Arc<AtomicUsize>,
}

impl SpinningPool {
    /// Starts `threads` threads.
    pub(super) fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            threads: ThreadPoolBuilder::new().num_threads(threads).build()?,
            awake: Arc::default(),
        })
    }

    /// The number of threads.
    pub(super) fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Runs `work` on one of the threads.
    pub(super) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }

    /// Runs `work`, which distributes tasks, after waking the other threads.
    pub(super) fn distribute<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(|| {
            self.keep_awake();
            work()
        })
    }

    /// Makes the other threads spin, unless they do already.
    fn keep_awake(&self) {
        let caller = rayon::current_thread_index();
        let others = self.threads() - 1;
        let asleep = self
            .awake
            .compare_exchange(0, others, Ordering::Relaxed, Ordering::Relaxed);
        if asleep.is_err() {
            return;
        }
        let awake = self.awake.clone();
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == caller {
                return;
            }
            let start = Instant::now();
            let mut idle = start;
            while idle.elapsed() < IDLE_LIMIT && start.elapsed() < SPIN_LIMIT {
                match rayon::yield_now() {
                    Some(Yield::Executed) => idle = Instant::now(),
                    _ => std::hint::spin_loop(),
                }
            }
            awake.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
