//! What is told while a run goes on without a terminal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use depthlake_engine::board::{BoardState, Reader};
use depthlake_lake::commit::Lake;

use super::router::RouterCounts;

use crate::messages::say;

const LOOK_INTERVAL: Duration = Duration::from_millis(250);
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Prints a line when all books are live, and every ten seconds.
pub struct Progress {
    board: PathBuf,
    counts: Arc<RouterCounts>,
    /// Absent where other processes carry rows into it.
    lake: Option<Lake>,
    begun: Instant,
}

#[derive(Default)]
struct Books {
    live: usize,
    all: usize,
    gaps: u64,
}

impl Progress {
    pub fn new(board: PathBuf, counts: Arc<RouterCounts>, lake: Option<Lake>) -> Self {
        Self { board, counts, lake, begun: Instant::now() }
    }

    pub async fn run(self) {
        let (mut all_live, mut next_line) = (false, self.begun + LINE_INTERVAL);
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        loop {
            look.tick().await;
            let books = self.books();
            let is_due = Instant::now() >= next_line;
            let has_settled = !all_live && books.live == books.all && books.all > 0;
            if has_settled || is_due {
                self.line(&books).await;
            }
            all_live |= has_settled;
            if is_due {
                next_line += LINE_INTERVAL;
            }
        }
    }

    fn books(&self) -> Books {
        let Ok(board) = Reader::open(&self.board) else { return Books::default() };
        let mut books = Books { all: board.slots().len(), ..Books::default() };
        for row in board.slots().filter_map(|slot| board.read(slot).ok()) {
            books.live += usize::from(row.state == BoardState::Live);
            books.gaps += row.counters.gaps;
        }
        books
    }

    async fn line(&self, books: &Books) {
        say!(
            "{:.1} s: {} of {} books live, {} messages, {} gaps{}",
            self.begun.elapsed().as_secs_f64(),
            books.live,
            books.all,
            self.counts.messages(),
            books.gaps,
            self.rows_in_the_lake().await,
        );
    }

    async fn rows_in_the_lake(&self) -> String {
        let Some(lake) = &self.lake else { return String::new() };
        match lake.tables().await {
            Ok(tables) => {
                format!(", {} rows in the lake", tables.iter().map(|table| table.rows).sum::<u64>())
            }
            Err(error) => {
                tracing::warn!(%error, "the tables could not be counted");
                String::new()
            }
        }
    }
}
