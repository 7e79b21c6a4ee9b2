//! What may follow what is typed: commands, keywords, schemas, tables, columns and functions.

use super::command::NAMES;
use super::scan::{Token, TokenKind, scan};
use super::vocabulary::{KnownTable, Vocabulary};

const KEYWORDS: [&str; 88] = [
    "ALL",
    "ANALYZE",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "AT",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CATALOGS",
    "COLUMNS",
    "CREATE",
    "CROSS",
    "CURRENT ROW",
    "DEALLOCATE PREPARE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FETCH FIRST",
    "FILTER",
    "FOR TIMESTAMP AS OF",
    "FOR VERSION AS OF",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP BY",
    "HAVING",
    "IN",
    "INNER",
    "INSERT INTO",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MAP",
    "NOT",
    "NULL",
    "NULLS FIRST",
    "NULLS LAST",
    "OFFSET",
    "ON",
    "OR",
    "ORDER BY",
    "OUTER",
    "OVER",
    "PARTITION BY",
    "PREPARE",
    "RESET SESSION",
    "RIGHT",
    "ROWS",
    "SCHEMAS",
    "SELECT",
    "SESSION",
    "SET SESSION",
    "SET TIME ZONE",
    "SHOW",
    "TABLE",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "UNNEST",
    "USE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// After these comes a table.
const BEFORE_TABLES: [&str; 8] = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "DESCRIBE", "DESC", "VIEW"];

/// These begin a part of a query. In the first of them tables are listed.
const CLAUSES: [&str; 10] =
    ["FROM", "SELECT", "WHERE", "GROUP", "ORDER", "HAVING", "ON", "USING", "WINDOW", "WITH"];

/// After a table, these are no other name of it.
const NO_ALIASES: [&str; 22] = [
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "OUTER",
    "FULL",
    "CROSS",
    "ON",
    "USING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "FOR",
    "WINDOW",
    "OFFSET",
    "FETCH",
    "SET",
];

/// A table that the statement names.
struct NamedTable<'a> {
    path: Vec<&'a str>,
    alias: Option<&'a str>,
}

/// What may stand from a place in the line to the cursor, and that place.
pub(super) fn candidates(line: &str, cursor: usize, vocabulary: &Vocabulary) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if before.starts_with('\\') && !before.contains(char::is_whitespace) {
        let named = NAMES.iter().filter(|name| name.starts_with(before));
        return (0, named.map(|&name| name.to_owned()).collect());
    }
    let mut tokens = scan(before);
    if tokens.last().is_some_and(|token| token.kind == TokenKind::Unfinished) {
        return (cursor, Vec::new());
    }
    let prefix = match tokens.last() {
        Some(&Token { start, kind: TokenKind::Word(word) }) if start + word.len() == before.len() => {
            tokens.pop();
            word
        }
        _ => "",
    };
    let start = before.len() - prefix.len();
    let qualifiers = qualifiers(&mut tokens);
    let all = scan(line);
    let statement = statement_at(&all, start);
    let named = named_tables(statement);
    let mut found = match &qualifiers[..] {
        [] if tokens.is_empty() && !before.starts_with('\\') => keywords(prefix),
        [] if is_before_table(&tokens, before) => tables_anywhere(vocabulary),
        [] if tokens.last().is_some_and(|token| token.kind.is_word(&["USE", "IN"])) => schemas(vocabulary),
        [] => expressions(prefix, &named, vocabulary),
        path => members(path, &named, vocabulary),
    };
    found.retain(|name| starts_with(name, prefix));
    found.sort();
    found.dedup();
    (start, found)
}

/// The names before the last point, taken off the tokens.
fn qualifiers<'a>(tokens: &mut Vec<Token<'a>>) -> Vec<&'a str> {
    let mut qualifiers = Vec::new();
    while let [.., Token { kind: TokenKind::Word(name), .. }, Token { kind: TokenKind::Mark('.'), .. }] =
        tokens[..]
    {
        qualifiers.insert(0, name);
        tokens.truncate(tokens.len() - 2);
    }
    qualifiers
}

fn is_before_table(tokens: &[Token<'_>], before: &str) -> bool {
    match tokens.last().map(|token| token.kind) {
        _ if before.starts_with("\\d") => true,
        Some(TokenKind::Mark(',')) => {
            let clause = tokens.iter().rev().find(|token| token.kind.is_word(&CLAUSES));
            clause.is_some_and(|clause| clause.kind.is_word(&["FROM"]))
        }
        Some(kind) => kind.is_word(&BEFORE_TABLES),
        None => false,
    }
}

/// The tokens of the statement that a place lies in.
fn statement_at<'a, 'b>(tokens: &'b [Token<'a>], place: usize) -> &'b [Token<'a>] {
    let is_end = |token: &Token<'_>| token.kind == TokenKind::Mark(';');
    let at = tokens.partition_point(|token| token.start < place);
    let (before, after) = tokens.split_at(at);
    let first = before.iter().rposition(is_end).map_or(0, |end| end + 1);
    let last = after.iter().position(is_end).map_or(tokens.len(), |end| at + end);
    tokens.get(first..last).unwrap_or_default()
}

