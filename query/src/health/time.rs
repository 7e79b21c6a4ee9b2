//! Times as texts of RFC 3339, in UTC, to the nanosecond.

use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
use depthlake_orderbook::time::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The text of a time.
pub(super) fn text(time: Timestamp) -> String {
    timestamp_ns_to_datetime(time.0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn parse<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    let parsed = datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text);
    parsed.map(Timestamp).map_err(E::custom)
}

pub(super) mod option {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    #[expect(clippy::ref_option, reason = "what serde calls")]
    pub(in super::super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&super::text(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| super::parse(&text)).transpose()
    }
}
