//! Regular expressions. Patterns are those of the `regex` crate, which has Java's syntax but for look-around and
//! back-references.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, PrimitiveArray, StringViewBuilder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::Result;
use regex::{Captures, Regex};

use super::rows::{FromColumn, IntoColumn, column, rows2, rows3};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "regexp_like",
            &["varchar, varchar -> boolean"],
            "Whether a pattern occurs in a text",
            |arguments| {
                let mut patterns = Patterns::default();
                rows2(arguments, |text: &str, pattern: &str| Ok(Some(patterns.get(pattern)?.is_match(text))))
            },
        ),
        Scalar::new(
            "regexp_count",
            &["varchar, varchar -> bigint"],
            "How often a pattern occurs in a text",
            |arguments| {
                let mut patterns = Patterns::default();
                rows2(arguments, |text: &str, pattern: &str| {
                    Ok(i64::try_from(patterns.get(pattern)?.find_iter(text).count()).ok())
                })
            },
        ),
        Scalar::new(
            "regexp_position",
            &[
                "varchar, varchar -> bigint",
                "varchar, varchar, bigint -> bigint",
                "varchar, varchar, bigint, bigint -> bigint",
            ],
            "Where a pattern occurs in a text from a position on, first or for the nth time, else -1",
            regexp_position,
        ),
        Scalar::new(
            "regexp_extract",
            &["varchar, varchar -> varchar", "varchar, varchar, bigint -> varchar"],
            "What a pattern, or a group of it, first matches",
            |arguments| {
                let mut patterns = Patterns::default();
                if arguments.columns.len() == 3 {
                    return rows3(arguments, |text: &str, pattern: &str, group: i64| {
                        let pattern = patterns.get(pattern)?;
                        let group = group_of(pattern, group)?;
                        Ok(pattern.captures(text).and_then(|captures| text_of(&captures, group)))
                    });
                }
                rows2(arguments, |text: &str, pattern: &str| {
                    Ok(patterns.get(pattern)?.find(text).map(|found| found.as_str().to_owned()))
                })
            },
        ),
        Scalar::new(
            "regexp_extract_all",
            &["varchar, varchar -> array(varchar)", "varchar, varchar, bigint -> array(varchar)"],
            "All that a pattern, or a group of it, matches",
            extract_all,
        ),
        Scalar::new(
            "regexp_split",
            &["varchar, varchar -> array(varchar)"],
            "The parts between matches",
            |arguments| {
                let mut patterns = Patterns::default();
                lists(arguments, |text, pattern, _, parts| {
                    patterns.get(pattern)?.split(text).for_each(|part| parts.append_value(part));
                    Ok(())
                })
            },
        ),
        Scalar::new(
            "regexp_replace",
            &["varchar, varchar -> varchar", "varchar, varchar, varchar -> varchar"],
            "Every match replaced; $1 or ${name} stands for a group",
            |arguments| {
                let mut patterns = Patterns::default();
                if arguments.columns.len() == 3 {
                    return rows3(arguments, |text: &str, pattern: &str, replacement: &str| {
                        replaced(patterns.get(pattern)?, text, replacement).map(Some)
                    });
                }
                rows2(arguments, |text: &str, pattern: &str| {
                    replaced(patterns.get(pattern)?, text, "").map(Some)
                })
            },
        ),
    ]
}

/// Patterns by their text, each compiled once.
#[derive(Default)]
struct Patterns(HashMap<String, Regex>);

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<&Regex> {
        if !self.0.contains_key(pattern) {
            let compiled = Regex::new(pattern).map_err(|error| invalid_argument(error.to_string()))?;
            self.0.insert(pattern.to_owned(), compiled);
        }
        self.0.get(pattern).ok_or_else(|| invalid_argument(pattern))
    }
}

fn group_of(pattern: &Regex, group: i64) -> Result<usize> {
    let groups = pattern.captures_len() - 1;
    let known = usize::try_from(group).ok().filter(|group| *group <= groups);
    known.ok_or_else(|| invalid_argument(format!("Pattern has {groups} groups. Cannot access group {group}")))
}

fn text_of(captures: &Captures, group: usize) -> Option<String> {
    captures.get(group).map(|found| found.as_str().to_owned())
}

fn extract_all(arguments: &Arguments) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    lists(arguments, |text, pattern, group, parts| {
        let pattern = patterns.get(pattern)?;
        let group = group_of(pattern, group)?;
        for captures in pattern.captures_iter(text) {
            parts.append_option(captures.get(group).map(|found| found.as_str()));
        }
        Ok(())
    })
}

