//! How many runs at a time, by how many threads.

#[derive(Debug, clap::Args)]
pub struct CpuArgs {
    /// Runs at a time [default: the number of cores]. Results do not depend on it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Threads that compute each run [default: the cores, divided among the runs]. Results do not
    /// depend on it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl CpuArgs {
    /// Runs at a time.
    pub fn jobs(&self) -> usize {
        self.jobs.map_or_else(cores, usize::from)
    }

    /// Threads for each of `runs` runs.
    pub fn threads(&self, runs: usize) -> usize {
        let share = || cores() / self.jobs().min(runs).max(1);
        self.threads.map_or_else(|| share().max(1), usize::from)
    }
}

/// Cores that the system lends.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
