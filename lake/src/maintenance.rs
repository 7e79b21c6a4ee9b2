//! Care of the tables: what keeps them as quick after years of commits as on the first day.
//!
//! A round goes through the tables: days beyond a table's retention are let go, small files are compacted, and snapshots
//! that need not be kept expire with their files. Each is an atomic change of one table which leaves the committed
//! positions as they are, and which gives way to whoever commits meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{Instrument, debug, info_span, warn};

use crate::TRACED;
use crate::commit::{
    CommitError, Compacted, CompactionRules, Expired, Lake, LakeError, LetGo, SnapshotRetention,
};
use crate::runs::{Figures, Job};
use crate::table::Table;

/// How the tables are cared for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintenance {
    pub compaction: CompactionRules,
    pub snapshots: SnapshotRetention,
    /// How many days of a table are kept, today counted; all days of tables that are not named.
    pub days_kept: BTreeMap<Table, u32>,
}

/// What a round did for one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cared {
    pub table: Table,
    pub let_go: LetGo,
    pub compacted: Compacted,
    pub expired: Expired,
}

impl Cared {
    /// Adds what was done to the figures of a round.
    fn add_to(&self, figures: &mut Figures) {
        let Self { let_go, compacted, expired, .. } = self;
        for (name, figure) in [
            ("rows_let_go", let_go.rows),
            ("files_merged", compacted.files as u64),
            ("into_files", compacted.into_files as u64),
            ("snapshots_expired", expired.snapshots as u64),
        ] {
            *figures.entry(name).or_default() += figure;
        }
    }
}

impl Maintenance {
    /// Cares for one table.
    ///
    /// # Errors
    /// Those of [`Lake::change`], after which what was done before stays done.
    pub async fn care(&self, lake: &Lake, table: Table) -> Result<Cared, CommitError> {
        let now = now();
        let let_go = match self.days_kept.get(&table) {
            Some(&days) => lake.retain(table, days, now).await?,
            None => LetGo::default(),
        };
        let compacted = lake.compact(table, &self.compaction, now).await?;
        let expired = lake.expire(table, &self.snapshots).await?;
        Ok(Cared { table, let_go, compacted, expired })
    }

    /// What caring for one table would do now.
    ///
    /// # Errors
    /// [`LakeError`] where the table cannot be read.
    pub async fn plan(&self, lake: &Lake, table: Table) -> Result<Cared, LakeError> {
        let now = now();
        Ok(Cared {
            table,
            let_go: match self.days_kept.get(&table) {
                Some(&days) => lake.planned_retention(table, days, now).await?,
                None => LetGo::default(),
            },
            compacted: lake.planned_compaction(table, &self.compaction, now).await?,
            expired: lake.planned_expiry(table, &self.snapshots).await?,
        })
    }

    /// Cares for all tables at every interval, until `stop` holds `true` or its sender is gone. A table that cannot be cared
    /// for is left to the next round.
    pub async fn run(self, lake: Lake, every: Duration, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            let begun = Instant::now();
            let mut round = Ok(Figures::new());
            for table in Table::ALL {
                let span = info_span!(target: TRACED, "care", %table);
                match self.care(&lake, table).instrument(span).await {
                    Ok(cared) => {
                        debug!(?cared, "cared for");
                        if let Ok(figures) = &mut round {
                            cared.add_to(figures);
                        }
                    }
                    Err(error) => {
                        warn!(%table, %error, "a table could not be cared for");
                        round = Err(format!("{table}: {error}"));
                    }
                }
                if *stop.borrow() || stop.has_changed().is_err() {
                    return;
                }
            }
            lake.runs().ended(Job::Maintenance, begun.elapsed(), round);
        }
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
