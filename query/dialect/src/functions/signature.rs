//! Signatures in Trino's words: which arguments fit a function, how they are coerced, and how it is listed.

use std::fmt::Display;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;

use super::LIKE_PATTERN;
use crate::error::{DialectError, ErrorKind, Subject, type_mismatch};
use crate::types::TrinoType;

/// One signature, taken apart.
#[derive(Debug)]
pub(crate) struct Parameters {
    kinds: Vec<Kind>,
    repeats: bool,
    pub result: Kind,
    /// The arguments as listed.
    pub arguments: String,
    /// The result as listed.
    pub returned: String,
}

/// What fits a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Exactly(TrinoType),
    Number,
    Decimal,
    Moment,
    Array,
    Map,
    Row,
    Anything,
    /// As a result: the type of the first argument.
    Same,
}

/// The first signature that fits exactly, else the first that fits.
pub(crate) fn fitting<'a>(signatures: &'a [Parameters], types: &[DataType]) -> Option<&'a Parameters> {
    let fitting = || signatures.iter().filter(|signature| signature.fits(types));
    fitting().find(|signature| signature.fits_exactly(types)).or_else(|| fitting().next())
}

/// Why no signature fits arguments of these types.
pub(crate) fn mismatch<T: Display>(name: &str, signatures: &[Parameters], types: &[T]) -> DataFusionError {
    let given: Vec<String> = types.iter().map(ToString::to_string).collect();
    if name == LIKE_PATTERN {
        let pattern = given.first().map_or("", String::as_str);
        return type_mismatch(format!(
            "Pattern for LIKE expression must evaluate to a varchar (actual: {pattern})"
        ));
    }
    let name = name.trim_start_matches('$').trim_end_matches("_n");
    let expected: Vec<String> =
        signatures.iter().map(|signature| format!("{name}({})", signature.arguments)).collect();
    let message = format!(
        "Unexpected parameters ({}) for function {name}. Expected: {}",
        given.join(", "),
        expected.join(", ")
    );
    DialectError::new(ErrorKind::FunctionNotFound, message).about(Subject::Function(name.to_owned())).into()
}

/// The types that arguments are cast to, by the signature that fits them; as they are where none does, which the function
/// itself refuses once it knows what is constant.
pub(crate) fn coerced_types(signatures: &[Parameters], types: &[DataType]) -> Vec<DataType> {
    let Some(signature) = fitting(signatures, types) else { return types.to_vec() };
    let coerced = |(index, given)| signature.kind(index).map_or(DataType::Null, |kind| kind.coerced(given));
    types.iter().enumerate().map(coerced).collect()
}

/// The type of an argument as Trino has it, which knows the length of a literal and calls small numbers `integer`.
pub(crate) fn type_of_argument(field: &Field, constant: Option<&ScalarValue>) -> TrinoType {
    match constant {
        Some(ScalarValue::Int64(Some(number))) if i32::try_from(*number).is_ok() => TrinoType::Integer,
        Some(value) => match value.try_as_str() {
            Some(Some(text)) if TrinoType::of_field(field) == (TrinoType::Varchar { length: None }) => {
                TrinoType::Varchar { length: u32::try_from(text.chars().count()).ok() }
            }
            _ => TrinoType::of_field(field),
        },
        None => TrinoType::of_field(field),
    }
}

impl Parameters {
    pub fn parse(text: &str) -> Self {
        let (arguments, returned) = text.split_once("->").expect("a signature has an arrow");
        let (arguments, returned) = (arguments.trim(), returned.trim());
        let repeats = arguments.ends_with("...");
        let kinds = split_top(arguments.trim_end_matches("...")).map(Kind::parse).collect();
        Self {
            kinds,
            repeats,
            result: TrinoType::parse(returned).map_or_else(|_| Kind::parse(returned), Kind::Exactly),
            arguments: arguments.to_owned(),
            returned: returned.to_owned(),
        }
    }

    pub fn kind(&self, index: usize) -> Option<&Kind> {
        self.kinds.get(index).or_else(|| self.kinds.last().filter(|_| self.repeats))
    }

    fn takes(&self, count: usize) -> bool {
        count == self.kinds.len() || (self.repeats && count + 1 >= self.kinds.len())
    }

    fn fits(&self, types: &[DataType]) -> bool {
        self.takes(types.len())
            && types
                .iter()
                .enumerate()
                .all(|(index, given)| self.kind(index).is_some_and(|kind| kind.fits(given)))
    }