/// A list for each row of a text, a pattern and a group (else 0).
fn lists(
    arguments: &Arguments,
    mut fill: impl FnMut(&str, &str, i64, &mut StringViewBuilder) -> Result<()>,
) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let patterns = <&str>::column(column(arguments, 1)?)?;
    let groups = arguments.columns.get(2).map(AsArray::as_primitive::<Int64Type>);
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for row in 0..arguments.rows {
        if texts.is_null(row) || patterns.is_null(row) || groups.is_some_and(|groups| groups.is_null(row)) {
            lists.append_null();
            continue;
        }
        let group = groups.map_or(0, |groups| groups.value(row));
        fill(texts.value(row), patterns.value(row), group, lists.values())?;
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn replaced(pattern: &Regex, text: &str, replacement: &str) -> Result<String> {
    let pieces = pieces_of(pattern, replacement)?;
    let replaced = pattern.replace_all(text, |captures: &Captures| {
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
            })
            .collect::<String>()
    });
    Ok(replaced.into_owned())
}

enum Piece {
    Text(String),
    Group(usize),
}

/// A replacement as Java reads it: `$12` is the longest group number that exists, `\` takes the next character as it is.
fn pieces_of(pattern: &Regex, replacement: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = replacement;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '\\' => {
                let escaped = rest
                    .chars()
                    .next()
                    .ok_or_else(|| invalid_argument("Illegal replacement sequence: ends with \\"))?;
                text.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
            '$' => {
                let (group, behind) = group_reference(pattern, rest)?;
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(group));
                rest = behind;
            }
            other => text.push(other),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// The group that is named behind a `$`, and what follows.
fn group_reference<'a>(pattern: &Regex, text: &'a str) -> Result<(usize, &'a str)> {
    let illegal = || invalid_argument(format!("Illegal replacement sequence: ${text}"));
    if let Some(named) = text.strip_prefix('{') {
        let (name, behind) = named.split_once('}').ok_or_else(illegal)?;
        let group = pattern.capture_names().position(|known| known == Some(name));
        return group.map(|group| (group, behind)).ok_or_else(illegal);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let longest = (1..=digits).rev().find_map(|length| {
        let (number, behind) = text.split_at_checked(length)?;
        let group = number.parse().ok()?;
        (group < pattern.captures_len()).then_some((group, behind))
    });
    longest.ok_or_else(illegal)
}

fn regexp_position(arguments: &Arguments) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    let texts = <&str>::column(column(arguments, 0)?)?;
    let written = <&str>::column(column(arguments, 1)?)?;
    let starts = arguments.columns.get(2).map(i64::column).transpose()?;
    let occurrences = arguments.columns.get(3).map(i64::column).transpose()?;
    let values = (0..arguments.rows).map(|row| {
        if arguments.columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        let number = |numbers: Option<&PrimitiveArray<Int64Type>>, what: &str| {
            let number = numbers.map_or(1, |numbers| numbers.value(row));
            let positive = usize::try_from(number).ok().filter(|number| *number > 0);
            positive.ok_or_else(|| invalid_argument(format!("{what} cannot be zero or negative")))
        };
        let (start, occurrence) = (number(starts, "start position")?, number(occurrences, "occurrence")?);
        let text = texts.value(row);
        let Some((from, _)) = text.char_indices().nth(start - 1) else { return Ok(Some(-1)) };
        let mut found =
            patterns.get(written.value(row))?.find_iter(text).filter(|found| found.start() >= from);
        let before = found.nth(occurrence - 1).and_then(|found| text.get(..found.start()));
        Ok(before.map_or(Some(-1), |before| i64::try_from(before.chars().count() + 1).ok()))
    });
    i64::collect(arguments.rows, values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A slow twin: matches are found one by one, and the replacement has no groups.
        #[test]
        fn all_matches_are_replaced(text in "[abc]{0,30}", replacement in "[xyz]{0,3}") {
            let pattern = Regex::new("ab?").unwrap();
            let mut expected = String::new();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                if let Some(behind) = rest.strip_prefix("ab").or_else(|| rest.strip_prefix('a')) {
                    expected.push_str(&replacement);
                    rest = behind;
                } else {
                    expected.push_str(&rest[..1]);
                    rest = &rest[1..];
                }
            }
            prop_assert_eq!(replaced(&pattern, &text, &replacement).unwrap(), expected);
        }
    }

    #[test]
    fn groups_are_named_by_the_longest_number_that_exists() {
        let pattern = Regex::new("(a)(?<rest>b)").unwrap();
        assert_eq!(replaced(&pattern, "ab", "$2$1").unwrap(), "ba");
        assert_eq!(replaced(&pattern, "ab", "$10").unwrap(), "a0");
        assert_eq!(replaced(&pattern, "ab", "${rest}\\$").unwrap(), "b$");
        assert!(replaced(&pattern, "ab", "$3").is_err());
        assert!(replaced(&pattern, "ab", "$").is_err());
    }
}
