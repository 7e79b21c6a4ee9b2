//! What a statement asks of this door: rows of tables, something of the catalog, or something of the connection.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CloseCursor, CopySource, CopyTarget, Expr, FetchDirection, Ident, ObjectName, Reset, Set, Statement,
    Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use depthlake_dialect::parse::is_within_bounds;

use super::copy::{CopyForm, query_of};
use super::dialect;

/// A statement, by who answers it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// The session, in its own dialect.
    Session(String),
    /// The catalog of `PostgreSQL`.
    Catalog(String),
    Begin,
    Commit,
    Rollback,
    /// Sets a setting, or the value it has at the start.
    Set {
        name: String,
        value: Option<String>,
    },
    ResetAll,
    Show {
        name: String,
    },
    ShowAll,
    /// Opens a cursor over the answer to a statement.
    Declare {
        cursor: String,
        query: Box<Self>,
    },
    /// Takes rows from a cursor; `None` takes all.
    Fetch {
        cursor: String,
        rows: Option<usize>,
    },
    /// Writes the rows of a query as lines.
    Copy {
        query: Box<Self>,
        form: CopyForm,
    },
    /// A copy that this door does not make; says why.
    NoCopy(&'static str),
    /// Closes a cursor, or all.
    Close {
        cursor: Option<String>,
    },
    /// What is done by doing nothing, with the word that the client is answered.
    Nothing(&'static str),
}

impl Request {
    /// Understands a statement. What is not in the dialect of `PostgreSQL` is left to the session, which has its own words
    /// and errors.
    pub(super) fn of(text: &str) -> Self {
        if !is_within_bounds(text) {
            return Self::Session(text.to_owned());
        }
        match Parser::parse_sql(&PostgreSqlDialect {}, text) {
            Ok(mut statements) if statements.len() == 1 => match statements.pop() {
                Some(statement) => Self::of_statement(statement, text),
                None => Self::Nothing(""),
            },
            // Rows would follow the statement.
            _ if text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("copy ")) => {
                Self::NoCopy("this COPY is not supported: COPY (query) TO STDOUT is")
            }
            _ => Self::Session(text.to_owned()),
        }
    }

    fn of_statement(statement: Statement, text: &str) -> Self {
        match statement {
            Statement::StartTransaction { .. } => Self::Begin,
            Statement::Commit { .. } => Self::Commit,
            Statement::Rollback { savepoint: None, .. } => Self::Rollback,
            Statement::Rollback { .. } => Self::Nothing("ROLLBACK"),
            Statement::Savepoint { .. } => Self::Nothing("SAVEPOINT"),
            Statement::ReleaseSavepoint { .. } => Self::Nothing("RELEASE"),
            Statement::Discard { .. } => Self::Nothing("DISCARD ALL"),
            Statement::UNLISTEN { .. } => Self::Nothing("UNLISTEN"),
            Statement::Set(set) => of_set(set).unwrap_or_else(|| Self::Session(text.to_owned())),
            Statement::Reset(reset) => match reset.reset {
                Reset::ALL => Self::ResetAll,
                Reset::ConfigurationParameter(name) => Self::Set { name: dotted(&name), value: None },
            },
            Statement::ShowVariable { variable } => of_show(&variable, text),
            Statement::Declare { mut stmts } => match stmts.pop() {
                Some(declared) => of_declare(declared, text),
                None => Self::Session(text.to_owned()),
            },
            Statement::Fetch { name, direction, .. } => of_fetch(name, &direction, text),
            Statement::Close { cursor: CloseCursor::All } => Self::Close { cursor: None },
            Statement::Close { cursor: CloseCursor::Specific { name } } => {
                Self::Close { cursor: Some(name.value) }
            }
            Statement::Copy { source, to, target, options, legacy_options, .. } => {
                of_copy(source, (to, &target), CopyForm::of(&options, &legacy_options))
            }
            Statement::Query(_) if is_about_the_catalog(&statement) => Self::Catalog(text.to_owned()),
            statement => Self::Session(dialect::translated(statement, text)),
        }
    }

    /// What the client is told was done, behind the rows.
    pub(super) const fn tag(&self) -> &'static str {
        match self {
            Self::Session(_) | Self::Catalog(_) => "SELECT",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Set { .. } => "SET",
            Self::ResetAll => "RESET",
            Self::Show { .. } | Self::ShowAll => "SHOW",
            Self::Declare { .. } => "DECLARE CURSOR",
            Self::Fetch { .. } => "FETCH",
            Self::Close { .. } => "CLOSE CURSOR",
            Self::Copy { .. } | Self::NoCopy(_) => "COPY",
            Self::Nothing(tag) => tag,
        }
    }
}