    fn fits_exactly(&self, types: &[DataType]) -> bool {
        types.iter().enumerate().all(|(index, given)| {
            !given.is_null() && self.kind(index).is_some_and(|kind| kind.coerced(given) == *given)
        })
    }
}

/// The parts between commas outside parentheses.
fn split_top(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "number" => Self::Number,
            "decimal" => Self::Decimal,
            "moment" => Self::Moment,
            "same" => Self::Same,
            _ if text.starts_with("array") => Self::Array,
            _ if text.starts_with("map") => Self::Map,
            _ if text.starts_with("row") => Self::Row,
            _ if text.len() == 1 => Self::Anything,
            _ => Self::Exactly(TrinoType::parse(text).expect("a type in a signature")),
        }
    }

    pub fn is_text(&self) -> bool {
        matches!(self, Self::Exactly(TrinoType::Varchar { .. } | TrinoType::Json))
    }

    pub fn fits(&self, given: &DataType) -> bool {
        if given.is_null() {
            return true;
        }
        match self {
            Self::Anything | Self::Same => true,
            Self::Number => given.is_numeric(),
            Self::Decimal => is_decimal(given) || given.is_integer(),
            Self::Moment => is_moment(given),
            Self::Array => is_list(given),
            Self::Map => matches!(given, DataType::Map(..)),
            Self::Row => matches!(given, DataType::Struct(_)),
            Self::Exactly(wanted) => fits_type(wanted, given),
        }
    }

    /// The type that an argument is cast to before the function sees it.
    pub fn coerced(&self, given: &DataType) -> DataType {
        match self {
            Self::Exactly(TrinoType::Timestamp { .. }) => DataType::Timestamp(unit_of(given), None),
            Self::Exactly(TrinoType::TimestampWithTimeZone { .. }) => match given {
                DataType::Timestamp(_, Some(_)) => given.clone(),
                _ => DataType::Timestamp(unit_of(given), Some("UTC".into())),
            },
            // A cast would hide a constant from planning: texts become views when they are evaluated.
            text if text.is_text() && given.is_string() => given.clone(),
            Self::Exactly(wanted) => wanted.to_arrow(),
            Self::Number if given.is_null() => DataType::Float64,
            Self::Decimal => decimal_of(given),
            Self::Moment if given.is_null() => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Array => match given {
                DataType::LargeList(field)
                | DataType::FixedSizeList(field, _)
                | DataType::ListView(field)
                | DataType::LargeListView(field) => DataType::List(Arc::clone(field)),
                DataType::Null => DataType::new_list(DataType::Null, true),
                other => other.clone(),
            },
            _ => given.clone(),
        }
    }
}

fn unit_of(given: &DataType) -> TimeUnit {
    match given {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Microsecond,
    }
}

/// The decimal that holds every value of a number type.
pub(crate) fn decimal_of(given: &DataType) -> DataType {
    match given {
        DataType::Decimal128(..) => given.clone(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal256(precision, scale) => DataType::Decimal128((*precision).min(38), *scale),
        DataType::Int8 | DataType::UInt8 => DataType::Decimal128(3, 0),
        DataType::Int16 | DataType::UInt16 => DataType::Decimal128(5, 0),
        DataType::Int32 | DataType::UInt32 => DataType::Decimal128(10, 0),
        DataType::UInt64 => DataType::Decimal128(20, 0),
        _ => DataType::Decimal128(19, 0),
    }
}

fn fits_type(wanted: &TrinoType, given: &DataType) -> bool {
    match wanted {
        TrinoType::Varchar { .. } | TrinoType::Json => given.is_string(),
        TrinoType::Bigint => given.is_integer(),
        TrinoType::Integer => given.is_integer() && !matches!(given, DataType::UInt64),
        TrinoType::Double => given.is_numeric(),
        TrinoType::Real => *given == DataType::Float32,
        TrinoType::Varbinary => matches!(
            given,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
        ),
        TrinoType::Date => matches!(given, DataType::Date32 | DataType::Date64),
        TrinoType::Timestamp { .. } => {
            matches!(given, DataType::Timestamp(_, None) | DataType::Date32)
        }
        TrinoType::TimestampWithTimeZone { .. } => is_moment(given),
        TrinoType::Time { .. } => matches!(given, DataType::Time32(_) | DataType::Time64(_)),
        TrinoType::IntervalDayToSecond => {
            matches!(given, DataType::Interval(IntervalUnit::MonthDayNano) | DataType::Duration(_))
        }
        other => other.to_arrow() == *given,
    }
}

pub(crate) fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
}

fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
    )
}
