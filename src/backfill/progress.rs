//! How far a backfill is: on a terminal a line that moves, elsewhere a line now and then.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::messages::{self, say};

const BETWEEN_MOVES: Duration = Duration::from_millis(200);
const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// Tells how far it is, on standard error.
#[derive(Debug)]
pub struct Progress {
    begun: Instant,
    told: Option<Instant>,
    is_terminal: bool,
    /// What there is to do, in any unit.
    whole: u64,
    done: u64,
    /// Of what is done, what was found done already and took no time.
    skipped: u64,
    lines: u64,
}

impl Progress {
    pub fn new(whole: u64) -> Self {
        let is_terminal = messages::may_move();
        Self { begun: Instant::now(), told: None, is_terminal, whole, done: 0, skipped: 0, lines: 0 }
    }

    /// Notes what took no time, for it was done before.
    pub fn skip(&mut self, amount: u64) {
        self.done += amount;
        self.skipped += amount;
    }

    /// Notes what a commit has landed, and tells it where it is time to.
    pub fn advance(&mut self, amount: u64, lines: u64) {
        self.done += amount;
        self.lines += lines;
        let between = if self.is_terminal { BETWEEN_MOVES } else { BETWEEN_LINES };
        if self.told.is_some_and(|told| told.elapsed() < between) {
            return;
        }
        self.told = Some(Instant::now());
        let line = self.line(self.begun.elapsed());
        if !self.is_terminal {
            return say!("{line}");
        }
        let mut stderr = std::io::stderr();
        // Whoever does not listen is not told.
        let _ = write!(stderr, "\r\x1b[K{line}");
        let _ = stderr.flush();
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Leaves the line that moves.
    pub fn finish(&self) {
        if self.is_terminal && self.told.is_some() {
            eprintln!();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    fn line(&self, elapsed: Duration) -> String {
        let done = self.done.min(self.whole);
        let share = if self.whole == 0 { 1.0 } else { done as f64 / self.whole as f64 };
        let seconds = elapsed.as_secs_f64().max(1e-3);
        let rate = self.lines as f64 / seconds;
        let worked = done.saturating_sub(self.skipped);
        let left = (self.whole - done) as f64 / (worked.max(1) as f64 / seconds);
        format!(
            "{:.1} %  {} lines  {rate:.0} lines/s  {} left",
            (share * 1_000.0).floor() / 10.0,
            self.lines,
            span(left)
        )
    }
}

/// Seconds in units that fit them.
fn span(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people to read")]
    let seconds = seconds.clamp(0.0, 1e9).ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_counts_only_what_took_time() {
        let mut progress = Progress::new(1_000);
        progress.skip(500);
        progress.done += 100;
        progress.lines = 2_000;
        let line = progress.line(Duration::from_secs(10));
        assert_eq!(line, "60.0 %  2000 lines  200 lines/s  40 s left");
        assert_eq!([span(59.2), span(61.0), span(7_300.0)], ["1 min 0 s", "1 min 1 s", "2 h 1 min"]);
    }
}
