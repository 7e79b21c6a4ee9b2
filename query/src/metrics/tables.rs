//! The state of the tables, looked up now and then.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use depthlake_lake::commit::{Compacted, Lake, LakeError, TableStatus};
use depthlake_lake::maintenance::Maintenance;
use depthlake_lake::table::Table;
use depthlake_orderbook::metrics::{Page, Source};
use depthlake_orderbook::time::Timestamp;

const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The backlog of care needs the list of every table's files, and changes slowly.
const LOOKS_PER_BACKLOG: u32 = 6;

/// Tells of files, snapshots, rows and bytes of each table, and of what care they wait for, as of some seconds ago.
pub struct TableFigures {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    tables: Vec<TableStatus>,
    backlogs: Vec<(Table, Compacted)>,
    failed_looks: u64,
}

impl TableFigures {
    /// Looks at the tables now and then, until the figures are dropped. To be called within a runtime.
    #[must_use]
    pub fn follow(lake: Lake, maintenance: Maintenance) -> Arc<Self> {
        let figures = Arc::new(Self { known: Mutex::default() });
        tokio::spawn(keep_looking(Arc::downgrade(&figures), lake, maintenance));
        figures
    }

    /// When rows last came into any table; `None` before they did, or before the first look.
    #[must_use]
    pub fn last_commit(&self) -> Option<Timestamp> {
        self.known().tables.iter().filter_map(|table| table.last_commit).max()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(
        &self,
        lake: &Lake,
        maintenance: &Maintenance,
        with_backlog: bool,
    ) -> Result<(), LakeError> {
        let tables = lake.tables().await?;
        self.known().tables = tables;
        if with_backlog {
            let mut backlogs = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                backlogs.push((table, maintenance.plan(lake, table).await?.compacted));
            }
            self.known().backlogs = backlogs;
        }
        Ok(())
    }
}

async fn keep_looking(figures: Weak<TableFigures>, lake: Lake, maintenance: Maintenance) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for look in 0_u32.. {
        ticks.tick().await;
        let Some(figures) = figures.upgrade() else { return };
        if let Err(error) = figures.look(&lake, &maintenance, look.is_multiple_of(LOOKS_PER_BACKLOG)).await {
            figures.known().failed_looks += 1;
            tracing::debug!(%error, "the tables could not be looked at");
        }
    }
}

impl Source for TableFigures {
    fn tell(&self, page: &mut Page) {
        let known = self.known();
        for status in &known.tables {
            let name = status.table.to_string();
            let of = [("table", name.as_str())];
            page.gauge("depthlake_table_rows", "Rows of a table.").whole(&of, status.rows);
            page.gauge("depthlake_table_files", "Data files of a table.").whole(&of, status.files);
            page.gauge("depthlake_table_bytes", "Bytes of a table's data files.").whole(&of, status.bytes);
            page.gauge("depthlake_table_snapshots", "Snapshots of a table that can be read.")
                .whole(&of, status.snapshots as u64);
            if let Some(last_commit) = status.last_commit {
                #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
                let seconds = last_commit.milliseconds() as f64 / 1e3;
                page.gauge(
                    "depthlake_table_last_commit_timestamp_seconds",
                    "When a table last got a snapshot.",
                )
                .number(&of, seconds);
            }
        }
        for (table, backlog) in &known.backlogs {
            let name = table.to_string();
            let of = [("table", name.as_str())];
            page.gauge("depthlake_compaction_backlog_files", "Data files that wait to be merged.")
                .whole(&of, backlog.files as u64);
            page.gauge("depthlake_compaction_backlog_bytes", "Bytes of data files that wait to be merged.")
                .whole(&of, backlog.bytes);
        }
        page.counter("depthlake_table_failed_looks_total", "Times that the catalog could not be asked.")
            .whole(&[], known.failed_looks);
    }
}

impl fmt::Debug for TableFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableFigures").finish_non_exhaustive()
    }
}
