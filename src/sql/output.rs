//! Answers as they are printed, or written to a file.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use depthlake_query::output::{Extent, Layout, MAX_TABLE_ROWS, OutputError, Written, write_rows};
use futures::TryStreamExt;
use ratatui::crossterm::terminal;

use super::Format;
use super::answerer::{Answered, Answerer};

/// Whether the time a statement took is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    On,
    Off,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Answered {
        /// Whether the statement was no question, so that names may mean something else now.
        has_changed_something: bool,
    },
    /// By Ctrl-C.
    Stopped,
}

/// Prints answers.
#[derive(Debug)]
pub(super) struct Printer {
    pub(super) format: Format,
    pub(super) timing: Timing,
    /// Answers with rows so far.
    answers: usize,
}

/// A file that is made when the first bytes come, so that a statement that is refused leaves what was there.
pub(super) struct OutputFile {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Printer {
    pub(super) fn new(format: Format) -> Self {
        Self { format, timing: Timing::On, answers: 0 }
    }

    /// Answers one statement; in a table's footer, tells how many rows it has. Ctrl-C stops it, wherever it is answered.
    pub(super) async fn answer(
        &mut self,
        answerer: &mut Answerer,
        statement: &str,
        out: &mut (impl Write + Send),
    ) -> Result<Ended, OutputError> {
        let ended = tokio::select! {
            ended = self.print(answerer, statement, out) => ended,
            Ok(()) = tokio::signal::ctrl_c() => Ok(Ended::Stopped),
        };
        answerer.let_go().await;
        ended
    }

    async fn print(
        &mut self,
        answerer: &mut Answerer,
        statement: &str,
        out: &mut (impl Write + Send),
    ) -> Result<Ended, OutputError> {
        let started = Instant::now();
        let Answered { rows, update } = answerer.answer(statement).await?;
        let has_changed_something = update.is_some();
        let told = if let Some((kind, count)) = update {
            rows.try_collect::<Vec<_>>().await?;
            done(&kind, count)
        } else {
            if self.format == Format::Parquet && self.answers > 0 {
                return Err(OutputError::Source("a Parquet file holds the rows of one statement".into()));
            }
            self.answers += 1;
            told(write_rows(rows, self.format.layout(), out).await?)
        };
        if self.format == Format::Table {
            writeln!(out, "{}\n", self.footer(&told, has_changed_something, started.elapsed()))?;
            out.flush()?;
        }
        Ok(Ended::Answered { has_changed_something })
    }

    fn footer(&self, told: &str, has_changed_something: bool, taken: Duration) -> String {
        match (self.timing, has_changed_something) {
            (Timing::On, true) => format!("{told} ({:.3} s)", taken.as_secs_f64()),
            (Timing::On, false) => format!("({told}, {:.3} s)", taken.as_secs_f64()),
            (Timing::Off, true) => told.to_owned(),
            (Timing::Off, false) => format!("({told})"),
        }
    }
}

/// What a statement that is no question has done.
fn done(kind: &str, count: Option<u64>) -> String {
    match count {
        Some(1) => format!("{kind}: 1 row"),
        Some(count) => format!("{kind}: {count} rows"),
        None => kind.to_owned(),
    }
}

fn told(written: Written) -> String {
    match (written.extent, written.rows) {
        (Extent::First, _) => {
            format!("the first {MAX_TABLE_ROWS} rows; add a LIMIT, or take all as csv, json or parquet")
        }
        (Extent::All, 1) => "1 row".to_owned(),
        (Extent::All, rows) => format!("{rows} rows"),
    }
}

impl Format {
    fn layout(self) -> Layout {
        match self {
            Self::Table => Layout::Table { width: terminal_width() },
            Self::Csv => Layout::Csv,
            Self::Json => Layout::Json,
            Self::Parquet => Layout::Parquet,
        }
    }
}

/// The columns of the terminal, where the output is one.
fn terminal_width() -> Option<usize> {
    let (columns, _) = terminal::size().ok().filter(|_| io::stdout().is_terminal())?;
    Some(columns.into())
}

impl OutputFile {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::new(File::create(&self.path).map_err(|error| {
                io::Error::new(error.kind(), format!("{} cannot be written: {error}", self.path.display()))
            })?),
        };
        Ok(self.file.insert(file))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tests::new_lake;

    #[tokio::test]
    async fn a_refused_statement_leaves_the_file_that_was_there() {
        let (data, mut answerer) = new_lake().await;
        let path = data.path().join("rows.csv");
        std::fs::write(&path, "before").unwrap();
        let mut file = OutputFile::at(path.clone());
        let mut printer = Printer::new(Format::Csv);
        printer.answer(&mut answerer, "SELECT nonsense", &mut file).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        printer.answer(&mut answerer, "SELECT 1 AS a", &mut file).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n1\n");
    }

    #[tokio::test]
    async fn an_answer_without_a_byte_is_a_file_all_the_same() {
        let (data, mut answerer) = new_lake().await;
        let path = data.path().join("rows.json");
        let mut printer = Printer::new(Format::Json);
        let sql = "SELECT * FROM raw.trades";
        printer.answer(&mut answerer, sql, &mut OutputFile::at(path.clone())).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
