//! What `JSON_VALUE`, `JSON_QUERY` and `JSON_EXISTS` find at a path of SQL/JSON: `lax $.orders[*].price`.
//!
//! Filters and methods of paths are not supported.

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray};
use datafusion::common::Result;
use serde_json::Value;

use super::rows::{FromColumn, IntoColumn, column};
use super::scalar::{Arguments, Scalar};
use crate::error::{invalid_argument, not_supported};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "$json_value",
            &["varchar, varchar, varchar, varchar, varchar, varchar -> varchar"],
            "JSON_VALUE: what to do where nothing is found, and where it fails, with the values to give instead",
            json_value,
        ),
        Scalar::new(
            "$json_query",
            &["varchar, varchar, varchar, varchar, varchar, varchar -> varchar"],
            "JSON_QUERY: the wrapper, the quotes, and what to give where nothing is found, and where it fails",
            json_query,
        ),
        Scalar::new(
            "$json_exists",
            &["varchar, varchar, varchar -> boolean"],
            "JSON_EXISTS: what to give where it fails",
            json_exists,
        ),
    ]
}

/// A path that is read.
struct Path {
    is_strict: bool,
    steps: Vec<Step>,
}

enum Step {
    Member(String),
    Members,
    /// From one element to another.
    Elements(Index, Index),
    AllElements,
}

#[derive(Clone, Copy)]
enum Index {
    At(usize),
    Last,
}

/// The arguments that say what to look for, and a row's answer.
struct Looking<'a> {
    texts: &'a StringViewArray,
    paths: &'a StringViewArray,
    last: Option<(&'a str, Path)>,
}

impl<'a> Looking<'a> {
    fn of(arguments: &'a Arguments) -> Result<Self> {
        Ok(Self {
            texts: <&str>::column(column(arguments, 0)?)?,
            paths: <&str>::column(column(arguments, 1)?)?,
            last: None,
        })
    }

    /// What is found in a row; the inner error is one of the value, the outer one of the path. `None` for NULL.
    fn found(&mut self, row: usize) -> Result<Option<std::result::Result<Vec<Value>, String>>> {
        if self.texts.is_null(row) || self.paths.is_null(row) {
            return Ok(None);
        }
        let text = self.paths.value(row);
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            self.last = Some((text, path(text)?));
        }
        let Some((_, path)) = &self.last else { return Ok(None) };
        let value: Value = match serde_json::from_str(self.texts.value(row)) {
            Ok(value) => value,
            Err(_) => return Ok(Some(Err("conversion to JSON failed".to_owned()))),
        };
        Ok(Some(path.walk(value)))
    }
}

fn json_value(arguments: &Arguments) -> Result<ArrayRef> {
    let mut looking = Looking::of(arguments)?;
    let on_empty = Otherwise::of(arguments, 2, 4)?;
    let on_error = Otherwise::of(arguments, 3, 5)?;
    let values = (0..arguments.rows).map(|row| {
        let Some(found) = looking.found(row)? else { return Ok(None) };
        match found.as_deref() {
            Ok([]) => on_empty.give(row, "JSON path found no items"),
            Ok([Value::Null]) => Ok(None),
            Ok([Value::String(text)]) => Ok(Some(text.clone())),
            Ok([scalar @ (Value::Bool(_) | Value::Number(_))]) => Ok(Some(scalar.to_string())),
            Ok([_]) => on_error.give(row, "JSON path found an item that cannot be converted to an SQL value"),
            Ok(_) => on_error.give(row, "JSON path found multiple items"),
            Err(message) => on_error.give(row, message),
        }
    });
    String::collect(arguments.rows, values)
}

fn json_query(arguments: &Arguments) -> Result<ArrayRef> {
    let mut looking = Looking::of(arguments)?;
    let wrappers = <&str>::column(column(arguments, 2)?)?;
    let quotes = <&str>::column(column(arguments, 3)?)?;
    let on_empty = Otherwise::of(arguments, 4, 4)?;
    let on_error = Otherwise::of(arguments, 5, 5)?;
    let values = (0..arguments.rows).map(|row| {
        let Some(found) = looking.found(row)? else { return Ok(None) };
        let wrapper = wrappers.value(row);
        match found {
            Err(message) => on_error.give(row, &message),
            Ok(items) => match items.as_slice() {
                [] => on_empty.give(row, "JSON path found no items"),
                [one]
                    if wrapper == "without"
                        || (wrapper == "conditional" && (one.is_array() || one.is_object())) =>
                {
                    let bare = one.as_str().filter(|_| quotes.value(row) == "omit");
                    Ok(Some(bare.map_or_else(|| one.to_string(), str::to_owned)))
                }
                _ if wrapper == "without" => on_error.give(row, "JSON path found multiple items"),
                _ => Ok(Some(Value::Array(items).to_string())),
            },
        }
    });
    String::collect(arguments.rows, values)
}

fn json_exists(arguments: &Arguments) -> Result<ArrayRef> {
    let mut looking = Looking::of(arguments)?;
    let on_error = <&str>::column(column(arguments, 2)?)?;
    let values = (0..arguments.rows).map(|row| {
        let Some(found) = looking.found(row)? else { return Ok(None) };
        match (found, on_error.value(row)) {
            (Ok(items), _) => Ok(Some(!items.is_empty())),
            (Err(message), "error") => Err(invalid_argument(message)),
            (Err(_), "true") => Ok(Some(true)),
            (Err(_), "false") => Ok(Some(false)),
            (Err(_), _) => Ok(None),
        }
    });
    bool::collect(arguments.rows, values)
}

