//! Functions of values of any type: what type they have, what their NULLs mean, how they are formatted.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use datafusion::arrow::compute::{is_null, nullif};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::Volatility;

use super::cast::text_at;
use super::rows::{FromColumn, IntoColumn, column, rows0};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;
use crate::types::TrinoType;

/// The version that the dialect says it is: that of the Trino it follows, and our own.
pub const VERSION: &str = concat!("476-depthlake-", env!("CARGO_PKG_VERSION"));

/// The name of the function that gives a value as bytes, of which two are the same where the values are.
pub(crate) const BYTES: &str = "$bytes";

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(BYTES, &["T -> varbinary"], "A value as bytes", bytes),
        Scalar::new("typeof", &["T -> varchar"], "The type of a value", |arguments| {
            let r#type =
                arguments.fields.first().map_or(TrinoType::Unknown, |field| TrinoType::of_field(field));
            rows0(arguments, || Ok(Some(r#type.to_string())))
        }),
        Scalar::new(
            "$unless_null",
            &["T, T... -> same"],
            "A value, or NULL where another is NULL",
            unless_null,
        ),
        Scalar::new("format", &["varchar, T... -> varchar"], "Values formatted as printf does", format)
            .alias("printf"),
        Scalar::new("version", &["-> varchar"], "The version of the server", |arguments| {
            rows0(arguments, || Ok(Some(VERSION.to_owned())))
        })
        .volatility(Volatility::Stable),
    ]
}

fn bytes(arguments: &Arguments) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(values))?;
    let bytes =
        rows.iter().enumerate().map(|(row, bytes)| values.is_valid(row).then(|| bytes.data().to_vec()));
    Vec::<u8>::collect(arguments.rows, bytes.map(Ok))
}

fn unless_null(arguments: &Arguments) -> Result<ArrayRef> {
    let mut value = Arc::clone(column(arguments, 0)?);
    for other in arguments.columns.iter().skip(1) {
        if other.data_type().is_null() {
            return Ok(new_null_array(value.data_type(), arguments.rows));
        }
        if other.null_count() > 0 {
            value = nullif(&value, &is_null(other)?)?;
        }
    }
    Ok(value)
}

fn format(arguments: &Arguments) -> Result<ArrayRef> {
    let formats = <&str>::column(column(arguments, 0)?)?;
    let values = (0..arguments.rows).map(|row| {
        if formats.is_null(row) {
            return Ok(None);
        }
        formatted(formats.value(row), arguments, row).map(Some)
    });
    String::collect(arguments.rows, values)
}

/// One conversion of a format: `%[index$][flags][width][.precision]letter`.
struct Conversion<'a> {
    index: Option<usize>,
    flags: &'a str,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

fn formatted(text: &str, arguments: &Arguments, row: usize) -> Result<String> {
    let mut written = String::new();
    let mut rest = text;
    let mut next = 0;
    while let Some(at) = rest.find('%') {
        written.push_str(&rest[..at]);
        let (conversion, behind) = conversion(&rest[at + 1..])
            .ok_or_else(|| invalid_argument(format!("Invalid format string: {text}")))?;
        rest = behind;
        match conversion.letter {
            '%' => written.push('%'),
            'n' => written.push('\n'),
            _ => {
                let index = conversion.index.unwrap_or_else(|| {
                    next += 1;
                    next
                });
                let (Some(column), Some(field)) = (arguments.columns.get(index), arguments.fields.get(index))
                else {
                    return Err(invalid_argument(format!(
                        "Invalid format string: {text} (missing argument {index})"
                    )));
                };
                let value = converted(&conversion, column, &TrinoType::of_field(field), row)?;
                written.push_str(&justified(&conversion, value));
            }
        }
    }
    written.push_str(rest);
    Ok(written)
}

