//! Which REST request goes next, and when: by urgency, within the weight budget, after the waits the venue asked for.
//!
//! Invariants: a request asked for twice while it waits is sent once; at most [`MOST_IN_FLIGHT`] are under way; nothing
//! is sent during a wait the venue imposed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use depthlake_orderbook::symbol::Symbol;
use rand::Rng;

use super::SnapshotPriority;
use super::backoff::Backoff;
use super::budget::WeightBudget;

const MOST_IN_FLIGHT: usize = 4;

/// What is asked of the REST interface for one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Job {
    Snapshot(Symbol),
    Instrument(Symbol),
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done, or not worth another attempt.
    Finished,
    /// To be tried again after a while.
    Failed,
    /// The venue wants nothing from us for so long (429, 418).
    Refused { wait: Duration },
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Next {
    Send(Task),
    /// Nothing before this time.
    Wait(Instant),
    /// Nothing before something else happens.
    Idle,
}

/// A job with its history; it goes out with [`Next::Send`] and comes back with [`Scheduler::done`].
#[derive(Debug)]
pub(super) struct Task {
    pub(super) job: Job,
    priority: SnapshotPriority,
    /// Earlier requests of one priority go first.
    sequence: u64,
    not_before: Option<Instant>,
    backoff: Backoff,
}

/// All requests that wait.
#[derive(Debug)]
pub(super) struct Scheduler {
    budget: WeightBudget,
    waiting: Vec<Task>,
    in_flight: HashSet<Job>,
    paused_until: Option<Instant>,
    asked: u64,
}

impl Scheduler {
    pub(super) fn new(budget: WeightBudget) -> Self {
        Self { budget, waiting: Vec::new(), in_flight: HashSet::new(), paused_until: None, asked: 0 }
    }

    /// Asks for a job. Where it waits already it becomes as urgent as this; where it is under way its answer will do,
    /// and whoever finds the answer too old asks again.
    pub(super) fn ask(&mut self, job: Job, priority: SnapshotPriority) {
        if self.in_flight.contains(&job) {
            return;
        }
        if let Some(task) = self.waiting.iter_mut().find(|task| task.job == job) {
            task.priority = task.priority.min(priority);
            return;
        }
        self.asked += 1;
        let sequence = self.asked;
        self.waiting.push(Task { job, priority, sequence, not_before: None, backoff: Backoff::default() });
    }

    /// The most urgent job that may be sent now; `weight` says what a job costs.
    pub(super) fn next(&mut self, now: Instant, weight: impl Fn(Job) -> u32) -> Next {
        if self.waiting.is_empty() || self.in_flight.len() >= MOST_IN_FLIGHT {
            return Next::Idle;
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Next::Wait(until);
        }
        let ready = self.waiting.iter().enumerate().filter(|(_, task)| task.not_before <= Some(now));
        let Some((index, task)) = ready.min_by_key(|(_, task)| (task.priority, task.sequence)) else {
            let earliest = self.waiting.iter().filter_map(|task| task.not_before).min();
            return earliest.map_or(Next::Idle, Next::Wait);
        };
        match self.budget.admit(weight(task.job), task.priority, now) {
            Ok(()) => {
                let task = self.waiting.swap_remove(index);
                self.in_flight.insert(task.job);
                Next::Send(task)
            }
            Err(at) => Next::Wait(at),
        }
    }

    /// Takes a job back; what failed waits for another attempt.
    pub(super) fn done(&mut self, mut task: Task, outcome: Outcome, now: Instant, rng: &mut impl Rng) {
        self.in_flight.remove(&task.job);
        match outcome {
            Outcome::Finished => return,
            Outcome::Failed => task.not_before = Some(now + task.backoff.delay(rng)),
            Outcome::Refused { wait } => self.paused_until = self.paused_until.max(Some(now + wait)),
        }
        self.waiting.push(task);
    }

