//! The prompt of `depthlake sql`, with history, editing and completion.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use depthlake_query::output::OutputError;
use depthlake_query::statement::split;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Editor, Helper};

use super::Format;
use super::answerer::Answerer;
use super::command::{Command, HELP};
use super::completion::candidates;
use super::output::{Ended, Printer, Timing};
use super::vocabulary::Names;

use crate::messages::{complain, say};

/// The tables of a catalog with what their rows mean.
const COMMENTS: &str = "SELECT schema_name, table_name, comment FROM system.metadata.table_comments \
    WHERE schema_name <> 'information_schema' AND catalog_name = ";

/// What follows an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Ask,
    Leave,
}

struct Prompt {
    answerer: Answerer,
    printer: Printer,
    names: Names,
}

/// Asks for statements and commands until the user leaves. Inputs are kept in the file `history`, where there is one.
pub(super) async fn run(
    answerer: Answerer,
    place: &str,
    history: Option<&Path>,
    format: Format,
) -> Result<()> {
    let mut prompt = Prompt::new(answerer, format);
    let mut editor = editor(history, prompt.names.clone())?;
    println!("depthlake {}{place}; \\d lists the tables, \\help helps", env!("CARGO_PKG_VERSION"));
    loop {
        // This blocks the thread, on which nothing else runs meanwhile.
        let next = match editor.readline("depthlake> ") {
            Ok(input) => {
                if let Some(history) = history {
                    keep(&mut editor, history);
                }
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

impl Prompt {
    /// Must be called within a runtime.
    fn new(answerer: Answerer, format: Format) -> Self {
        let names = Names::of(answerer.beside());
        Self { answerer, printer: Printer::new(format), names }
    }

    /// Does what the input says. Only an output that is closed is an error.
    async fn take(&mut self, input: &str) -> Result<Next> {
        match Command::parse(input) {
            Some(Command::Quit) => return Ok(Next::Leave),
            Some(Command::Help) => println!("{HELP}\n"),
            Some(Command::Tables) => self.list_tables().await,
            Some(Command::Describe(table)) => self.describe(&table).await?,
            Some(Command::Timing) => self.toggle_timing(),
            Some(Command::Unknown { nearest }) => say!("unknown command; the nearest is {nearest}"),
            None => {
                for statement in split(input).complete {
                    self.answer(&statement).await?;
                }
            }
        }
        Ok(Next::Ask)
    }

    async fn answer(&mut self, statement: &str) -> Result<()> {
        match self.printer.answer(&mut self.answerer, statement, &mut io::stdout()).await {
            Ok(Ended::Answered { has_changed_something: true }) => self.names.forget(self.answerer.beside()),
            Ok(Ended::Answered { has_changed_something: false }) => {}
            Ok(Ended::Stopped) => say!("stopped"),
            Err(error @ OutputError::Write(_)) => return Err(error.into()),
            Err(error) => complain!("{:#}", anyhow::Error::from(error)),
        }
        Ok(())
    }

    async fn list_tables(&mut self) {
        let Some(tables) = self.comments().await else { return };
        let named = tables.iter().map(|[schema, table, comment]| (format!("{schema}.{table}"), comment));
        let named: Vec<_> = named.collect();
        let longest = named.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, comment) in named {
            println!("{}", format!("{name:longest$}  {comment}").trim_end());
        }
        println!();
    }

    async fn describe(&mut self, name: &str) -> Result<()> {
        let Some(tables) = self.comments().await else { return Ok(()) };
        let is_named = |[schema, table, _]: &&[String; 3]| format!("{schema}.{table}") == name;
        if let Some([_, _, comment]) = tables.iter().find(is_named)
            && !comment.is_empty()
        {
            println!("{name}: {comment}");
        }
        self.answer(&format!("DESCRIBE {name}")).await
    }

    /// The tables and views with their comments; `None`, and told, where they are not to be had.
    async fn comments(&mut self) -> Option<Vec<[String; 3]>> {
        let catalog = self.answerer.catalog().replace('\'', "''");
        let statement = format!("{COMMENTS}'{catalog}' ORDER BY 1, 2");
        let asked = tokio::select! {
            asked = self.answerer.texts(&statement) => Some(asked),
            Ok(()) = tokio::signal::ctrl_c() => None,
        };
        self.answerer.let_go().await;
        match asked {
            Some(Ok(comments)) => Some(comments),
            Some(Err(error)) => {
                complain!("{error:#}");
                None
            }
            None => {
                say!("stopped");
                None
            }
        }
    }

    fn toggle_timing(&mut self) {
        let (timing, word) = match self.printer.timing {
            Timing::On => (Timing::Off, "off"),
            Timing::Off => (Timing::On, "on"),
        };
        self.printer.timing = timing;
        println!("timing is {word}");
    }
}

fn editor(history: Option<&Path>, names: Names) -> Result<Editor<Typing, FileHistory>> {
    let config = Config::builder()
        .auto_add_history(true)
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config).context("cannot take the terminal")?;
    editor.set_helper(Some(Typing { names }));
    if let Some(history) = history.filter(|history| history.exists())
        && let Err(error) = editor.load_history(history)
    {
        tracing::warn!(%error, file = %history.display(), "the history cannot be read");
    }
    Ok(editor)
}

/// Writes the history down at once, so that it outlives whatever ends the program.
fn keep(editor: &mut Editor<Typing, FileHistory>, history: &Path) {
    if let Some(folder) = history.parent() {
        // Where this fails, so does the next.
        let _ = std::fs::create_dir_all(folder);
    }
    if let Err(error) = editor.append_history(history) {
        tracing::warn!(%error, file = %history.display(), "the history cannot be kept");
    }
}

/// Lets the user go on typing until the statement has its semicolon, and completes what is typed.
struct Typing {
    names: Names,
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line, cursor, &self.names.known()))
    }
}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {}
impl Helper for Typing {}

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
        let (_data, answerer) = new_lake().await;
        let mut prompt = Prompt::new(answerer, Format::Json);
        for input in ["SELECT nonsense;", "\\d raw.trade", "\\x", "DROP TABLE raw.trades; SELEC;", "\\d", ""]
        {
            assert_eq!(prompt.take(input).await.unwrap(), Next::Ask, "{input}");
        }
        assert_eq!(prompt.take("\\timing").await.unwrap(), Next::Ask);
        assert_eq!(prompt.printer.timing, Timing::Off);
        assert_eq!(prompt.take("\\q").await.unwrap(), Next::Leave);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_typed_is_completed_from_the_tables_that_there_are() {
        let (_data, answerer) = new_lake().await;
        let mut prompt = Prompt::new(answerer, Format::Json);
        let completed = |prompt: &Prompt, line: &str| {
            let (start, found) = candidates(line, line.len(), &prompt.names.known());
            let typed = line.get(..start).unwrap_or_default();
            found.into_iter().map(|found| format!("{typed}{found}")).collect::<Vec<_>>()
        };
        // The names are there a moment after they are first asked for.
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while completed(&prompt, "SELECT * FROM raw.tra").is_empty() && std::time::Instant::now() < deadline {
        }
        assert_eq!(completed(&prompt, "SELECT * FROM raw.tra"), ["SELECT * FROM raw.trades"]);
        assert_eq!(completed(&prompt, "SELECT approx_dist"), ["SELECT approx_distinct("]);
        prompt.take("USE marts;").await.unwrap();
        while completed(&prompt, "SELECT * FROM mart_liquidity_").is_empty()
            && std::time::Instant::now() < deadline
        {}
        assert_eq!(
            completed(&prompt, "SELECT * FROM mart_liquidity_"),
            ["SELECT * FROM mart_liquidity_latest"]
        );
    }

    #[tokio::test]
    async fn inputs_are_kept_in_a_folder_that_was_not_there() {
        let (data, answerer) = new_lake().await;
        let history = data.path().join("state/depthlake/sql_history");
        let mut editor = editor(Some(&history), Names::of(answerer)).unwrap();
        editor.add_history_entry("SELECT 1;").unwrap();
        keep(&mut editor, &history);
        assert!(std::fs::read_to_string(&history).unwrap().contains("SELECT 1;"));
    }
}
