//! What the prompt understands besides SQL.

use strsim::damerau_levenshtein;

/// What `\help` prints.
pub(super) const HELP: &str = "\
A statement of Trino's SQL ends with a semicolon and may go over several lines: SELECT, SHOW, DESCRIBE, EXPLAIN, USE,
PREPARE, SET SESSION. The tables are only read; your own go into the catalog memory, and last as long as who answers.
Tab completes names. Ctrl-C drops the input or stops the running query.

  \\d            the tables, and what a row of each means
  \\d TABLE      the columns of a table
  \\timing       whether the time a query took is told
  \\help         this text
  \\q or Ctrl-D  leave

Tables are called SCHEMA.TABLE, or TABLE after USE SCHEMA; in a data folder, TABLE does where only one schema has it.
Payloads are bytes: from_utf8(payload) makes text of them. Times are UTC: event_time > now() - INTERVAL '5' MINUTE.";

/// An input that is no SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Tables,
    Describe(String),
    Timing,
    Help,
    Quit,
    /// None of the others; with the nearest of them.
    Unknown {
        nearest: &'static str,
    },
}

pub(super) const NAMES: [&str; 4] = ["\\d", "\\timing", "\\help", "\\q"];

impl Command {
    /// The command that the input is, where it is one. The final semicolon of a habit is forgiven.
    pub(super) fn parse(input: &str) -> Option<Self> {
        let input = input.trim().trim_end_matches(';').trim_end();
        let (name, argument) = input.split_once(char::is_whitespace).unwrap_or((input, ""));
        match (name, argument.trim()) {
            ("\\d", "") => Some(Self::Tables),
            ("\\d", table) => Some(Self::Describe(table.to_owned())),
            ("\\timing", "") => Some(Self::Timing),
            ("\\help" | "\\h" | "\\?" | "help", "") => Some(Self::Help),
            ("\\q" | "quit" | "exit", "") => Some(Self::Quit),
            _ if name.starts_with('\\') => Some(Self::Unknown { nearest: nearest(name) }),
            _ => None,
        }
    }
}

fn nearest(name: &str) -> &'static str {
    NAMES.into_iter().min_by_key(|known| damerau_levenshtein(name, known)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sql() {
        assert_eq!(Command::parse(" \\d "), Some(Command::Tables));
        assert_eq!(Command::parse("\\d  raw.trades;"), Some(Command::Describe("raw.trades".to_owned())));
        assert_eq!(Command::parse("exit;"), Some(Command::Quit));
        assert_eq!(Command::parse("SELECT 1;"), None);
        assert_eq!(Command::parse("help me;"), None);
        assert_eq!(Command::parse("\\timming"), Some(Command::Unknown { nearest: "\\timing" }));
        assert_eq!(Command::parse("\\q now"), Some(Command::Unknown { nearest: "\\q" }));
    }
}