fn of_set(set: Set) -> Option<Request> {
    let (name, value) = match set {
        Set::SingleAssignment { variable, values, .. } => {
            let values: Vec<_> = values.iter().map(word).collect();
            (dotted(&variable), values.join(", "))
        }
        Set::SetTimeZone { value, .. } => ("timezone".to_owned(), word(&value)),
        Set::SetNames { charset_name, .. } => ("client_encoding".to_owned(), charset_name.value),
        // Every transaction reads one state of each table, whatever is asked for.
        Set::SetTransaction { .. } | Set::SetRole { role_name: None, .. } => {
            return Some(Request::Nothing("SET"));
        }
        _ => return None,
    };
    let is_default = value.eq_ignore_ascii_case("default");
    Some(Request::Set { name, value: (!is_default).then_some(value) })
}

fn of_show(variable: &[Ident], text: &str) -> Request {
    let words: Vec<_> = variable.iter().map(|ident| ident.value.to_lowercase()).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["all"] => Request::ShowAll,
        ["transaction", "isolation", "level"] => Request::Show { name: "transaction_isolation".to_owned() },
        ["time", "zone"] => Request::Show { name: "timezone".to_owned() },
        // One word is a setting, but for the lists that the session has.
        [name] if !matches!(name, "catalogs" | "schemas" | "functions" | "session" | "tables" | "roles") => {
            Request::Show { name: name.to_owned() }
        }
        _ => Request::Session(text.to_owned()),
    }
}

fn of_declare(declared: datafusion::sql::sqlparser::ast::Declare, text: &str) -> Request {
    match (declared.names.into_iter().next(), declared.for_query) {
        (Some(name), Some(query)) => {
            let query = Statement::Query(query);
            let text = query.to_string();
            Request::Declare { cursor: name.value, query: Box::new(Request::of_statement(query, &text)) }
        }
        _ => Request::Session(text.to_owned()),
    }
}

fn of_copy(source: CopySource, (to, target): (bool, &CopyTarget), form: Option<CopyForm>) -> Request {
    if !to {
        return Request::NoCopy("COPY FROM is not supported: tables are only read here");
    }
    if *target != CopyTarget::Stdout {
        return Request::NoCopy("COPY to files and programs is not supported: copy TO STDOUT");
    }
    let Some(form) = form else {
        return Request::NoCopy("these options of COPY are not supported: FORMAT is text or csv");
    };
    match query_of(source) {
        Some(query) => {
            let text = query.to_string();
            Request::Copy { query: Box::new(Request::of_statement(query, &text)), form }
        }
        None => Request::NoCopy("the table to copy has no name that can be read"),
    }
}

fn of_fetch(name: Ident, direction: &FetchDirection, text: &str) -> Request {
    let count = |value: &Value| match value {
        Value::Number(number, _) => number.parse().ok(),
        _ => None,
    };
    let rows = match direction {
        FetchDirection::All | FetchDirection::ForwardAll => Some(None),
        FetchDirection::Next | FetchDirection::Forward { limit: None } => Some(Some(1)),
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => {
            count(limit).map(Some)
        }
        _ => None,
    };
    match rows {
        Some(rows) => Request::Fetch { cursor: name.value, rows },
        None => Request::Session(text.to_owned()),
    }
}

