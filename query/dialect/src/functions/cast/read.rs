//! Texts read as values, and timestamps moved between zones and precisions.

use std::sync::Arc;

use chrono::Timelike;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Decimal128Builder, StringViewBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit,
};
use datafusion::common::Result;

use super::number::{fits, parse_decimal};
use super::{Casting, type_mismatch};
use crate::error::invalid_cast;
use crate::functions::rows::collect_primitive;
use crate::functions::time::{MomentKind, Moments, Zone, parse_timestamp, read_date, read_time};
use crate::types::TrinoType;

pub(super) fn from_text(column: &ArrayRef, to: &TrinoType, casting: Casting) -> Result<ArrayRef> {
    let texts = Texts { column: cast(column, &DataType::Utf8View)?, casting };
    match to {
        TrinoType::Boolean => texts.booleans(),
        TrinoType::Tinyint => texts.parsed::<Int8Type>(to),
        TrinoType::Smallint => texts.parsed::<Int16Type>(to),
        TrinoType::Integer => texts.parsed::<Int32Type>(to),
        TrinoType::Bigint => texts.parsed::<Int64Type>(to),
        TrinoType::Real => texts.parsed::<Float32Type>(to),
        TrinoType::Double => texts.parsed::<Float64Type>(to),
        TrinoType::Decimal { precision, scale } => texts.decimals(*precision, *scale),
        TrinoType::Date => texts.moments(&DataType::Date32, |text| {
            let date = read_date(text.trim())?;
            MomentKind::Date.value_of_civil(date.and_time(chrono::NaiveTime::MIN)).ok()
        }),
        TrinoType::Time { .. } => {
            let nanos = texts.collect::<Int64Type>(|text| {
                let (time, _) = read_time(text.trim())
                    .ok_or_else(|| invalid_cast(format!("Value cannot be cast to time: {text}")))?;
                Ok(i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond()))
            })?;
            Ok(cast(&cast(&nanos, &DataType::Time64(TimeUnit::Nanosecond))?, &to.to_arrow())?)
        }
        TrinoType::Timestamp { .. } => {
            let kind = MomentKind::Timestamp(TimeUnit::Nanosecond);
            texts.timestamps(to, kind, |civil, _| civil)
        }
        TrinoType::TimestampWithTimeZone { .. } => {
            let kind = MomentKind::Zoned(TimeUnit::Nanosecond, Zone::UTC);
            texts.timestamps(to, kind, |civil, zone| zone.unwrap_or(casting.zone).instant(civil))
        }
        TrinoType::IntervalYearToMonth => {
            let months = texts.collect::<Int32Type>(|text| {
                text.parse().map_err(|_| invalid_cast(format!("Cannot cast '{text}' to {to}")))
            })?;
            Ok(cast(&months, &to.to_arrow())?)
        }
        TrinoType::Uuid => texts.uuids(),
        TrinoType::IpAddress => texts.addresses(),
        _ => Err(type_mismatch(format!("Cannot cast varchar to {to}"))),
    }
}

struct Texts {
    column: ArrayRef,
    casting: Casting,
}

impl Texts {
    fn values<T>(&self, mut read: impl FnMut(&str) -> Result<T>) -> impl Iterator<Item = Result<Option<T>>> {
        self.column.as_string_view().iter().map(move |text| match text {
            Some(text) => self.casting.keep(read(text)),
            None => Ok(None),
        })
    }

    fn collect<T: ArrowPrimitiveType>(
        &self,
        read: impl FnMut(&str) -> Result<T::Native>,
    ) -> Result<ArrayRef> {
        collect_primitive::<T>(self.column.len(), self.values(read))
    }

    /// Numbers as Rust reads them, whose forms are also those of Trino's `double` and integers.
    fn parsed<T: ArrowPrimitiveType>(&self, to: &TrinoType) -> Result<ArrayRef>
    where
        T::Native: std::str::FromStr,
    {
        let is_float = matches!(to, TrinoType::Real | TrinoType::Double);
        self.collect::<T>(|text| {
            let number = if is_float { text.trim() } else { text };
            let known = !is_float || number.bytes().any(|byte| byte.is_ascii_digit()) || is_special(number);
            let parsed = if known { number.parse().ok() } else { None };
            parsed.ok_or_else(|| {
                invalid_cast(format!("Cannot cast '{text}' to {}", to.to_string().to_uppercase()))
            })
        })
    }

