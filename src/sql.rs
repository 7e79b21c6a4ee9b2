//! `depthlake sql`: questions to the tables, one at once or many at a prompt, over a lake's files or at a server.

mod answerer;
mod command;
mod completion;
mod history;
mod output;
mod prompt;
mod remote;
mod scan;
mod vocabulary;

use std::io::{self, IsTerminal};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use depthlake_query::statement::split;
use depthlake_query::{QueryError, Session};

use crate::arguments::SqlOptions;
use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use answerer::Answerer;
use output::{Ended, OutputFile, Printer};
use remote::Remote;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table that fits the terminal, of at most 1,000 rows.
    Table,
    /// Comma-separated values with a header, of all rows.
    Csv,
    /// A JSON object a line, of all rows. Numbers have all their digits.
    Json,
    /// A Parquet file, of all rows of one statement.
    Parquet,
}

/// Answers the statements of the query, or of the standard input where there is none. A terminal gets a prompt.
///
/// # Errors
/// Where there is no lake or server, a statement fails, or the output is closed.
pub async fn run(options: SqlOptions, configuration: &Configuration) -> Result<()> {
    let SqlOptions { query, format, output, server, lake } = options;
    let is_prompt = query.is_none() && io::stdin().is_terminal();
    if is_prompt && (output.is_some() || format == Format::Parquet) {
        bail!("a file takes the rows of a query: give one after the options, or by the standard input");
    }
    if format == Format::Parquet && output.is_none() && io::stdout().is_terminal() {
        bail!("Parquet is not for terminals: name a file with --output, or redirect the standard output");
    }
    let (mut answerer, history) = if let Some(url) = &server.server {
        let remote = Remote::at(url, server.user.as_deref())?;
        (Answerer::Remote(Box::new(remote)), history::of_servers())
    } else {
        let place = lake.place(configuration)?;
        (local(&place).await?, Some(history::of_folder(&place.folder)))
    };
    if is_prompt {
        let banner = server.server.map(|url| format!(" at {url}")).unwrap_or_default();
        return prompt::run(answerer, &banner, history.as_deref(), format).await;
    }
    let text = match query {
        Some(text) => text,
        None => io::read_to_string(io::stdin()).context("cannot read the statements")?,
    };
    let mut printer = Printer::new(format);
    match output {
        Some(path) => answer_all(&mut answerer, &text, &mut printer, &mut OutputFile::at(path)).await,
        None => answer_all(&mut answerer, &text, &mut printer, &mut io::stdout()).await,
    }
}

/// The lake's files, and the live books of the run that keeps them.
async fn local(place: &LakePlace) -> Result<Answerer> {
    let board = DataFolder::at(&place.folder).board();
    Ok(Answerer::Local(Box::new(Session::of_client(place.existing().await?, Some(board))?)))
}

/// Answers all statements of a text and stops at the first that fails.
async fn answer_all(
    answerer: &mut Answerer,
    text: &str,
    printer: &mut Printer,
    out: &mut (impl io::Write + Send),
) -> Result<()> {
    let parts = split(text);
    let statements: Vec<_> = parts.complete.into_iter().chain(parts.rest).collect();
    if statements.is_empty() {
        bail!(QueryError::NoStatement);
    }
    for (statement, number) in statements.iter().zip(1..) {
        let answered = printer.answer(answerer, statement, out).await;
        match answered {
            Ok(Ended::Answered { .. }) => {}
            Ok(Ended::Stopped) => bail!("stopped"),
            Err(error) if statements.len() > 1 => {
                return Err(error).context(format!("in statement {number}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use depthlake_lake::commit::Lake;
    use tempfile::TempDir;

    use super::*;

    pub(super) async fn new_lake() -> (TempDir, Answerer) {
        let data = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(data.path());
        Lake::open(&folder.catalog(), &folder.warehouse()).await.unwrap();
        let answerer = local(&LakePlace::local(&folder)).await.unwrap();
        (data, answerer)
    }

    async fn answered(text: &str, format: Format) -> (String, Result<()>) {
        let (_data, mut answerer) = new_lake().await;
        let mut out = Vec::new();
        let result = answer_all(&mut answerer, text, &mut Printer::new(format), &mut out).await;
        (String::from_utf8_lossy(&out).into_owned(), result)
    }

    #[tokio::test]
    async fn statements_are_answered_in_turn() {
        let (text, result) =
            answered("SELECT 1 AS a; SELECT count(*) AS b FROM raw.trades", Format::Csv).await;
        result.unwrap();
        assert_eq!(text, "a\n1\nb\n0\n");
    }

    #[tokio::test]
    async fn what_is_set_holds_for_the_statements_that_follow() {
        let text = "USE raw; PREPARE p FROM SELECT count(*) + ? AS n FROM trades; EXECUTE p USING 7";
        let (text, result) = answered(text, Format::Csv).await;
        result.unwrap();
        assert_eq!(text, "n\n7\n");
        let (text, _) =
            answered("USE raw; CREATE TABLE memory.default.t AS SELECT 1 AS n", Format::Table).await;
        assert!(text.starts_with("USE (0.") && text.contains("CREATE TABLE: 1 row (0."), "{text}");
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
        let (text, _) = answered("SELECT n FROM UNNEST(sequence(1, 10000)) AS t(n)", Format::Table).await;
        assert!(text.contains("(the first 1000 rows; add a LIMIT"), "{text}");
    }

    #[tokio::test]
    async fn a_parquet_file_holds_one_answer() {
        let (file, result) = answered("USE raw; SELECT count(*) FROM trades", Format::Parquet).await;
        result.unwrap();
        assert!(file.starts_with("PAR1") && file.ends_with("PAR1"));
        let (_, result) = answered("SELECT 1; SELECT 2", Format::Parquet).await;
        assert!(format!("{:#}", result.unwrap_err()).contains("one statement"));
    }

    #[tokio::test]
    async fn a_folder_without_a_lake_is_named_and_not_made() {
        let data = tempfile::tempdir().unwrap();
        let missing = data.path().join("nowhere");
        let place = LakePlace::local(&DataFolder::at(&missing));
        let Err(error) = local(&place).await else { panic!("there is a lake") };
        let error = error.to_string();
        assert!(error.contains("nowhere") && error.contains("depthlake run"), "{error}");
        assert!(!missing.exists());
    }
}
