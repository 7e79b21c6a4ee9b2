//! `COPY … TO STDOUT`: rows as lines of text, as `\copy` of psql and programs that take much at once ask for them.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::sql::sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, Statement,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use futures::{StreamExt, stream};
use pgwire::api::results::{CopyResponse, FieldInfo, QueryResponse};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::copy::CopyData;
use pgwire::messages::data::DataRow;

use super::error;

/// How the lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyForm {
    kind: Kind,
    delimiter: char,
    null: String,
    header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With backslashes before what would be misread.
    Text,
    Csv {
        quote: char,
        escape: char,
    },
}

impl CopyForm {
    /// The form that the options ask for; `None` where it is none of ours.
    pub(super) fn of(options: &[CopyOption], older: &[CopyLegacyOption]) -> Option<Self> {
        let is_csv = |option: &CopyOption| match option {
            CopyOption::Format(name) if name.value.eq_ignore_ascii_case("csv") => Some(true),
            CopyOption::Format(name) if name.value.eq_ignore_ascii_case("text") => Some(false),
            CopyOption::Format(_) => None,
            _ => Some(false),
        };
        let named: Vec<bool> = options.iter().map(is_csv).collect::<Option<_>>()?;
        let is_older_csv = older.iter().any(|option| matches!(option, CopyLegacyOption::Csv(_)));
        let mut form = if named.contains(&true) || is_older_csv { Self::csv() } else { Self::text() };
        for option in options {
            form.take(option)?;
        }
        for option in older {
            form.take_older(option)?;
        }
        Some(form)
    }

    fn text() -> Self {
        Self { kind: Kind::Text, delimiter: '\t', null: "\\N".to_owned(), header: false }
    }

    fn csv() -> Self {
        let kind = Kind::Csv { quote: '"', escape: '"' };
        Self { kind, delimiter: ',', null: String::new(), header: false }
    }

    fn take(&mut self, option: &CopyOption) -> Option<()> {
        match option {
            CopyOption::Format(_) | CopyOption::Encoding(_) => {}
            CopyOption::Delimiter(delimiter) => self.delimiter = *delimiter,
            CopyOption::Null(null) => self.null.clone_from(null),
            CopyOption::Header(header) => self.header = *header,
            CopyOption::Quote(wanted) => self.set_quote(*wanted)?,
            CopyOption::Escape(wanted) => self.set_escape(*wanted)?,
            _ => return None,
        }
        Some(())
    }

