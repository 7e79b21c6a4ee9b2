//! Time zones, and the civil time that they show.

use chrono::{DateTime, Duration, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeZone};
use datafusion::common::Result;

use crate::error::invalid_argument;

/// A time zone by name or by its distance from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Named(chrono_tz::Tz),
    Fixed(FixedOffset),
}

impl Zone {
    pub const UTC: Self = Self::Named(chrono_tz::UTC);

    /// Reads `Europe/Paris`, `UTC`, `Z`, `+02:00` or `-0530`.
    pub fn parse(text: &str) -> Result<Self> {
        if matches!(text, "Z" | "z") {
            return Ok(Self::UTC);
        }
        if let Some(offset) = parse_offset(text) {
            return Ok(Self::Fixed(offset));
        }
        let named = text.parse::<chrono_tz::Tz>();
        named.map(Self::Named).map_err(|_| invalid_argument(format!("'{text}' is not a valid time zone")))
    }

    /// The name under which Arrow and clients know the zone.
    pub fn name(self) -> String {
        match self {
            Self::Named(zone) => zone.name().to_owned(),
            Self::Fixed(offset) if offset.local_minus_utc() == 0 => "UTC".to_owned(),
            Self::Fixed(offset) => offset.to_string(),
        }
    }

    pub fn is_utc(self) -> bool {
        match self {
            Self::Named(zone) => matches!(zone, chrono_tz::UTC | chrono_tz::Etc::UTC | chrono_tz::GMT),
            Self::Fixed(offset) => offset.local_minus_utc() == 0,
        }
    }

    /// The distance from UTC at an instant (given as the civil time of UTC), in seconds.
    pub fn offset_at(self, utc: NaiveDateTime) -> i32 {
        match self {
            Self::Named(zone) => zone.offset_from_utc_datetime(&utc).fix().local_minus_utc(),
            Self::Fixed(offset) => offset.local_minus_utc(),
        }
    }

    /// The civil time that clocks of the zone show at an instant.
    pub fn civil(self, utc: NaiveDateTime) -> NaiveDateTime {
        if self.is_utc() {
            return utc;
        }
        utc.checked_add_signed(Duration::seconds(i64::from(self.offset_at(utc)))).unwrap_or(utc)
    }

    /// The instant at which clocks of the zone show a civil time: the earlier of two, and behind a gap by the gap's length.
    pub fn instant(self, civil: NaiveDateTime) -> NaiveDateTime {
        let earliest = match self {
            Self::Fixed(offset) => return civil - Duration::seconds(i64::from(offset.local_minus_utc())),
            Self::Named(_) if self.is_utc() => return civil,
            Self::Named(zone) => zone.from_local_datetime(&civil),
        };
        match earliest {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.naive_utc(),
            LocalResult::None => {
                let before = self.offset_at(civil - Duration::days(1));
                civil - Duration::seconds(i64::from(before))
            }
        }
    }
}

/// Reads `+02:00`, `-0530` or `+2`.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))
}

/// The civil time of UTC at so many nanoseconds since 1970, where the calendar reaches so far.
pub(super) fn utc_of_nanos(nanos: i128) -> Option<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
    DateTime::from_timestamp(seconds, rest).map(|time| time.naive_utc())
}

/// Nanoseconds since 1970 of a civil time of UTC.
pub(crate) fn nanos_of_utc(utc: NaiveDateTime) -> i128 {
    let time = utc.and_utc();
    i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos())
}
