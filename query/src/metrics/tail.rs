//! The hot tail: rows that queries see before they are committed.

use depthlake_lake::tail::Tail;
use depthlake_orderbook::metrics::{Page, Source};

/// Tells of the rows behind the snapshots.
pub struct TailFigures(Tail);

impl TailFigures {
    #[must_use]
    pub const fn of(tail: Tail) -> Self {
        Self(tail)
    }
}

impl Source for TailFigures {
    fn tell(&self, page: &mut Page) {
        let status = self.0.status();
        page.gauge("depthlake_tail_rows", "Rows held in memory that are in no snapshot yet.")
            .whole(&[], status.rows);
        page.gauge("depthlake_tail_bytes", "Bytes of these rows.").whole(&[], status.bytes);
        page.gauge("depthlake_tail_behind_records", "Records of the log that no query sees yet.")
            .whole(&[], status.behind);
        page.gauge("depthlake_tail_failing", "1 while the log cannot be read for it.")
            .whole(&[], u64::from(status.failing.is_some()));
    }
}
