//! Seconds since 1970 and moments; spans of time for people.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::Result;

use super::civil::Zone;
use super::moment::{MomentKind, Moments};
use crate::error::{not_supported, out_of_range};
use crate::functions::rows::{FromColumn, IntoColumn, column, rows1};
use crate::functions::scalar::{Arguments, Planned, Scalar};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "from_unixtime",
            &["double -> timestamp(3) with time zone", "double, varchar -> timestamp(3) with time zone"],
            "The instant so many seconds since 1970, in a zone",
            from_unixtime,
        )
        .returning(unix_field),
        Scalar::new(
            "from_unixtime_nanos",
            &["bigint -> timestamp(9) with time zone"],
            "The instant so many nanoseconds since 1970",
            |arguments| {
                let nanos = i64::column(column(arguments, 0)?)?;
                let values = (0..arguments.rows).map(|row| Ok(nanos.is_valid(row).then(|| nanos.value(row))));
                MomentKind::collect(arguments.result.data_type(), values)
            },
        ),
        Scalar::new("to_unixtime", &["moment -> double"], "Seconds since 1970", |arguments| {
            let moments = Moments::of(column(arguments, 0)?)?;
            let values = (0..arguments.rows).map(|row| Ok(moments.nanos(row).map(seconds)));
            f64::collect(arguments.rows, values)
        }),
        Scalar::new(
            "human_readable_seconds",
            &["double -> varchar"],
            "Seconds in words: weeks, days, hours, minutes, seconds",
            |arguments| rows1(arguments, |seconds: f64| Ok(Some(in_words(seconds)))),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a double is what the function gives")]
fn seconds(nanos: i128) -> f64 {
    if nanos % 1_000 == 0 { (nanos / 1_000) as f64 / 1e6 } else { nanos as f64 / 1e9 }
}

fn unix_field(planned: &Planned) -> Result<Field> {
    let zone = match (planned.fields.len(), planned.constant_text(1)) {
        (1, _) => Zone::UTC,
        (_, Some(zone)) => Zone::parse(zone)?,
        (_, None) => return Err(not_supported("the time zone must be a constant")),
    };
    Ok(Field::new("", DataType::Timestamp(TimeUnit::Millisecond, Some(zone.name().into())), true))
}

fn from_unixtime(arguments: &Arguments) -> Result<ArrayRef> {
    let seconds = f64::column(column(arguments, 0)?)?;
    let values = (0..arguments.rows).map(|row| {
        if seconds.is_null(row) {
            return Ok(None);
        }
        let millis = (seconds.value(row) * 1_000.0).round();
        if millis.is_nan() || millis.abs() >= 8e15 {
            return Err(out_of_range(format!("{} seconds are beyond the calendar", seconds.value(row))));
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the bounds above")]
        let millis = millis as i64;
        Ok(Some(millis))
    });
    MomentKind::collect(arguments.result.data_type(), values)
}

fn in_words(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a saturated span is as good as any so long")]
    let mut rest = seconds.round() as i64;
    let mut words = Vec::new();
    for (length, unit) in [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
    {
        let count = rest / length;
        rest %= length;
        if count != 0 || (unit == "second" && words.is_empty()) {
            words.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    words.join(", ")
}