/// A value as it is set: without quotes.
fn word(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

fn dotted(name: &ObjectName) -> String {
    name.0
        .iter()
        .filter_map(|part| part.as_ident())
        .map(|ident| ident.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}

/// Functions that only the catalog has; those that begin with `pg_` are as well.
const CATALOG_FUNCTIONS: [&str; 23] = [
    "version",
    "current_database",
    "current_catalog",
    "current_schema",
    "current_schemas",
    "current_setting",
    "set_config",
    "session_user",
    "current_role",
    "user",
    "format_type",
    "obj_description",
    "col_description",
    "shobj_description",
    "has_table_privilege",
    "has_schema_privilege",
    "has_database_privilege",
    "has_any_column_privilege",
    "to_regclass",
    "to_regtype",
    "quote_ident",
    "inet_server_addr",
    "txid_current",
];

/// Whether a query names a table of the catalog, or no table and a function of the catalog.
fn is_about_the_catalog(statement: &Statement) -> bool {
    let mut names = Names::default();
    let _: ControlFlow<()> = statement.visit(&mut names);
    names.catalog_tables || (!names.other_tables && names.catalog_functions)
}

#[derive(Default)]
struct Names {
    catalog_tables: bool,
    other_tables: bool,
    catalog_functions: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Vec<_> = relation
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .map(|ident| ident.value.to_lowercase())
            .collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let is_of_catalog = match parts[..] {
            [.., "pg_catalog" | "information_schema", _] => true,
            [name] => PG_CATALOG_TABLES.contains(&name) || super::catalog::is_own_table(name),
            _ => false,
        };
        // Table functions are looked at as relations too.
        let is_function = matches!(parts[..], [.., "generate_series" | "unnest" | "pg_get_keywords"]);
        if is_of_catalog {
            self.catalog_tables = true;
        } else if !is_function {
            self.other_tables = true;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Function(function) => function.name.0.last().and_then(|part| part.as_ident()),
            Expr::Identifier(ident) if ident.quote_style.is_none() => Some(ident),
            _ => None,
        };
        let name = name.map(|ident| ident.value.to_lowercase()).unwrap_or_default();
        if name.starts_with("pg_") || name.starts_with("has_") || CATALOG_FUNCTIONS.contains(&name.as_str()) {
            self.catalog_functions = true;
        }
        if let Expr::Cast { data_type, .. } = expr
            && data_type.to_string().to_lowercase().contains("reg")
        {
            self.catalog_functions = true;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_catalog(text: &str) -> bool {
        matches!(Request::of(text), Request::Catalog(_))
    }

    #[test]
    fn questions_about_the_catalog_are_told_from_those_about_rows() {
        for text in [
            "SELECT version()",
            "select current_schema()",
            "SELECT * FROM pg_class",
            "SELECT n.nspname FROM pg_catalog.pg_namespace n",
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts'",
            "SELECT current_setting('server_version_num')",
            "SELECT 'pg_class'::regclass",
        ] {
            assert!(is_catalog(text), "{text}");
        }
        for text in
            ["SELECT 1", "SELECT now()", "SELECT * FROM marts.mart_ohlcv", "SELECT version FROM raw.trades"]
        {
            assert!(matches!(Request::of(text), Request::Session(_)), "{text}");
        }
    }

    #[test]
    fn words_about_the_connection_are_understood() {
        let set =
            |name: &str, value: &str| Request::Set { name: name.to_owned(), value: Some(value.to_owned()) };
        assert_eq!(Request::of("BEGIN"), Request::Begin);
        assert_eq!(Request::of("BEGIN READ ONLY"), Request::Begin);
        assert_eq!(Request::of("COMMIT"), Request::Commit);
        assert_eq!(Request::of("SET extra_float_digits = 3"), set("extra_float_digits", "3"));
        assert_eq!(Request::of("SET TIME ZONE 'Europe/Berlin'"), set("timezone", "Europe/Berlin"));
        assert_eq!(Request::of("SET search_path TO marts, public"), set("search_path", "marts, public"));
        assert_eq!(Request::of("SET client_encoding TO 'UTF8'"), set("client_encoding", "UTF8"));
        assert_eq!(
            Request::of("SHOW TRANSACTION ISOLATION LEVEL"),
            Request::Show { name: "transaction_isolation".to_owned() }
        );
        assert_eq!(Request::of("SHOW CATALOGS"), Request::Session("SHOW CATALOGS".to_owned()));
        assert_eq!(
            Request::of("FETCH 100 IN \"SQL_CUR1\""),
            Request::Fetch { cursor: "SQL_CUR1".to_owned(), rows: Some(100) }
        );
        let declared = Request::of("DECLARE c CURSOR WITH HOLD FOR SELECT 1");
        assert!(matches!(declared, Request::Declare { ref cursor, .. } if cursor == "c"), "{declared:?}");
    }

    #[test]
    fn what_is_not_of_this_dialect_is_left_to_the_session() {
        let text = "SELECT * FROM raw.trades FOR VERSION AS OF 7";
        assert_eq!(Request::of(text), Request::Session(text.to_owned()));
    }
}
