//! The prompt of `depthlake sql`, with history and editing.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use depthlake_lake::table::Table;
use depthlake_query::Session;
use depthlake_query::output::OutputError;
use depthlake_query::statement::split;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};

use super::command::{Command, HELP};
use super::{Format, Timing, answer};

/// What follows an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Ask,
    Leave,
}

struct Prompt<'a> {
    session: &'a Session,
    format: Format,
    timing: Timing,
}

/// Asks for statements and commands until the user leaves. Inputs are kept in the file `history`.
pub(super) async fn run(session: &Session, history: &Path, format: Format) -> Result<()> {
    let mut editor = editor(history)?;
    let mut prompt = Prompt { session, format, timing: Timing::On };
    println!("depthlake {}; \\d lists the tables, \\help helps", env!("CARGO_PKG_VERSION"));
    loop {
        // This blocks the thread, on which nothing else runs meanwhile.
        let next = match editor.readline("depthlake> ") {
            Ok(input) => {
                keep(&mut editor, history);
                prompt.take(&input).await?
            }
            Err(ReadlineError::Interrupted) => Next::Ask,
            Err(ReadlineError::Eof) => Next::Leave,
            Err(error) => return Err(error).context("cannot read from the terminal"),
        };
        if next == Next::Leave {
            return Ok(());
        }
    }
}

impl Prompt<'_> {
    /// Does what the input says. Only an output that is closed is an error.
    async fn take(&mut self, input: &str) -> Result<Next> {
        match Command::parse(input) {
            Some(Command::Quit) => return Ok(Next::Leave),
            Some(Command::Help) => println!("{HELP}\n"),
            Some(Command::Tables) => list_tables(),
            Some(Command::Describe(table)) => self.describe(&table).await?,
            Some(Command::Timing) => self.toggle_timing(),
            Some(Command::Unknown { nearest }) => eprintln!("unknown command; the nearest is {nearest}"),
            None => {
                for statement in split(input).complete {
                    self.answer(&statement).await?;
                }
            }
        }
        Ok(Next::Ask)
    }

    async fn answer(&self, statement: &str) -> Result<()> {
        let mut out = io::stdout();
        let answered = tokio::select! {
            answered = answer(self.session, statement, self.format, self.timing, &mut out) => answered,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("cannot wait for Ctrl-C")?;
                eprintln!("stopped");
                return Ok(());
            }
        };
        match answered {
            Err(error @ OutputError::Write(_)) => Err(error.into()),
            Err(error) => {
                eprintln!("error: {:#}", anyhow::Error::from(error));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn describe(&self, name: &str) -> Result<()> {
        if let Ok(table) = name.parse::<Table>() {
            println!("{table}: {}", table.comment());
        }
        self.answer(&format!("DESCRIBE {name}")).await
    }

    fn toggle_timing(&mut self) {
        let (timing, word) = match self.timing {
            Timing::On => (Timing::Off, "off"),
            Timing::Off => (Timing::On, "on"),
        };
        self.timing = timing;
        println!("timing is {word}");
    }
}

fn list_tables() {
    let longest = Table::ALL.iter().map(|table| table.to_string().len()).max().unwrap_or_default();
    for table in Table::ALL {
        println!("{:longest$}  {}", table.to_string(), table.comment());
    }
    println!();
}

fn editor(history: &Path) -> Result<Editor<WholeStatements, FileHistory>> {
    let config = Config::builder().auto_add_history(true).history_ignore_space(true).build();
    let mut editor = Editor::with_config(config).context("cannot take the terminal")?;
    editor.set_helper(Some(WholeStatements));
    if history.exists()
        && let Err(error) = editor.load_history(history)
    {
        tracing::warn!(%error, file = %history.display(), "the history cannot be read");
    }
    Ok(editor)
}

/// Writes the history down at once, so that it outlives whatever ends the program.
fn keep(editor: &mut Editor<WholeStatements, FileHistory>, history: &Path) {
    if let Err(error) = editor.append_history(history) {
        tracing::warn!(%error, file = %history.display(), "the history cannot be kept");
    }
}

/// Lets the user go on typing until the statement has its semicolon.
struct WholeStatements;

impl Validator for WholeStatements {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Completer for WholeStatements {
    type Candidate = String;
}

impl Hinter for WholeStatements {
    type Hint = String;
}

impl Highlighter for WholeStatements {}
impl Helper for WholeStatements {}

fn is_whole(input: &str) -> bool {
    Command::parse(input).is_some() || split(input).rest.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tests::new_lake;

    #[test]
    fn an_input_ends_with_its_semicolon_or_is_a_command() {
        assert!(is_whole("SELECT 1;") && is_whole("") && is_whole("\\d raw.trades") && is_whole("quit"));
        assert!(!is_whole("SELECT 1") && !is_whole("SELECT ';") && !is_whole("SELECT 1;\nSELECT 2"));
    }

    #[tokio::test]
    async fn errors_do_not_end_the_prompt() {
        let (_data, lake) = new_lake().await;
        let session = Session::new(lake).unwrap();
        let mut prompt = Prompt { session: &session, format: Format::Json, timing: Timing::On };
        for input in ["SELECT nonsense;", "\\d raw.trade", "\\x", "DROP TABLE raw.trades; SELEC;", "\\d", ""]
        {
            assert_eq!(prompt.take(input).await.unwrap(), Next::Ask, "{input}");
        }
        assert_eq!(prompt.take("\\timing").await.unwrap(), Next::Ask);
        assert_eq!(prompt.timing, Timing::Off);
        assert_eq!(prompt.take("\\q").await.unwrap(), Next::Leave);
    }
}
