//! Time zones as Arrow names them and Trino shows them.

use chrono_tz::{OffsetComponents, TzOffset};
use datafusion::arrow::temporal_conversions::timestamp_s_to_datetime;

/// A zone that instants are shown in.
pub(super) enum Zone {
    Utc,
    /// Hours and minutes from UTC, in seconds, with its name.
    Fixed(i64, String),
    Named(chrono_tz::Tz),
}

impl Zone {
    /// The zone that an Arrow type names: `UTC`, `+02:00`, `Europe/Berlin`.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if matches!(name, "UTC" | "Z" | "+00:00" | "-00:00" | "+0000" | "Etc/UTC") {
            return Ok(Self::Utc);
        }
        if let Some(seconds) = fixed(name) {
            let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
            return Ok(Self::Fixed(seconds, format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)));
        }
        name.parse().map(Self::Named).map_err(|_| format!("there is no time zone {name:?}"))
    }

    /// By how many seconds clocks in the zone are ahead of UTC then.
    pub(super) fn offset(&self, seconds: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Fixed(offset, _) => *offset,
            Self::Named(zone) => timestamp_s_to_datetime(seconds).map_or(0, |time| {
                let local = time.and_utc().with_timezone(zone);
                let offset: &TzOffset = local.offset();
                (offset.base_utc_offset() + offset.dst_offset()).num_seconds()
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(_, name) => name,
            Self::Named(zone) => zone.name(),
        }
    }
}

/// `+02:00`, `+0200` or `+02` in seconds.
fn fixed(name: &str) -> Option<i64> {
    let (sign, rest) = match name.as_bytes().first()? {
        b'+' => (1, &name[1..]),
        b'-' => (-1, &name[1..]),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|&c| c != ':').collect();
    let number = |range| digits.get(range).map_or(Some(0), |text: &str| text.parse::<i64>().ok());
    (digits.len() == 2 || digits.len() == 4).then_some(())?;
    Some(sign * (number(0..2)? * 3_600 + number(2..4)? * 60))
}