/// What is given where there is no value.
struct Otherwise<'a> {
    words: &'a StringViewArray,
    defaults: &'a StringViewArray,
}

impl<'a> Otherwise<'a> {
    fn of(arguments: &'a Arguments, words: usize, defaults: usize) -> Result<Self> {
        Ok(Self {
            words: <&str>::column(column(arguments, words)?)?,
            defaults: <&str>::column(column(arguments, defaults)?)?,
        })
    }

    fn give(&self, row: usize, message: &str) -> Result<Option<String>> {
        match self.words.value(row) {
            "error" => Err(invalid_argument(message)),
            "default" => Ok(self.defaults.is_valid(row).then(|| self.defaults.value(row).to_owned())),
            json @ ("[]" | "{}") => Ok(Some(json.to_owned())),
            _ => Ok(None),
        }
    }
}

impl Path {
    fn walk(&self, value: Value) -> std::result::Result<Vec<Value>, String> {
        self.steps.iter().try_fold(vec![value], |items, step| {
            let mut found = Vec::new();
            for item in items {
                self.take(step, item, &mut found)?;
            }
            Ok(found)
        })
    }

    /// A strict path fails where a lax one finds nothing, opens an array or takes a value for an array of one.
    fn take(&self, step: &Step, item: Value, found: &mut Vec<Value>) -> std::result::Result<(), String> {
        match (step, item) {
            (Step::Member(name), Value::Object(mut members)) => match members.remove(name) {
                Some(value) => found.push(value),
                None if self.is_strict => return Err(format!("missing member '{name}' in JSON object")),
                None => {}
            },
            (Step::Members, Value::Object(members)) => {
                found.extend(members.into_iter().map(|(_, value)| value));
            }
            (Step::Member(_) | Step::Members, Value::Array(items)) if !self.is_strict => {
                for item in items.into_iter().filter(Value::is_object) {
                    self.take(step, item, found)?;
                }
            }
            (Step::Member(_) | Step::Members, _) if self.is_strict => {
                return Err("invalid item type. Expected: OBJECT".to_owned());
            }
            (Step::Member(_) | Step::Members, _) => {}
            (Step::AllElements, Value::Array(items)) => found.extend(items),
            (Step::Elements(from, to), Value::Array(items)) => {
                let place = |index: &Index| match index {
                    Index::At(place) => *place,
                    Index::Last => items.len().saturating_sub(1),
                };
                let (from, to) = (place(from), place(to));
                if self.is_strict && to >= items.len() {
                    return Err("array index out of bounds".to_owned());
                }
                let count = (to + 1).saturating_sub(from);
                found.extend(items.into_iter().skip(from).take(count));
            }
            (_, _) if self.is_strict => return Err("invalid item type. Expected: ARRAY".to_owned()),
            (step, item) => self.take(step, Value::Array(vec![item]), found)?,
        }
        Ok(())
    }
}

/// Reads `lax $.a."b c"[0, 2 to last].*`.
fn path(text: &str) -> Result<Path> {
    let invalid = || invalid_argument(format!("Invalid JSON path: '{text}'"));
    let written = text.trim();
    let (is_strict, rest) = match (written.strip_prefix("strict "), written.strip_prefix("lax ")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(invalid()),
    };
    let mut rest = rest.trim_start().strip_prefix('$').ok_or_else(invalid)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if rest.starts_with([' ', '?']) || rest.contains('(') {
            return Err(not_supported(format!(
                "a JSON path with a filter or a method is not supported: '{text}'"
            )));
        }
        if let Some(behind) = rest.strip_prefix(".*") {
            steps.push(Step::Members);
            rest = behind;
        } else if let Some(quoted) = rest.strip_prefix(".\"") {
            let (name, behind) = quoted.split_once('"').ok_or_else(invalid)?;
            steps.push(Step::Member(name.to_owned()));
            rest = behind;
        } else if let Some(member) = rest.strip_prefix('.') {
            let end = member.find(['.', '[', ' ', '?']).unwrap_or(member.len());
            let (name, behind) =
                member.split_at_checked(end).filter(|(name, _)| !name.is_empty()).ok_or_else(invalid)?;
            steps.push(Step::Member(name.to_owned()));
            rest = behind;
        } else {
            let inside = rest.strip_prefix('[').ok_or_else(invalid)?;
            let (inside, behind) = inside.split_once(']').ok_or_else(invalid)?;
            steps.push(elements(inside).ok_or_else(invalid)?);
            rest = behind;
        }
    }
    Ok(Path { is_strict, steps })
}

fn elements(text: &str) -> Option<Step> {
    let index = |text: &str| match text.trim() {
        "last" => Some(Index::Last),
        number => number.parse().ok().map(Index::At),
    };
    match text.split_once(" to ") {
        _ if text.trim() == "*" => Some(Step::AllElements),
        Some((from, to)) => Some(Step::Elements(index(from)?, index(to)?)),
        None => index(text).map(|index| Step::Elements(index, index)),
    }
}