fn named_tables<'a>(tokens: &[Token<'a>]) -> Vec<NamedTable<'a>> {
    let mut named = Vec::new();
    let mut clause = "";
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        index += 1;
        if let Some(word) = token.kind.word().filter(|_| token.kind.is_word(&CLAUSES)) {
            clause = word;
        }
        let is_listed = token.kind == TokenKind::Mark(',') && clause.eq_ignore_ascii_case("FROM");
        if !is_listed && !token.kind.is_word(&BEFORE_TABLES) {
            continue;
        }
        let mut path = Vec::new();
        while let Some(name) = tokens.get(index).and_then(|token| token.kind.word()) {
            path.push(name);
            index += 1;
            if tokens.get(index).is_none_or(|token| token.kind != TokenKind::Mark('.')) {
                break;
            }
            index += 1;
        }
        if tokens.get(index).is_some_and(|token| token.kind.is_word(&["AS"])) {
            index += 1;
        }
        let alias = tokens.get(index).filter(|token| !token.kind.is_word(&NO_ALIASES));
        if !path.is_empty() {
            named.push(NamedTable { path, alias: alias.and_then(|token| token.kind.word()) });
        }
    }
    named
}

/// The tables that a path means, where some are known.
fn tables_of<'v>(path: &[&str], vocabulary: &'v Vocabulary) -> impl Iterator<Item = &'v KnownTable> {
    let (schema, name) = match path {
        [name] => (None, *name),
        [schema, name] => (Some(*schema), *name),
        [catalog, schema, name] if *catalog == vocabulary.catalog => (Some(*schema), *name),
        _ => (None, ""),
    };
    let schema = schema.or(vocabulary.schema.as_deref()).map(str::to_lowercase);
    let name = name.to_lowercase();
    vocabulary.tables.iter().filter(move |table| {
        table.name == name && schema.as_ref().is_none_or(|schema| *schema == table.schema)
    })
}

fn keywords(prefix: &str) -> Vec<String> {
    let is_lower = prefix.chars().any(char::is_lowercase);
    let cased = |word: &&str| if is_lower { word.to_lowercase() } else { (*word).to_owned() };
    KEYWORDS.iter().map(cased).collect()
}

fn schemas(vocabulary: &Vocabulary) -> Vec<String> {
    let mut schemas: Vec<_> = vocabulary.tables.iter().map(|table| written(&table.schema)).collect();
    schemas.extend(vocabulary.catalogs.iter().map(|catalog| format!("{}.", written(catalog))));
    schemas
}

/// What stands where a table is meant: those of the schema that is set by their names, and the others with their schemas.
fn tables_anywhere(vocabulary: &Vocabulary) -> Vec<String> {
    let with_point = |name: &str| format!("{}.", written(name));
    let mut found = Vec::new();
    for table in &vocabulary.tables {
        found.push(with_point(&table.schema));
        if vocabulary.schema.as_ref() == Some(&table.schema) {
            found.push(written(&table.name));
        }
    }
    found.extend(vocabulary.catalogs.iter().map(|catalog| with_point(catalog)));
    found
}

