//! `sequence`: whole numbers, dates and timestamps at equal steps.

use std::sync::Arc;

use chrono::{Duration, Months, NaiveDateTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType,
};
use datafusion::common::Result;

use super::arrays::MOST;
use super::elements::element_field;
use crate::error::{invalid_argument, out_of_range};
use crate::functions::rows::column;
use crate::functions::scalar::{Arguments, Planned, Scalar};
use crate::functions::time::{MomentKind, Moments};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "sequence",
            &[
                "bigint, bigint -> array(bigint)",
                "bigint, bigint, bigint -> array(bigint)",
                "moment, moment -> array(E)",
                "moment, moment, I -> array(E)",
            ],
            "An array from one value to another, both included, by a step",
            sequence,
        )
        .returning(sequence_type),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of Scalar::returning")]
fn sequence_type(planned: &Planned) -> Result<Field> {
    let element = match planned.data_type(0) {
        moment @ (DataType::Date32 | DataType::Timestamp(..)) => moment.clone(),
        _ => DataType::Int64,
    };
    Ok(Field::new("", DataType::new_list(element, true), true))
}

fn sequence(arguments: &Arguments) -> Result<ArrayRef> {
    if *column(arguments, 0)?.data_type() == DataType::Int64 {
        return numbers(arguments);
    }
    moments(arguments)
}

fn numbers(arguments: &Arguments) -> Result<ArrayRef> {
    let starts = column(arguments, 0)?.as_primitive::<Int64Type>();
    let stops = column(arguments, 1)?.as_primitive::<Int64Type>();
    let steps = arguments.columns.get(2).map(|steps| steps.as_primitive::<Int64Type>());
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        if starts.is_null(row) || stops.is_null(row) || steps.is_some_and(|steps| steps.is_null(row)) {
            rows.push(None);
            continue;
        }
        let (start, stop) = (starts.value(row), stops.value(row));
        let step = steps.map_or(if stop < start { -1 } else { 1 }, |steps| steps.value(row));
        check_direction(step.signum(), start <= stop, start >= stop)?;
        let next = |value: &i64| {
            value.checked_add(step).filter(|next| if step > 0 { *next <= stop } else { *next >= stop })
        };
        rows.push(Some(collected(std::iter::successors(Some(start), next))?));
    }
    built(arguments, rows, |values| Ok(Arc::new(values)))
}

/// A step of time.
#[derive(Debug, Clone, Copy)]
struct Step {
    months: i32,
    days: i32,
    nanos: i64,
}

impl Step {
    const DAY: Self = Self { months: 0, days: 1, nanos: 0 };

    fn signum(self) -> i64 {
        let sum = i64::from(self.months) * 30 + i64::from(self.days);
        if sum == 0 { self.nanos.signum() } else { sum.signum() }
    }

    /// The time so many steps behind a start.
    fn times(self, count: i32, start: NaiveDateTime) -> Option<NaiveDateTime> {
        let months = self.months.checked_mul(count)?;
        let by = Months::new(months.unsigned_abs());
        let moved = if months < 0 { start.checked_sub_months(by)? } else { start.checked_add_months(by)? };
        let days = Duration::try_days(i64::from(self.days).checked_mul(i64::from(count))?)?;
        let nanos = Duration::nanoseconds(self.nanos.checked_mul(i64::from(count))?);
        moved.checked_add_signed(days)?.checked_add_signed(nanos)
    }
}

fn step_at(steps: Option<&ArrayRef>, row: usize, backwards: bool) -> Result<Option<Step>> {
    let Some(steps) = steps else {
        return Ok(Some(if backwards { Step { days: -1, ..Step::DAY } } else { Step::DAY }));
    };
    if steps.is_null(row) {
        return Ok(None);
    }
    let step = match steps.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = steps.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Step { months: interval.months, days: interval.days, nanos: interval.nanoseconds }
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            Step { months: steps.as_primitive::<IntervalYearMonthType>().value(row), days: 0, nanos: 0 }
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let interval = steps.as_primitive::<IntervalDayTimeType>().value(row);
            Step { months: 0, days: interval.days, nanos: i64::from(interval.milliseconds) * 1_000_000 }
        }
        _ => return Err(invalid_argument("the step of a sequence of times must be an interval")),
    };
    Ok(Some(step))
}

fn moments(arguments: &Arguments) -> Result<ArrayRef> {
    let starts = Moments::of(column(arguments, 0)?)?;
    let stops = Moments::of(column(arguments, 1)?)?;
    let kind = starts.kind;
    let steps = arguments.columns.get(2);
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(start), Some(stop)) = (starts.civil(row)?, stops.civil(row)?) else {
            rows.push(None);
            continue;
        };
        let Some(step) = step_at(steps, row, stop < start)? else {
            rows.push(None);
            continue;
        };
        let forwards = step.signum() > 0;
        check_direction(step.signum(), start <= stop, start >= stop)?;
        let times = (0..).map_while(|count| {
            let time = step.times(count, start)?;
            let inside = if forwards { time <= stop } else { time >= stop };
            inside.then(|| kind.value_of_civil(time))
        });
        let values = collected(times)?.into_iter().collect::<Result<Vec<i64>>>()?;
        rows.push(Some(values));
    }
    let element = element_field(arguments.result.data_type());
    built(arguments, rows, |values| MomentKind::collect(element.data_type(), values.iter().map(Ok)))
}

fn check_direction(sign: i64, rises: bool, falls: bool) -> Result<()> {
    match sign {
        0 => Err(invalid_argument("step must not be zero")),
        1.. if !rises => Err(invalid_argument(
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        )),
        ..0 if !falls => Err(invalid_argument(
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        )),
        _ => Ok(()),
    }
}

fn collected<T>(values: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let values: Vec<T> = values.take(MOST + 1).collect();
    if values.len() > MOST {
        return Err(invalid_argument(format!(
            "result of sequence function must not have more than {MOST} entries"
        )));
    }
    Ok(values)
}

fn built(
    arguments: &Arguments,
    rows: Vec<Option<Vec<i64>>>,
    column: impl FnOnce(Int64Array) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    let total: usize = rows.iter().flatten().map(Vec::len).sum();
    if i32::try_from(total).is_err() {
        return Err(out_of_range("too many elements"));
    }
    let nulls = NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let values = column(rows.into_iter().flatten().flatten().collect::<Vec<i64>>().into())?;
    let field = element_field(arguments.result.data_type());
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(nulls))?))
}