    fn booleans(&self) -> Result<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(self.column.len());
        for value in self.values(|text| match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "1" => Ok(true),
            "f" | "false" | "0" => Ok(false),
            _ => Err(invalid_cast(format!("Cannot cast '{text}' to BOOLEAN"))),
        }) {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }

    fn decimals(&self, precision: u8, scale: i8) -> Result<ArrayRef> {
        let mut builder = Decimal128Builder::with_capacity(self.column.len());
        for value in self.values(|text| {
            parse_decimal(text.trim(), scale).filter(|decimal| fits(*decimal, precision)).ok_or_else(|| {
                invalid_cast(format!("Cannot cast VARCHAR '{text}' to DECIMAL({precision}, {scale})"))
            })
        }) {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish().with_precision_and_scale(precision, scale)?))
    }

    fn moments(&self, data_type: &DataType, read: fn(&str) -> Option<i64>) -> Result<ArrayRef> {
        let values = self.values(|text| {
            read(text).ok_or_else(|| invalid_cast(format!("Value cannot be cast to date: {text}")))
        });
        MomentKind::collect(data_type, values)
    }

    fn timestamps(
        &self,
        to: &TrinoType,
        kind: MomentKind,
        instant: impl Fn(chrono::NaiveDateTime, Option<Zone>) -> chrono::NaiveDateTime,
    ) -> Result<ArrayRef> {
        let target = to.to_arrow();
        let unit = match &target {
            DataType::Timestamp(unit, _) => *unit,
            _ => TimeUnit::Microsecond,
        };
        let kind = match kind {
            MomentKind::Zoned(_, zone) => MomentKind::Zoned(unit, zone),
            _ => MomentKind::Timestamp(unit),
        };
        let digits = precision_of(to);
        let values = self.values(|text| {
            let (civil, _, zone) = parse_timestamp(text)?;
            let nanos = crate::functions::time::nanos_of_utc(instant(civil, zone));
            kind.value_of_nanos(rounded(nanos, digits))
        });
        MomentKind::collect(&target, values)
    }

    fn uuids(&self) -> Result<ArrayRef> {
        self.strings(|text| {
            let digits: String = text.chars().filter(|c| *c != '-').collect();
            let valid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !valid {
                return Err(invalid_cast(format!("Cannot cast value to UUID: {text}")));
            }
            let digits = digits.to_ascii_lowercase();
            Ok([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
        })
    }

    fn addresses(&self) -> Result<ArrayRef> {
        self.strings(|text| {
            let address: std::net::IpAddr =
                text.parse().map_err(|_| invalid_cast(format!("Cannot cast value to IPADDRESS: {text}")))?;
            Ok(address.to_string())
        })
    }

    fn strings(&self, read: fn(&str) -> Result<String>) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(self.column.len());
        for value in self.values(read) {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

fn is_special(number: &str) -> bool {
    matches!(number, "NaN" | "Infinity" | "-Infinity" | "+Infinity")
}

/// Digits behind the second that a type of timestamps keeps.
fn precision_of(r#type: &TrinoType) -> u8 {
    match r#type {
        TrinoType::Timestamp { precision } | TrinoType::TimestampWithTimeZone { precision } => *precision,
        _ => 9,
    }
}

/// Nanoseconds rounded to so many digits behind the second, half up.
fn rounded(nanos: i128, digits: u8) -> i128 {
    let step = 10_i128.pow(u32::from(9_u8.saturating_sub(digits)));
    (nanos + step / 2).div_euclid(step) * step
}

/// Timestamps rounded to the precision of another type, which has a zone or not as they have.
pub(super) fn to_precision(column: &ArrayRef, to: &TrinoType) -> Result<ArrayRef> {
    let moments = Moments::of(column)?;
    let DataType::Timestamp(unit, _) = to.to_arrow() else { return Ok(Arc::clone(column)) };
    let (kind, target) = match column.data_type() {
        DataType::Timestamp(_, Some(zone)) => {
            (MomentKind::Zoned(unit, moments.kind.zone()), DataType::Timestamp(unit, Some(Arc::clone(zone))))
        }
        _ => (MomentKind::Timestamp(unit), DataType::Timestamp(unit, None)),
    };
    let digits = precision_of(to);
    let values = (0..column.len())
        .map(|row| moments.nanos(row).map(|nanos| kind.value_of_nanos(rounded(nanos, digits))).transpose());
    MomentKind::collect(&target, values)
}

/// Timestamps of no zone as instants at which the clocks of a zone show them.
pub(super) fn to_zone(column: &ArrayRef, zone: Zone) -> Result<ArrayRef> {
    let moments = Moments::of(column)?;
    let unit = match column.data_type() {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Second,
    };
    let kind = MomentKind::Zoned(unit, zone);
    let values = (0..column.len()).map(|row| {
        let Some(civil) = moments.civil(row)? else { return Ok(None) };
        kind.value_of_civil(civil).map(Some)
    });
    MomentKind::collect(&kind.data_type(), values)
}

/// What the clocks of their zone show at instants.
pub(super) fn to_civil(column: &ArrayRef) -> Result<ArrayRef> {
    let moments = Moments::of(column)?;
    let unit = match column.data_type() {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Second,
    };
    let kind = MomentKind::Timestamp(unit);
    let values = (0..column.len()).map(|row| {
        let Some(civil) = moments.civil(row)? else { return Ok(None) };
        kind.value_of_civil(civil).map(Some)
    });
    MomentKind::collect(&kind.data_type(), values)
}
