//! Trino's functions.

mod aggregate;
mod arithmetic;
mod binary;
mod bits;
pub(crate) mod cast;
mod collection;
pub(crate) mod interval;
mod json;
mod json_path;
pub(crate) mod lambda;
mod listing;
mod number;
mod random;
mod regexp;
pub(crate) mod rows;
pub(crate) mod scalar;
pub(crate) mod signature;
mod text;
mod time;
mod url;
mod value;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use listing::{FunctionKind, FunctionListing, listing};
pub(crate) use text::{LIKE_PATTERN, escaped_by_backslash};
pub use value::VERSION;

use crate::types::TrinoType;
use aggregate::Aggregate;
pub(crate) use aggregate::SINGLE;
use scalar::Scalar;
pub(crate) use value::BYTES;

fn scalars() -> Vec<Scalar> {
    let mut all = arithmetic::functions();
    all.extend(binary::functions());
    all.extend(bits::functions());
    all.extend(collection::functions());
    all.extend(interval::functions());
    all.extend(json::functions());
    all.extend(json_path::functions());
    all.extend(number::functions());
    all.extend(random::functions());
    all.extend(regexp::functions());
    all.extend(text::functions());
    all.extend(time::functions());
    all.extend(url::functions());
    all.extend(value::functions());
    all
}

/// All scalar functions of the dialect.
pub(crate) fn scalar_functions() -> Vec<ScalarUDF> {
    let mut all: Vec<ScalarUDF> = scalars().into_iter().map(Scalar::into_udf).collect();
    all.extend(cast::functions());
    all.extend(lambda::functions());
    all
}

/// All aggregate functions of the dialect.
pub(crate) fn aggregate_functions() -> Vec<AggregateUDF> {
    aggregate::functions().into_iter().map(Aggregate::into_udaf).collect()
}

/// The type that the text of a timestamp literal implies: its digits behind the second, and whether it names a zone.
pub(crate) fn parse_timestamp_literal(text: &str) -> Option<TrinoType> {
    let (_, precision, zone) = time::parse_timestamp(text).ok()?;
    Some(match zone {
        Some(_) => TrinoType::TimestampWithTimeZone { precision },
        None => TrinoType::Timestamp { precision },
    })
}
