//! Session properties: what `SET SESSION` sets.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value};
use depthlake_dialect::statement::{Like, Name, Position};

use crate::catalog::sheet::{Columns, Kind, Sheet};
use crate::error::QueryError;
use crate::session::answer::Effect;
use crate::session::settings::SessionSettings;

const COLUMNS: Columns = &[
    ("Name", Kind::Text),
    ("Value", Kind::Text),
    ("Default", Kind::Text),
    ("Type", Kind::Text),
    ("Description", Kind::Text),
];

const START: Position = Position { line: 1, column: 1 };

/// A property that can be set.
struct Property {
    name: &'static str,
    default: &'static str,
    r#type: &'static str,
    description: &'static str,
}

/// Those that clients of Trino set. One that changes nothing here says so.
const KNOWN: &[Property] = &[
    Property {
        name: "join_distribution_type",
        default: "AUTOMATIC",
        r#type: "varchar",
        description: "Taken and without effect: the engine chooses how joins are spread",
    },
    Property {
        name: "join_reordering_strategy",
        default: "AUTOMATIC",
        r#type: "varchar",
        description: "Taken and without effect: the engine chooses the order of joins",
    },
    Property {
        name: "query_max_execution_time",
        default: "100.00d",
        r#type: "varchar",
        description: "How long a query may run; the server's own limit holds besides",
    },
    Property {
        name: "query_max_run_time",
        default: "100.00d",
        r#type: "varchar",
        description: "How long a query may take with its time in the queue; the server's own limit holds besides",
    },
    Property {
        name: "query_priority",
        default: "1",
        r#type: "integer",
        description: "Taken and without effect: queries run in the order in which they came",
    },
    Property {
        name: "task_concurrency",
        default: "2",
        r#type: "integer",
        description: "Taken and without effect: the engine uses the cores there are",
    },
    Property {
        name: "time_zone_id",
        default: "",
        r#type: "varchar",
        description: "Time zone of the session",
    },
];

/// What `SET SESSION` changes.
pub(super) fn set(property: &Name, value: &Expr) -> Result<Effect, QueryError> {
    let known = known(property)?;
    let not_constant = || {
        QueryError::refused_at(
            "INVALID_SESSION_PROPERTY",
            format!("{property} must be set to a constant"),
            START,
        )
    };
    let value = text(value).ok_or_else(not_constant)?;
    if !known.takes(&value) {
        let message = format!("{property} is invalid: {value}");
        return Err(QueryError::refused_at("INVALID_SESSION_PROPERTY", message, START));
    }
    Ok(Effect::SetSession(property.to_string(), value))
}

/// Refuses properties that a client has set otherwise than by a statement, where there are none of their names or their values
/// cannot be meant. Those of catalogs are the catalogs' own.
pub(crate) fn check(properties: &BTreeMap<String, String>) -> Result<(), QueryError> {
    for (name, value) in properties.iter().filter(|(name, _)| !name.contains('.')) {
        let invalid = |message| Err(QueryError::refused("INVALID_SESSION_PROPERTY", message));
        match KNOWN.iter().find(|known| known.name == name) {
            None => return invalid(format!("Session property '{name}' does not exist")),
            Some(known) if !known.takes(value) => return invalid(format!("{name} is invalid: {value}")),
            Some(_) => {}
        }
    }
    Ok(())
}

impl Property {
    /// Whether it can have this value.
    fn takes(&self, value: &str) -> bool {
        match self.name {
            "query_max_run_time" | "query_max_execution_time" => duration(value).is_some(),
            "time_zone_id" => is_zone(value),
            _ => self.r#type != "integer" || value.parse::<i64>().is_ok(),
        }
    }
}

/// What `RESET SESSION` changes.
pub(super) fn reset(property: &Name) -> Result<Effect, QueryError> {
    known(property)?;
    Ok(Effect::ClearSession(property.to_string()))
}

/// What `SET TIME ZONE` changes.
pub(super) fn set_time_zone(zone: Option<&Expr>) -> Result<Effect, QueryError> {
    let Some(zone) = zone else { return Ok(Effect::SetTimeZone("UTC".to_owned())) };
    let zone = match zone {
        Expr::Interval(interval) => {
            let hours = text(&interval.value).and_then(|hours| hours.parse::<i8>().ok());
            hours.map(|hours| format!("{}{:02}:00", if hours < 0 { '-' } else { '+' }, hours.unsigned_abs()))
        }
        other => text(other),
    };
    match zone {
        Some(zone) if is_zone(&zone) => Ok(Effect::SetTimeZone(zone)),
        other => {
            let message =
                format!("Time zone not supported: {}", other.unwrap_or_else(|| "no constant".to_owned()));
            Err(QueryError::refused_at("INVALID_ARGUMENTS", message, START))
        }
    }
}

/// The properties with what is set.
pub(super) fn shown(settings: &SessionSettings, like: Option<&Like>) -> Sheet {
    let fits = |name: &str| like.is_none_or(|like| like.fits(name));
    let rows = KNOWN.iter().filter(|property| fits(property.name)).map(|property| {
        let value = settings.properties.get(property.name).map_or(property.default, String::as_str);
        [property.name, value, property.default, property.r#type, property.description]
            .map(Into::into)
            .to_vec()
    });
    Sheet::of(COLUMNS, rows.collect())
}

/// The time that the client allows its queries, where it has set one.
pub(super) fn time_allowed(properties: &BTreeMap<String, String>) -> Option<Duration> {
    let names = ["query_max_run_time", "query_max_execution_time"];
    names.iter().filter_map(|name| duration(properties.get(*name)?)).min()
}

/// The text of a constant.
pub(super) fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::UnicodeStringLiteral(text) => Some(text.clone()),
            Value::Number(number, _) => Some(number.clone()),
            Value::Boolean(flag) => Some(flag.to_string()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => text(expr).map(|number| format!("-{number}")),
        Expr::Nested(inner) => text(inner),
        _ => None,
    }
}

fn known(property: &Name) -> Result<&'static Property, QueryError> {
    let name = property.to_string();
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let message = format!("Session property '{name}' does not exist");
        QueryError::refused_at("INVALID_SESSION_PROPERTY", message, START)
    })
}

/// Whether there is such a time zone.
pub(crate) fn is_zone(zone: &str) -> bool {
    chrono_tz::Tz::from_str(zone).is_ok() || datafusion::arrow::array::timezone::Tz::from_str(zone).is_ok()
}

/// `1.5h`, `10m`, `30s`, `100ms`, `2d`.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("1.5h"), Some(Duration::from_mins(90)));
        assert_eq!(duration("100ms"), Some(Duration::from_millis(100)));
        for nonsense in ["", "5", "s", "-1s", "1 week", "1e400s"] {
            assert_eq!(duration(nonsense), None, "{nonsense}");
        }
        let properties = BTreeMap::from([("query_max_run_time".to_owned(), "2m".to_owned())]);
        assert_eq!(time_allowed(&properties), Some(Duration::from_mins(2)));
    }

    #[test]
    fn zones_are_names_and_offsets() {
        assert!(is_zone("UTC") && is_zone("Europe/Berlin") && is_zone("+02:00"));
        assert!(!is_zone("Mars/Phobos") && !is_zone(""));
    }
}
