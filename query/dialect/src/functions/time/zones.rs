//! The zone in which an instant is shown.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::Volatility;

use super::civil::{Zone, nanos_of_utc};
use super::format::session_zone;
use super::moment::{MomentKind, Moments};
use crate::error::not_supported;
use crate::functions::rows::{column, rows0};
use crate::functions::scalar::{Arguments, Planned, Scalar};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "at_timezone",
            &["timestamp(6) with time zone, varchar -> timestamp(6) with time zone"],
            "The same instant, shown in another zone",
            at_timezone,
        )
        .returning(zoned_field),
        Scalar::new(
            "with_timezone",
            &["timestamp(6), varchar -> timestamp(6) with time zone"],
            "The instant at which the clocks of a zone show a timestamp",
            with_timezone,
        )
        .returning(zoned_field),
        Scalar::new(
            "timezone",
            &["timestamp(6) with time zone -> varchar"],
            "The zone of a timestamp",
            |arguments| {
                let zone = Moments::of(column(arguments, 0)?)?.kind.zone().name();
                crate::functions::rows::rows_of_nulls(arguments, 0, || zone.clone())
            },
        ),
        Scalar::new("current_timezone", &["-> varchar"], "The time zone of the session", |arguments| {
            let zone = session_zone(arguments)?.name();
            rows0(arguments, || Ok(Some(zone.clone())))
        })
        .volatility(Volatility::Stable),
    ]
}

fn zoned_field(planned: &Planned) -> Result<Field> {
    let zone = planned.constant_text(1).ok_or_else(|| not_supported("the time zone must be a constant"))?;
    let unit = match planned.data_type(0) {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Microsecond,
    };
    Ok(Field::new("", DataType::Timestamp(unit, Some(Zone::parse(zone)?.name().into())), true))
}

fn at_timezone(arguments: &Arguments) -> Result<ArrayRef> {
    Ok(cast(column(arguments, 0)?, arguments.result.data_type())?)
}

fn with_timezone(arguments: &Arguments) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let kind = MomentKind::of(arguments.result.data_type())?;
    let zoned = moments.map(|_, value| {
        let civil = moments.kind.utc(value)?;
        moments.kind.value_of_nanos(nanos_of_utc(kind.zone().instant(civil))).map(Some)
    })?;
    let DataType::Timestamp(unit, _) = zoned.data_type() else { return Ok(zoned) };
    let utc = cast(&zoned, &DataType::Timestamp(*unit, Some(Arc::from("UTC"))))?;
    Ok(cast(&utc, arguments.result.data_type())?)
}
