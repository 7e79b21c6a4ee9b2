//! Columns read and written a row at a time, so that a function can be a closure over plain values.
//!
//! A NULL among the arguments gives NULL without the closure being asked; the closure may answer NULL itself.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder,
    PrimitiveArray, PrimitiveBuilder, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::datatypes::{Date32Type, Float64Type, Int32Type, Int64Type};
use datafusion::common::cast::{as_binary_array, as_boolean_array, as_primitive_array, as_string_view_array};
use datafusion::common::{Result, internal_err};

use super::scalar::Arguments;

/// A value that a column of one Arrow type holds.
pub(crate) trait FromColumn<'a>: Sized + 'a {
    type Column: Array;

    fn column(array: &'a ArrayRef) -> Result<&'a Self::Column>;

    /// The value of a row that is not NULL.
    fn at(column: &'a Self::Column, row: usize) -> Self;
}

/// A value that can be collected into a column.
pub(crate) trait IntoColumn: Sized {
    fn collect(rows: usize, values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef>;
}

impl<'a> FromColumn<'a> for &'a str {
    type Column = StringViewArray;

    fn column(array: &'a ArrayRef) -> Result<&'a StringViewArray> {
        as_string_view_array(array)
    }

    fn at(column: &'a StringViewArray, row: usize) -> Self {
        column.value(row)
    }
}

impl<'a> FromColumn<'a> for &'a [u8] {
    type Column = BinaryArray;

    fn column(array: &'a ArrayRef) -> Result<&'a BinaryArray> {
        as_binary_array(array)
    }

    fn at(column: &'a BinaryArray, row: usize) -> Self {
        column.value(row)
    }
}

impl<'a> FromColumn<'a> for bool {
    type Column = BooleanArray;

    fn column(array: &'a ArrayRef) -> Result<&'a BooleanArray> {
        as_boolean_array(array)
    }

    fn at(column: &'a BooleanArray, row: usize) -> Self {
        column.value(row)
    }
}

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days(pub i32);

macro_rules! primitive_values {
    ($($native:ty => $arrow:ty, $wrap:expr, $unwrap:expr;)*) => {$(
        impl<'a> FromColumn<'a> for $native {
            type Column = PrimitiveArray<$arrow>;

            fn column(array: &'a ArrayRef) -> Result<&'a PrimitiveArray<$arrow>> {
                as_primitive_array::<$arrow>(array)
            }

            fn at(column: &'a PrimitiveArray<$arrow>, row: usize) -> Self {
                $wrap(column.value(row))
            }
        }

        impl IntoColumn for $native {
            fn collect(rows: usize, values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
                collect_primitive::<$arrow>(rows, values.map(|value| Ok(value?.map($unwrap))))
            }
        }
    )*};
}

primitive_values! {
    i64 => Int64Type, |value| value, |value| value;
    i32 => Int32Type, |value| value, |value| value;
    f64 => Float64Type, |value| value, |value| value;
    Days => Date32Type, Days, |days: Days| days.0;
}

/// A column of a primitive type.
pub(crate) fn collect_primitive<T: ArrowPrimitiveType>(
    rows: usize,
    values: impl Iterator<Item = Result<Option<T::Native>>>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(rows);
    for value in values {
        builder.append_option(value?);
    }
    Ok(Arc::new(builder.finish()))
}

impl IntoColumn for bool {
    fn collect(rows: usize, values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(rows);
        for value in values {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

impl IntoColumn for String {
    fn collect(rows: usize, values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(rows);
        for value in values {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

impl IntoColumn for Vec<u8> {
    fn collect(rows: usize, values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let mut builder = BinaryBuilder::with_capacity(rows, 0);
        for value in values {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// The column of an argument.
pub(crate) fn column(arguments: &Arguments, index: usize) -> Result<&ArrayRef> {
    let Some(column) = arguments.columns.get(index) else {
        return internal_err!("argument {index} is missing");
    };
    Ok(column)
}

/// A function of no argument, asked for every row.
pub(crate) fn rows0<R: IntoColumn>(
    arguments: &Arguments,
    mut function: impl FnMut() -> Result<Option<R>>,
) -> Result<ArrayRef> {
    R::collect(arguments.rows, (0..arguments.rows).map(|_| function()))
}

/// A function of the first argument.
pub(crate) fn rows1<'a, A: FromColumn<'a>, R: IntoColumn>(
    arguments: &'a Arguments,
    mut function: impl FnMut(A) -> Result<Option<R>>,
) -> Result<ArrayRef> {
    let first = A::column(column(arguments, 0)?)?;
    R::collect(
        arguments.rows,
        (0..arguments.rows)
            .map(|row| if first.is_null(row) { Ok(None) } else { function(A::at(first, row)) }),
    )
}

/// A function of the first two arguments.
pub(crate) fn rows2<'a, A: FromColumn<'a>, B: FromColumn<'a>, R: IntoColumn>(
    arguments: &'a Arguments,
    mut function: impl FnMut(A, B) -> Result<Option<R>>,
) -> Result<ArrayRef> {
    let first = A::column(column(arguments, 0)?)?;
    let second = B::column(column(arguments, 1)?)?;
    let values = (0..arguments.rows).map(|row| {
        if first.is_null(row) || second.is_null(row) {
            return Ok(None);
        }
        function(A::at(first, row), B::at(second, row))
    });
    R::collect(arguments.rows, values)
}

/// A function of the first three arguments.
pub(crate) fn rows3<'a, A: FromColumn<'a>, B: FromColumn<'a>, C: FromColumn<'a>, R: IntoColumn>(
    arguments: &'a Arguments,
    mut function: impl FnMut(A, B, C) -> Result<Option<R>>,
) -> Result<ArrayRef> {
    let first = A::column(column(arguments, 0)?)?;
    let second = B::column(column(arguments, 1)?)?;
    let third = C::column(column(arguments, 2)?)?;
    let values = (0..arguments.rows).map(|row| {
        if first.is_null(row) || second.is_null(row) || third.is_null(row) {
            return Ok(None);
        }
        function(A::at(first, row), B::at(second, row), C::at(third, row))
    });
    R::collect(arguments.rows, values)
}

/// A value for every row of which an argument is not NULL.
pub(crate) fn rows_of_nulls<R: IntoColumn>(
    arguments: &Arguments,
    index: usize,
    mut value: impl FnMut() -> R,
) -> Result<ArrayRef> {
    let nulls = column(arguments, index)?;
    R::collect(arguments.rows, (0..arguments.rows).map(|row| Ok(nulls.is_valid(row).then(&mut value))))
}
