//! What this process does to a lake again and again, and how it went: for who wants to know while it runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::metrics::{Page, Source};
use depthlake_orderbook::time::Timestamp;

/// Something that is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Carrying the log into the tables: a run is a commit.
    Sink,
    /// Care of the tables: a run is a round through all of them.
    Maintenance,
    /// Building the marts.
    Marts,
    /// Comparing each layer with the one before it.
    Reconciliation,
}

/// What runs did, each figure with its name.
pub type Figures = BTreeMap<&'static str, u64>;

/// How a job's last run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub ended: Timestamp,
    pub duration: Duration,
    /// What it did, or why it failed.
    pub result: Result<Figures, String>,
}

/// The runs of one job since the process began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobRuns {
    pub succeeded: u64,
    pub failed: u64,
    pub last: Option<Run>,
    /// What all runs did together.
    pub total: Figures,
}

/// The runs of all jobs.
#[derive(Debug, Default)]
pub struct Runs(Mutex<BTreeMap<Job, JobRuns>>);

impl Job {
    pub const ALL: [Self; 4] = [Self::Sink, Self::Maintenance, Self::Marts, Self::Reconciliation];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sink => "sink",
            Self::Maintenance => "maintenance",
            Self::Marts => "marts",
            Self::Reconciliation => "reconciliation",
        }
    }
}

impl Runs {
    /// Takes note of a run that has just ended.
    pub fn ended(&self, job: Job, duration: Duration, result: Result<Figures, String>) {
        let mut jobs = self.jobs();
        let runs = jobs.entry(job).or_default();
        match &result {
            Ok(figures) => {
                runs.succeeded += 1;
                for (name, figure) in figures {
                    *runs.total.entry(name).or_default() += figure;
                }
            }
            Err(_) => runs.failed += 1,
        }
        runs.last = Some(Run { ended: now(), duration, result });
    }

    /// What is known of a job.
    #[must_use]
    pub fn of(&self, job: Job) -> JobRuns {
        self.jobs().get(&job).cloned().unwrap_or_default()
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<Job, JobRuns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Runs {
    fn tell(&self, page: &mut Page) {
        for (job, runs) in &*self.jobs() {
            let counter = page.counter(
                "depthlake_job_runs_total",
                "Runs of what is done to the lake again and again, by how they ended.",
            );
            for (outcome, count) in [("succeeded", runs.succeeded), ("failed", runs.failed)] {
                counter.whole(&[("job", job.name()), ("outcome", outcome)], count);
            }
            let Some(last) = &runs.last else { continue };
            page.gauge("depthlake_job_last_run_duration_seconds", "What the last run of a job took.")
                .number(&[("job", job.name())], last.duration.as_secs_f64());
        }
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_and_all_together_are_known() {
        let runs = Runs::default();
        assert_eq!(runs.of(Job::Marts), JobRuns::default());
        runs.ended(Job::Marts, Duration::from_secs(2), Ok([("rows", 5)].into()));
        runs.ended(Job::Marts, Duration::from_secs(3), Ok([("rows", 7), ("minutes", 1)].into()));
        runs.ended(Job::Marts, Duration::from_secs(1), Err("the disk is full".to_owned()));
        let known = runs.of(Job::Marts);
        assert_eq!((known.succeeded, known.failed), (2, 1));
        assert_eq!(known.total, [("rows", 12), ("minutes", 1)].into());
        let last = known.last.unwrap();
        assert_eq!(last.result, Err("the disk is full".to_owned()));
        assert_eq!(last.duration, Duration::from_secs(1));
        assert_eq!(runs.of(Job::Sink), JobRuns::default());

        let mut page = Page::default();
        runs.tell(&mut page);
        assert_eq!(page.families().len(), 2);
        assert_eq!(page.families()[0].samples.len(), 2);
    }
}
