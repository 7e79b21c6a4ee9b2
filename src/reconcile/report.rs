//! What was found, as text.

use std::collections::BTreeMap;

use depthlake_lake::reconcile::{Break, BreakClass, ValueDrift};

use super::pair::Pair;

/// How many breaks are printed; the table holds them all.
const PRINTED: usize = 40;

const CLASSES: [BreakClass; 4] =
    [BreakClass::Missing, BreakClass::Duplicate, BreakClass::ValueDrift, BreakClass::SchemaDrift];

/// How many rows each pair of layers has been compared of, and for none why.
pub fn report_pairs(pairs: &[(Pair, u64, Option<String>)]) -> String {
    let line = |(pair, rows, because): &(Pair, u64, Option<String>)| {
        let because = because.as_ref().map_or_else(String::new, |because| format!("  {because}"));
        format!("{:<28} {rows:>14}{because}\n", pair.name())
    };
    [format!("{:<28} {:>14}\n", "compared", "rows")].into_iter().chain(pairs.iter().map(line)).collect()
}

/// The counts of each table, and the first of the breaks, for people.
pub fn report(compared: &BTreeMap<String, u64>, breaks: &[Break]) -> String {
    let mut tables: BTreeMap<&str, u64> = compared.iter().map(|(table, rows)| (&**table, *rows)).collect();
    for broken in breaks {
        tables.entry(&broken.table).or_default();
    }
    let heading = line("table", "rows", &CLASSES.map(|class| class.name().to_owned()));
    let counts = tables.into_iter().map(|(table, rows)| {
        let of =
            |class| breaks.iter().filter(|broken| broken.table == table && broken.class == class).count();
        line(table, &rows.to_string(), &CLASSES.map(|class| of(class).to_string()))
    });
    let mut lines: Vec<String> = [heading].into_iter().chain(counts).collect();
    lines.extend(breaks.iter().take(PRINTED).map(told));
    if breaks.len() > PRINTED {
        lines.push(format!("… and {} more: SELECT * FROM ops.recon_breaks", breaks.len() - PRINTED));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn line(table: &str, rows: &str, [missing, duplicate, drift, schema]: &[String; 4]) -> String {
    format!("{table:<28} {rows:>14} {missing:>12} {duplicate:>12} {drift:>12} {schema:>12}")
}

fn told(Break { class, table, key, value, detail, repaired_at, .. }: &Break) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let values = value.as_ref().map_or_else(String::new, |value| {
        format!(" ({} instead of {})", shown(&value.found), shown(&value.expected))
    });
    let repaired = if repaired_at.is_some() { "; repaired" } else { "" };
    format!("{class} {table} {key}: {detail}{values}{repaired}")
}

/// A column that is in no declaration and that nobody needs to fill.
pub fn is_harmless(broken: &Break) -> bool {
    let is_optional = |value: &ValueDrift| {
        value.expected.is_none() && value.found.as_ref().is_some_and(|found| found.starts_with("optional"))
    };
    broken.class == BreakClass::SchemaDrift && broken.value.as_ref().is_some_and(is_optional)
}

/// What becomes of a table with a column that is not as declared, and what to do about it.
pub fn advice(broken: &Break) -> Option<String> {
    let Break { class: BreakClass::SchemaDrift, table, key: column, value: Some(value), .. } = broken else {
        return None;
    };
    Some(match &value.expected {
        None if is_harmless(broken) => format!(
            "{table} is compared, written and built as before, and {column} is null in rows that are written here, or written anew; drop the column, or take it as meant: --accept {table}.{column}"
        ),
        None => format!(
            "nothing can be written to {table} while every row must have {column}: drop the column, or make it optional"
        ),
        Some(expected) => {
            format!("the rows of {table} are not compared until {column} is again {expected}")
        }
    })
}