/// What stands where a value is meant.
fn expressions(prefix: &str, named: &[NamedTable<'_>], vocabulary: &Vocabulary) -> Vec<String> {
    let mut found: Vec<String> = named
        .iter()
        .flat_map(|table| tables_of(&table.path, vocabulary))
        .flat_map(|table| table.columns.iter().map(|column| written(column)))
        .collect();
    if prefix.is_empty() {
        return found;
    }
    if named.is_empty() {
        found =
            vocabulary.tables.iter().flat_map(|table| &table.columns).map(|column| written(column)).collect();
    }
    found.extend(named.iter().filter_map(|table| table.alias).map(|alias| format!("{alias}.")));
    found.extend(vocabulary.functions.iter().map(|function| format!("{function}(")));
    found.extend(keywords(prefix));
    found
}

/// What lies in a catalog, schema or table.
fn members(path: &[&str], named: &[NamedTable<'_>], vocabulary: &Vocabulary) -> Vec<String> {
    let mut found = Vec::new();
    let columns = |table: &KnownTable| table.columns.iter().map(|column| written(column)).collect::<Vec<_>>();
    let in_schema = |schema: &str| {
        let tables = vocabulary.tables.iter().filter(move |table| table.schema.eq_ignore_ascii_case(schema));
        tables.map(|table| written(&table.name)).collect::<Vec<_>>()
    };
    match path {
        [name] => {
            let of_name = |table: &&NamedTable<'_>| {
                let called = table.alias.or(table.path.last().copied()).unwrap_or_default();
                called.eq_ignore_ascii_case(name)
            };
            let tables = named.iter().filter(of_name).flat_map(|table| tables_of(&table.path, vocabulary));
            found.extend(tables.flat_map(columns));
            found.extend(in_schema(name));
            if *name == vocabulary.catalog {
                found.extend(vocabulary.tables.iter().map(|table| format!("{}.", written(&table.schema))));
            }
        }
        [catalog, schema] if *catalog == vocabulary.catalog => found.extend(in_schema(schema)),
        _ => {}
    }
    if path.len() > 1 {
        found.extend(tables_of(path, vocabulary).flat_map(columns));
    }
    found
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A name as it has to be written.
fn written(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain && starts_well { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, name: &str, columns: &[&str]) -> KnownTable {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        KnownTable { schema: schema.to_owned(), name: name.to_owned(), columns }
    }

    fn vocabulary() -> Vocabulary {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Vocabulary {
            catalog: "depthlake".to_owned(),
            schema: None,
            catalogs: names(&["depthlake", "memory"]),
            tables: vec![
                table("normalized", "trades", &["price", "quantity", "symbol", "Odd one"]),
                table("raw", "history", &["payload"]),
                table("raw", "trades", &["payload", "partition"]),
            ],
            functions: names(&["sqrt", "sum"]),
        }
    }

    /// The cursor is at `|`.
    fn completed(text: &str) -> Vec<String> {
        let cursor = text.find('|').unwrap();
        let line = text.replace('|', "");
        let (start, found) = candidates(&line, cursor, &vocabulary());
        let typed = line.get(start..cursor).unwrap();
        assert!(found.iter().all(|name| starts_with(name, typed)), "{text}: {found:?}");
        found
    }

    #[test]
    fn tables_come_where_tables_are_meant() {
        for text in ["SELECT * FROM r|", "SELECT * FROM normalized.trades t, r|", "\\d r|", "INSERT INTO r|"]
        {
            assert_eq!(completed(text), ["raw."], "{text}");
        }
        assert_eq!(completed("SELECT * FROM raw.|"), ["history", "trades"]);
        assert_eq!(completed("SELECT * FROM depthlake.raw.h|"), ["history"]);
        assert_eq!(completed("SELECT * FROM depthlake.|"), ["normalized.", "raw."]);
        assert_eq!(completed("USE n|"), ["normalized"]);
    }

    #[test]
    fn columns_come_from_the_tables_of_the_statement() {
        assert_eq!(
            completed("SELECT pr| FROM normalized.trades"),
            ["PREPARE", "price"].map(str::to_lowercase)
        );
        assert_eq!(completed("SELECT | FROM raw.trades"), ["partition", "payload"]);
        assert_eq!(
            completed("SELECT t.| FROM normalized.trades AS t, raw.history h"),
            ["\"Odd one\"", "price", "quantity", "symbol"]
        );
        assert_eq!(completed("SELECT h.| FROM normalized.trades AS t, raw.history h"), ["payload"]);
        assert_eq!(completed("SELECT raw.trades.pa|"), ["partition", "payload"]);
        assert_eq!(completed("SELECT * FROM raw.trades; SELECT sy| FROM normalized.trades"), ["symbol"]);
        assert_eq!(completed("SELECT * FROM\n  raw.history\nWHERE pay|"), ["payload"]);
    }

    #[test]
    fn words_come_in_the_case_that_is_typed() {
        assert_eq!(completed("sel|"), ["select"]);
        assert_eq!(completed("SEL|"), ["SELECT"]);
        assert_eq!(completed("SELECT sq|"), ["sqrt("]);
        assert_eq!(completed("\\t|"), ["\\timing"]);
    }

    #[test]
    fn nothing_comes_within_texts_and_comments() {
        for text in ["SELECT 'se|", "SELECT 1 -- se|", "SELECT /* se|", "SELECT \"se|", "SELECT nothing.se|"]
        {
            assert_eq!(completed(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn keywords_come_without_a_vocabulary() {
        assert_eq!(candidates("SHO", 3, &Vocabulary::default()), (0, vec!["SHOW".to_owned()]));
        assert!(KEYWORDS.is_sorted());
    }
}
