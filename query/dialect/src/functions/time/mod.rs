//! Dates, times and zones.

mod arithmetic;
mod civil;
mod fields;
mod format;
mod moment;
mod pattern;
mod unix;
mod zones;

pub(crate) use civil::{Zone, nanos_of_utc};
pub(crate) use moment::{MomentKind, Moments, parse_timestamp, read_date, read_time};

use super::scalar::Scalar;

pub(super) fn functions() -> Vec<Scalar> {
    let mut all = arithmetic::functions();
    all.extend(fields::functions());
    all.extend(format::functions());
    all.extend(unix::functions());
    all.extend(zones::functions());
    all
}