fn conversion(text: &str) -> Option<(Conversion<'_>, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text;
    let mut index = None;
    let count = digits(rest);
    if count > 0 && rest.get(count..)?.starts_with('$') {
        index = Some(rest.get(..count)?.parse().ok()?);
        rest = rest.get(count + 1..)?;
    }
    let (flags, behind) = rest.split_at(rest.find(|c| !"-+ 0,(#".contains(c)).unwrap_or(rest.len()));
    let (width, behind) = behind.split_at(digits(behind));
    let (precision, behind) = match behind.strip_prefix('.') {
        Some(behind) => {
            let (precision, behind) = behind.split_at(digits(behind));
            (Some(precision.parse().ok()?), behind)
        }
        None => (None, behind),
    };
    let letter = behind.chars().next()?;
    let width = if width.is_empty() { 0 } else { width.parse().ok().filter(|width| *width <= 10_000)? };
    let precision = precision.filter(|precision: &usize| *precision <= 1_000);
    Some((Conversion { index, flags, width, precision, letter }, &behind[letter.len_utf8()..]))
}

fn converted(conversion: &Conversion, column: &ArrayRef, r#type: &TrinoType, row: usize) -> Result<String> {
    if column.is_null(row) {
        return Ok("null".to_owned());
    }
    let number = || -> Result<f64> {
        let one = datafusion::arrow::compute::cast(
            &column.slice(row, 1),
            &datafusion::arrow::datatypes::DataType::Float64,
        )?;
        Ok(one.as_primitive::<datafusion::arrow::datatypes::Float64Type>().value(0))
    };
    let plain = || match r#type {
        TrinoType::Double | TrinoType::Real => number().map(|number| format!("{number:?}")),
        _ => text_at(column, r#type, row),
    };
    let is_whole =
        matches!(r#type, TrinoType::Tinyint | TrinoType::Smallint | TrinoType::Integer | TrinoType::Bigint);
    let wrong = || invalid_argument(format!("Invalid format string: %{} for {}", conversion.letter, r#type));
    let text = match conversion.letter {
        's' => plain()?.chars().take(conversion.precision.unwrap_or(usize::MAX)).collect(),
        'S' => plain()?.to_uppercase(),
        'b' => plain()?,
        'd' if is_whole => signed(conversion, &plain()?),
        'x' | 'X' | 'o' if is_whole => {
            let whole: i64 = plain()?.parse().map_err(|_| wrong())?;
            match conversion.letter {
                'x' => format!("{whole:x}"),
                'X' => format!("{whole:X}"),
                _ => format!("{whole:o}"),
            }
        }
        'f' => {
            let digits = conversion.precision.unwrap_or(6);
            let exact = match r#type {
                TrinoType::Decimal { scale, .. } => super::cast::parse_decimal(
                    &text_at(column, r#type, row)?,
                    i8::try_from(digits).map_err(|_| wrong())?,
                )
                .map(|unscaled| (unscaled, *scale)),
                _ => None,
            };
            let fixed = match exact {
                Some((unscaled, _)) => {
                    super::cast::decimal_text(unscaled, i8::try_from(digits).map_err(|_| wrong())?)
                }
                None if matches!(r#type, TrinoType::Double | TrinoType::Real) => {
                    format!("{:.digits$}", number()?)
                }
                None => return Err(wrong()),
            };
            signed(conversion, &fixed)
        }
        'e' => {
            let digits = conversion.precision.unwrap_or(6);
            let text = format!("{:.digits$e}", number()?);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) =
                exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            signed(conversion, &format!("{mantissa}e{sign}{exponent:0>2}"))
        }
        _ => return Err(wrong()),
    };
    Ok(text)
}

/// A number with the separators and the sign that the flags want.
fn signed(conversion: &Conversion, number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_at(digits.find(['.', 'e']).unwrap_or(digits.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if conversion.flags.contains(',') && index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = match sign {
        "" if conversion.flags.contains('+') => "+",
        "" if conversion.flags.contains(' ') => " ",
        sign => sign,
    };
    if sign == "-" && conversion.flags.contains('(') {
        return format!("({grouped}{fraction})");
    }
    format!("{sign}{grouped}{fraction}")
}

fn justified(conversion: &Conversion, text: String) -> String {
    let missing = conversion.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if conversion.flags.contains('-') {
        return text + &" ".repeat(missing);
    }
    if conversion.flags.contains('0') && !matches!(conversion.letter, 's' | 'S' | 'b') {
        let signs = text.bytes().take_while(|byte| b"+- (".contains(byte)).count();
        let (sign, digits) = text.split_at(signs);
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