    fn take_older(&mut self, option: &CopyLegacyOption) -> Option<()> {
        match option {
            CopyLegacyOption::Delimiter(delimiter) => self.delimiter = *delimiter,
            CopyLegacyOption::Null(null) => self.null.clone_from(null),
            CopyLegacyOption::Header => self.header = true,
            CopyLegacyOption::Csv(options) => {
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => self.header = true,
                        CopyLegacyCsvOption::Quote(wanted) => self.set_quote(*wanted)?,
                        CopyLegacyCsvOption::Escape(wanted) => self.set_escape(*wanted)?,
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn set_quote(&mut self, wanted: char) -> Option<()> {
        let Kind::Csv { quote, escape } = &mut self.kind else { return None };
        if escape == quote {
            *escape = wanted;
        }
        *quote = wanted;
        Some(())
    }

    fn set_escape(&mut self, wanted: char) -> Option<()> {
        let Kind::Csv { escape, .. } = &mut self.kind else { return None };
        *escape = wanted;
        Some(())
    }

    fn line<'a>(&self, values: impl Iterator<Item = Option<&'a str>>) -> String {
        let mut line = String::new();
        for (place, value) in values.enumerate() {
            if place > 0 {
                line.push(self.delimiter);
            }
            match (value, self.kind) {
                (None, _) => line.push_str(&self.null),
                (Some(value), Kind::Text) => self.put_text(value, &mut line),
                (Some(value), Kind::Csv { quote, escape }) => self.put_csv(value, (quote, escape), &mut line),
            }
        }
        line.push('\n');
        line
    }

    fn put_text(&self, value: &str, line: &mut String) {
        for character in value.chars() {
            let escaped = match character {
                '\n' => 'n',
                '\r' => 'r',
                '\t' => 't',
                '\u{8}' => 'b',
                '\u{b}' => 'v',
                '\u{c}' => 'f',
                other if other == '\\' || other == self.delimiter => other,
                other => {
                    line.push(other);
                    continue;
                }
            };
            line.extend(['\\', escaped]);
        }
    }

    fn put_csv(&self, value: &str, (quote, escape): (char, char), line: &mut String) {
        let is_special = |character| [self.delimiter, quote, '\n', '\r'].contains(&character);
        if value != self.null && value != "\\." && !value.contains(is_special) {
            line.push_str(value);
            return;
        }
        line.push(quote);
        for character in value.chars() {
            if character == quote || character == escape {
                line.push(escape);
            }
            line.push(character);
        }
        line.push(quote);
    }
}

/// The query whose rows are copied.
pub(super) fn query_of(source: CopySource) -> Option<Statement> {
    match source {
        CopySource::Query(query) => Some(Statement::Query(query)),
        CopySource::Table { table_name, columns } => {
            let names: Vec<String> = columns.iter().map(ToString::to_string).collect();
            let names = if names.is_empty() { "*".to_owned() } else { names.join(", ") };
            let text = format!("SELECT {names} FROM {table_name}");
            Parser::parse_sql(&PostgreSqlDialect {}, &text).ok()?.pop()
        }
    }
}

/// The rows as lines.
pub(super) fn copied(rows: QueryResponse, form: CopyForm) -> CopyResponse {
    let fields = rows.row_schema();
    let width = fields.len();
    let mut head = form.header.then(|| header(&form, &fields));
    let lines = stream::unfold((rows, true), move |(mut rows, goes_on)| async move {
        if !goes_on {
            return None;
        }
        let row = rows.data_rows().next().await;
        let goes_on = matches!(row, Some(Ok(_)));
        Some((row, (rows, goes_on)))
    });
    // The head goes with the first row, for the lines that a client is told of are those of rows.
    let lines = lines.filter_map(move |row| {
        let line = match row {
            Some(Ok(row)) => values_of(&row).map(|values| form.line(values.into_iter())),
            Some(Err(failed)) => Err(failed),
            None => Ok(String::new()),
        };
        let line = line.map(|line| head.take().unwrap_or_default() + &line);
        let is_nothing = line.as_ref().is_ok_and(String::is_empty);
        let line = line.map(|line| CopyData::new(Bytes::from(line)));
        futures::future::ready((!is_nothing).then_some(line))
    });
    CopyResponse::new(0, width, lines)
}

fn header(form: &CopyForm, fields: &Arc<Vec<FieldInfo>>) -> String {
    form.line(fields.iter().map(|field| Some(field.name())))
}

/// The values of a row whose fields are text.
fn values_of(row: &DataRow) -> PgWireResult<Vec<Option<&str>>> {
    let broken = || -> PgWireError { error::plain("XX000", "a row cannot be written as text") };
    let mut rest: &[u8] = &row.data;
    let mut values = Vec::with_capacity(usize::try_from(row.field_count).unwrap_or_default());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            values.push(None);
            rest = behind;
            continue;
        };
        let (value, behind) = behind.split_at_checked(length).ok_or_else(broken)?;
        values.push(Some(std::str::from_utf8(value).map_err(|_| broken())?));
        rest = behind;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(options: &str) -> Option<CopyForm> {
        let text = format!("COPY (SELECT 1) TO STDOUT {options}");
        let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &text).unwrap().pop();
        let Some(Statement::Copy { options, legacy_options, .. }) = parsed else { panic!("{text}") };
        CopyForm::of(&options, &legacy_options)
    }

    #[test]
    fn lines_are_written_so_that_they_can_be_read() {
        let values = [Some("a"), None, Some("b\tc\\d\ne"), Some(""), Some("x,\"y\"")];
        for (options, line) in [
            ("", "a\t\\N\tb\\tc\\\\d\\ne\t\tx,\"y\"\n"),
            ("WITH (FORMAT csv)", "a,,\"b\tc\\d\ne\",\"\",\"x,\"\"y\"\"\"\n"),
            ("WITH CSV HEADER", "a,,\"b\tc\\d\ne\",\"\",\"x,\"\"y\"\"\"\n"),
            ("(FORMAT CSV, DELIMITER ';', NULL 'nil', QUOTE '''')", "a;nil;'b\tc\\d\ne';;x,\"y\"\n"),
            ("(FORMAT text, DELIMITER '|')", "a|\\N|b\\tc\\\\d\\ne||x,\"y\"\n"),
        ] {
            assert_eq!(form(options).unwrap().line(values.into_iter()), line, "{options}");
        }
        assert!(form("WITH CSV HEADER").unwrap().header && form("(FORMAT csv, HEADER)").unwrap().header);
        assert!(form("(FORMAT binary)").is_none() && form("(QUOTE '#')").is_none());
    }
}