    /// Notes the used weight that an answer told.
    pub(super) fn observe_weight(&mut self, used: u32, now: Instant) {
        self.budget.observe(used, now);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const LONGEST_WAIT: Duration = Duration::from_secs(30);

    fn snapshot(name: &str) -> Job {
        Job::Snapshot(Symbol::new(name).unwrap())
    }

    fn scheduler(limit: u32) -> Scheduler {
        Scheduler::new(WeightBudget::new(limit))
    }

    fn send(scheduler: &mut Scheduler, now: Instant) -> Task {
        match scheduler.next(now, |_| 50) {
            Next::Send(task) => task,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gaps_go_before_start_up_before_audits_and_in_order() {
        let mut scheduler = scheduler(6_000);
        let now = Instant::now();
        for (name, priority) in [
            ("AUDIT", SnapshotPriority::Audit),
            ("START1", SnapshotPriority::StartUp),
            ("START2", SnapshotPriority::StartUp),
            ("GAP", SnapshotPriority::Gap),
        ] {
            scheduler.ask(snapshot(name), priority);
        }
        let order: Vec<_> = (0..4).map(|_| send(&mut scheduler, now).job).collect();
        assert_eq!(order, ["GAP", "START1", "START2", "AUDIT"].map(snapshot));
    }

    #[test]
    fn what_waits_or_is_under_way_is_asked_once() {
        let mut scheduler = scheduler(6_000);
        let now = Instant::now();
        scheduler.ask(snapshot("A"), SnapshotPriority::Audit);
        scheduler.ask(snapshot("B"), SnapshotPriority::StartUp);
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        let task = send(&mut scheduler, now);
        assert_eq!(task.job, snapshot("A"), "made urgent by the second request");
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        assert_eq!(send(&mut scheduler, now).job, snapshot("B"));
        assert!(matches!(scheduler.next(now, |_| 50), Next::Idle));
        scheduler.done(task, Outcome::Finished, now, &mut rand::rng());
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        assert_eq!(send(&mut scheduler, now).job, snapshot("A"));
    }

    #[test]
    fn no_more_than_four_are_under_way() {
        let mut scheduler = scheduler(6_000);
        let now = Instant::now();
        for number in 0..9 {
            scheduler.ask(snapshot(&format!("S{number}")), SnapshotPriority::StartUp);
        }
        let mut tasks: Vec<_> = (0..4).map(|_| send(&mut scheduler, now)).collect();
        assert!(matches!(scheduler.next(now, |_| 50), Next::Idle));
        scheduler.done(tasks.remove(0), Outcome::Finished, now, &mut rand::rng());
        send(&mut scheduler, now);
    }

    #[test]
    fn a_refusal_stops_everything_for_as_long_as_the_venue_says() {
        let mut scheduler = scheduler(6_000);
        let now = Instant::now();
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        scheduler.ask(snapshot("B"), SnapshotPriority::Gap);
        let (first, second) = (send(&mut scheduler, now), send(&mut scheduler, now));
        let wait = |seconds| Outcome::Refused { wait: Duration::from_secs(seconds) };
        scheduler.done(first, wait(120), now, &mut rand::rng());
        scheduler.done(second, wait(5), now, &mut rand::rng());
        let until = now + Duration::from_mins(2);
        assert!(
            matches!(scheduler.next(now + Duration::from_secs(6), |_| 50), Next::Wait(at) if at == until)
        );
        assert_eq!(send(&mut scheduler, until).job, snapshot("A"));
    }

    #[test]
    fn a_failure_waits_its_turn_while_others_go_on() {
        let mut scheduler = scheduler(6_000);
        let mut now = Instant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        for _ in 0..20 {
            let task = send(&mut scheduler, now);
            scheduler.done(task, Outcome::Failed, now, &mut rng);
            match scheduler.next(now, |_| 50) {
                Next::Wait(at) => assert!(at > now && at <= now + LONGEST_WAIT),
                other => panic!("{other:?}"),
            }
            scheduler.ask(snapshot("B"), SnapshotPriority::Audit);
            let other = send(&mut scheduler, now);
            assert_eq!(other.job, snapshot("B"));
            scheduler.done(other, Outcome::Finished, now, &mut rng);
            now += LONGEST_WAIT;
        }
    }

    #[test]
    fn the_budget_is_kept() {
        let mut scheduler = scheduler(100);
        let now = Instant::now();
        scheduler.ask(snapshot("A"), SnapshotPriority::Gap);
        scheduler.ask(snapshot("B"), SnapshotPriority::Gap);
        send(&mut scheduler, now);
        let minute = Duration::from_mins(1);
        assert!(matches!(scheduler.next(now, |_| 50), Next::Wait(at) if at == now + minute));
        scheduler.observe_weight(90, now + minute);
        assert!(matches!(scheduler.next(now + minute, |_| 50), Next::Wait(at) if at == now + 2 * minute));
    }
}
