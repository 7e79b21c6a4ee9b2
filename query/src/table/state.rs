//! Which state of a table is meant: the current one, or one of its past.
//!
//! `"TABLE@SNAPSHOT"` and `"TABLE@TIME"` are what a table held then, and so are, as other engines write it,
//! `TABLE FOR VERSION AS OF SNAPSHOT` and `TABLE FOR TIMESTAMP AS OF TIME`. `"TABLE@after N"` are the rows in files that came
//! with snapshots after the one of sequence number N.

use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Word};
use depthlake_lake::commit::{Lake, LakeError, Moment, TableContents};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;

/// A state of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateOfTable {
    Current,
    At(Moment),
    /// Of the current state, what came after the snapshot of this sequence number.
    After(i64),
}

impl StateOfTable {
    /// A table's name, and the state that follows it; `None` for a state that cannot be read.
    pub(crate) fn split(name: &str) -> (&str, Option<Self>) {
        match name.split_once('@') {
            None => (name, Some(Self::Current)),
            Some((table, state)) => (table, Self::parse(state)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(sequence) = text.strip_prefix("after ") {
            return sequence.parse().ok().map(Self::After);
        }
        if let Ok(snapshot) = text.parse() {
            return Some(Self::At(Moment::Snapshot(snapshot)));
        }
        let time = string_to_timestamp_nanos(text).ok()?;
        Some(Self::At(Moment::Time(Timestamp(time))))
    }

    /// What a table holds in this state.
    pub(crate) async fn contents(self, lake: &Lake, table: Table) -> Result<TableContents, LakeError> {
        match self {
            Self::Current => lake.data_files(table).await,
            Self::At(moment) => lake.data_files_at(table, moment).await,
            Self::After(sequence) => {
                let mut contents = lake.data_files(table).await?;
                contents.files.retain(|file| file.sequence > sequence);
                Ok(contents)
            }
        }
    }
}

/// A statement in which `TABLE FOR VERSION AS OF …` and `TABLE FOR TIMESTAMP AS OF …` are names of tables, `"TABLE@…"`. A text
/// without them stays as it is.
pub(crate) fn with_states_in_names(text: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize() else { return text.to_owned() };
    let mut written: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    let mut found = false;
    while let Some((token, after)) = rest.split_first() {
        if let (Some((place, table)), Some((state, after))) = (table_and_blanks(&written), state_clause(rest))
        {
            let value = format!("{table}@{state}");
            written.truncate(place);
            written.push(Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword }));
            (rest, found) = (after, true);
        } else {
            written.push(token.clone());
            rest = after;
        }
    }
    if found { written.iter().map(ToString::to_string).collect() } else { text.to_owned() }
}

/// The name before the blanks at the end, and its place.
fn table_and_blanks(tokens: &[Token]) -> Option<(usize, &str)> {
    let place = tokens.iter().rposition(|token| !matches!(token, Token::Whitespace(_)))?;
    match tokens.get(place)? {
        Token::Word(word) if place + 1 < tokens.len() => Some((place, &word.value)),
        _ => None,
    }
}

/// The state that `FOR VERSION AS OF …` at the beginning asks for, and what follows it.
fn state_clause(tokens: &[Token]) -> Option<(String, &[Token])> {
    let mut rest = tokens;
    let mut next = || {
        loop {
            let (token, after) = rest.split_first()?;
            rest = after;
            if !matches!(token, Token::Whitespace(_)) {
                return Some(token);
            }
        }
    };
    let is = |token: &Token, word: &str| matches!(token, Token::Word(found) if found.value.eq_ignore_ascii_case(word));
    if !is(next()?, "FOR") {
        return None;
    }
    let of = next()?;
    let is_version = is(of, "VERSION");
    if !is_version && !is(of, "TIMESTAMP") && !is(of, "SYSTEM_TIME") {
        return None;
    }
    if !is(next()?, "AS") || !is(next()?, "OF") {
        return None;
    }
    let mut value = next()?;
    if !is_version && is(value, "TIMESTAMP") {
        value = next()?;
    }
    let state = match value {
        Token::Number(number, _) if is_version => number.clone(),
        Token::SingleQuotedString(text) if !is_version => text.clone(),
        _ => return None,
    };
    Some((state, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_become_names() {
        for (text, expected) in [
            (
                "SELECT * FROM normalized.trades FOR VERSION AS OF 17 t",
                r#"SELECT * FROM normalized."trades@17" t"#,
            ),
            (
                "SELECT * FROM trades  for\ntimestamp as of TIMESTAMP '2024-08-08 00:00:00' WHERE a = 'FOR VERSION AS OF 1'",
                r#"SELECT * FROM "trades@2024-08-08 00:00:00" WHERE a = 'FOR VERSION AS OF 1'"#,
            ),
        ] {
            assert_eq!(with_states_in_names(text), expected);
        }
        for text in [
            "SELECT 1 -- FOR VERSION AS OF 1",
            "SELECT substring(a FOR 2)",
            "SELECT FOR VERSION AS OF x",
            "'",
        ] {
            assert_eq!(with_states_in_names(text), text);
        }
    }

    #[test]
    fn states_are_read_from_names() {
        let at = |moment| Some(StateOfTable::At(moment));
        assert_eq!(StateOfTable::split("trades"), ("trades", Some(StateOfTable::Current)));
        assert_eq!(StateOfTable::split("trades@7"), ("trades", at(Moment::Snapshot(7))));
        assert_eq!(StateOfTable::split("trades@after 7"), ("trades", Some(StateOfTable::After(7))));
        let time = Timestamp::from_milliseconds(1_723_075_200_000);
        assert_eq!(StateOfTable::split("trades@2024-08-08T00:00:00Z"), ("trades", at(Moment::Time(time))));
        assert_eq!(StateOfTable::split("trades@yesterday"), ("trades", None));
    }
}
