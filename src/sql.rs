//! `depthlake sql`: questions to the tables, one at once or many at a prompt.

mod command;
mod prompt;
mod remote;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use depthlake_query::output::{Extent, Layout, MAX_TABLE_ROWS, OutputError, Written, write_rows};
use depthlake_query::statement::split;
use depthlake_query::{QueryError, Session};
use ratatui::crossterm::terminal;

use crate::lake_options::LakePlace;

/// What the prompt remembers, in the data folder.
const HISTORY: &str = "sql_history";

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table that fits the terminal, of at most 1,000 rows.
    Table,
    /// Comma-separated values with a header, of all rows.
    Csv,
    /// A JSON object a line, of all rows. Numbers have all their digits.
    Json,
}

/// Whether the time a statement took is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    On,
    Off,
}

/// Answers the statements of `query`, or of the standard input where there is none. A terminal gets a prompt.
///
/// # Errors
/// Where there is no lake, it cannot be opened, a statement fails, or the output is closed.
pub async fn run(place: &LakePlace, query: Option<String>, format: Format) -> Result<()> {
    let session = Session::new(place.existing().await?)?;
    let text = match query {
        Some(text) => text,
        None if io::stdin().is_terminal() => {
            return prompt::run(&session, &place.folder.join(HISTORY), format).await;
        }
        None => io::read_to_string(io::stdin()).context("cannot read the statements")?,
    };
    answer_all(&session, &text, format, &mut io::stdout()).await
}

/// Has a server answer the statements of `query`, or of the standard input where there is none.
///
/// # Errors
/// Where the server cannot be reached, a statement fails, or the output is closed.
pub async fn ask(url: &str, user: Option<&str>, query: Option<String>, format: Format) -> Result<()> {
    let text = match query {
        Some(text) => text,
        None => io::read_to_string(io::stdin()).context("cannot read the statements")?,
    };
    let mut server = remote::Remote::at(url, user)?;
    let parts = split(&text);
    for statement in parts.complete.iter().chain(&parts.rest) {
        let started = Instant::now();
        let answer = server.ask(statement).await?;
        let mut out = io::stdout().lock();
        match format {
            Format::Table => {
                answer.write_table(&mut out)?;
                writeln!(out, "({} rows, {:.3} s)\n", answer.rows.len(), started.elapsed().as_secs_f64())?;
            }
            Format::Csv => answer.write_csv(&mut out)?,
            Format::Json => answer.write_json(&mut out)?,
        }
        out.flush()?;
    }
    Ok(())
}

/// Answers all statements of a text and stops at the first that fails.
async fn answer_all(session: &Session, text: &str, format: Format, out: &mut impl Write) -> Result<()> {
    let parts = split(text);
    let statements: Vec<_> = parts.complete.into_iter().chain(parts.rest).collect();
    if statements.is_empty() {
        bail!(QueryError::NoStatement);
    }
    for (statement, number) in statements.iter().zip(1..) {
        let answered = answer(session, statement, format, Timing::On, out).await;
        match answered {
            Err(error) if statements.len() > 1 => {
                return Err(error).context(format!("in statement {number}"));
            }
            answered => answered?,
        }
    }
    Ok(())
}

/// Answers one statement and, in a table's footer, tells how many rows it has.
async fn answer(
    session: &Session,
    statement: &str,
    format: Format,
    timing: Timing,
    out: &mut impl Write,
) -> Result<(), OutputError> {
    let started = Instant::now();
    let rows = session.sql(statement).await?;
    let written = write_rows(rows, format.layout(), out).await?;
    if format == Format::Table {
        writeln!(out, "{}\n", footer(written, timing, started.elapsed()))?;
        out.flush()?;
    }
    Ok(())
}

fn footer(written: Written, timing: Timing, taken: Duration) -> String {
    let rows = match (written.extent, written.rows) {
        (Extent::First, _) => {
            format!("the first {MAX_TABLE_ROWS} rows; add a LIMIT, or take all as csv or json")
        }
        (Extent::All, 1) => "1 row".to_owned(),
        (Extent::All, rows) => format!("{rows} rows"),
    };
    match timing {
        Timing::On => format!("({rows}, {:.3} s)", taken.as_secs_f64()),
        Timing::Off => format!("({rows})"),
    }
}

impl Format {
    fn layout(self) -> Layout {
        match self {
            Self::Table => Layout::Table { width: terminal_width() },
            Self::Csv => Layout::Csv,
            Self::Json => Layout::Json,
        }
    }
}

/// The columns of the terminal, where the output is one.
fn terminal_width() -> Option<usize> {
    let (columns, _) = terminal::size().ok().filter(|_| io::stdout().is_terminal())?;
    Some(columns.into())
}

#[cfg(test)]
pub(crate) mod tests {
    use depthlake_lake::commit::Lake;
    use tempfile::TempDir;

    use super::*;
    use crate::data_folder::DataFolder;

    pub(crate) async fn new_lake() -> (TempDir, Lake) {
        let data = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(data.path());
        let lake = Lake::open(&folder.catalog(), &folder.warehouse()).await.unwrap();
        (data, lake)
    }

    async fn answered(text: &str, format: Format) -> (String, Result<()>) {
        let (_data, lake) = new_lake().await;
        let mut out = Vec::new();
        let result = answer_all(&Session::new(lake).unwrap(), text, format, &mut out).await;
        (String::from_utf8(out).unwrap(), result)
    }

    #[tokio::test]
    async fn statements_are_answered_in_turn() {
        let (text, result) =
            answered("SELECT 1 AS a; SELECT count(*) AS b FROM raw.trades", Format::Csv).await;
        result.unwrap();
        assert_eq!(text, "a\n1\nb\n0\n");
    }

    #[tokio::test]
    async fn a_failure_names_its_statement_and_ends_the_rest() {
        let (text, result) = answered("SELECT 1 AS a; SELECT b; SELECT 2 AS c", Format::Json).await;
        assert_eq!(text, "{\"a\":1}\n");
        assert!(format!("{:#}", result.unwrap_err()).starts_with("in statement 2: "));
        let (_, result) = answered(" -- nothing\n", Format::Table).await;
        assert_eq!(result.unwrap_err().to_string(), "there is no statement in the text");
    }

    #[tokio::test]
    async fn a_table_tells_its_rows_and_time() {
        let (text, result) = answered("SELECT 1 AS a", Format::Table).await;
        result.unwrap();
        assert!(text.contains("| a |") && text.contains("(1 row, 0.") && text.ends_with(" s)\n\n"), "{text}");
        let (text, _) = answered("SELECT value FROM generate_series(1, 100000)", Format::Table).await;
        assert!(text.contains("(the first 1000 rows; add a LIMIT"), "{text}");
    }

    #[tokio::test]
    async fn a_folder_without_a_lake_is_named_and_not_made() {
        let data = tempfile::tempdir().unwrap();
        let missing = data.path().join("nowhere");
        let place = LakePlace::local(&DataFolder::at(&missing));
        let error = run(&place, Some("SELECT 1".to_owned()), Format::Table).await.unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("depthlake run"), "{error}");
        assert!(!missing.exists());
    }
}
