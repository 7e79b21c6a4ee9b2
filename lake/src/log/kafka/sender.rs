//! The thread that carries the outbox to the broker, one session after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::Shared;
use super::reconcile::{self, Fit, Standing};
use super::session::{Ended, Session};
use crate::log::{EmbeddedLog, LogError};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Sends until the log is closed or has failed.
pub(super) fn run(shared: &Arc<Shared>, outbox: &EmbeddedLog, mut standings: Vec<Standing>) {
    let mut delay = FIRST_DELAY;
    loop {
        let before = standings.clone();
        let ended = match Session::new(shared, outbox, &standings) {
            Ok(mut session) => {
                let ended = session.run();
                standings = session.standings();
                ended
            }
            Err(error) => Ended::Failed(error),
        };
        match ended {
            Ended::Stopped => return,
            Ended::Failed(error) => return fail(shared, error),
            Ended::Broken(trouble) => {
                tracing::warn!(brokers = %shared.options.brokers, %trouble, "sending begins anew");
            }
        }
        // Where something was delivered, the trouble is a new one.
        delay = if standings == before { (delay * 2).min(LONGEST_DELAY) } else { FIRST_DELAY };
        match look_again(shared, outbox, &standings, delay) {
            Ok(Some(found)) => standings = found,
            Ok(None) => return,
            Err(error) => return fail(shared, error),
        }
    }
}

/// Asks the broker what it has, until it answers; none where the log is closed meanwhile.
fn look_again(
    shared: &Shared,
    outbox: &EmbeddedLog,
    known: &[Standing],
    mut delay: Duration,
) -> Result<Option<Vec<Standing>>, LogError> {
    loop {
        if !pause(shared, delay) {
            return Ok(None);
        }
        match reconcile::fit(&shared.reader, &shared.places, outbox, known) {
            Ok(Fit::Continues(standings)) => return Ok(Some(standings)),
            Ok(Fit::Superseded { at, offset }) => return Err(LogError::AnotherWriter { at, offset }),
            Err(error @ LogError::Broker { .. }) => {
                tracing::warn!(%error, "the broker does not tell what it has; it is asked again");
                delay = (delay * 2).min(LONGEST_DELAY);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits; `false` where the log is closed meanwhile.
fn pause(shared: &Shared, delay: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let steps = delay.as_millis().div_ceil(STEP.as_millis());
    for _ in 0..steps {
        if shared.stop.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(STEP.min(delay));
    }
    !shared.stop.load(Ordering::Relaxed)
}

fn fail(shared: &Shared, error: LogError) {
    tracing::error!(%error, "the log takes no more records");
    shared.ends.fail(error);
}
