//! Dates, times and intervals as text.

use std::io::Write as _;

const SECONDS_A_DAY: i64 = 86_400;
const NANOS_A_SECOND: i64 = 1_000_000_000;

/// An instant as whole seconds since 1970 and nanoseconds behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    pub seconds: i64,
    pub nanos: i64,
}

impl Instant {
    /// From a count of which `per_second` are a second.
    pub(super) fn of(count: i64, per_second: i64) -> Self {
        let nanos = count.rem_euclid(per_second) * (NANOS_A_SECOND / per_second);
        Self { seconds: count.div_euclid(per_second), nanos }
    }

    /// The nearest instant with so many digits behind the second.
    pub(super) fn rounded(self, digits: u8) -> Self {
        let unit = 10_i64.pow(9 - u32::from(digits.min(9)));
        let nanos = (self.nanos + unit / 2) / unit * unit;
        Self { seconds: self.seconds + nanos / NANOS_A_SECOND, nanos: nanos % NANOS_A_SECOND }
    }

    pub(super) fn plus_seconds(self, seconds: i64) -> Self {
        Self { seconds: self.seconds + seconds, ..self }
    }
}

/// `2026-01-31 12:30:00.123456`, with so many digits behind the second.
pub(super) fn timestamp(instant: Instant, digits: u8, out: &mut Vec<u8>) {
    let instant = instant.rounded(digits);
    date(instant.seconds.div_euclid(SECONDS_A_DAY), out);
    out.push(b' ');
    clock(instant.seconds.rem_euclid(SECONDS_A_DAY), instant.nanos, digits, out);
}

/// `12:30:00.123456`.
pub(super) fn time(of_day: Instant, digits: u8, out: &mut Vec<u8>) {
    let of_day = of_day.rounded(digits);
    clock(of_day.seconds.rem_euclid(SECONDS_A_DAY), of_day.nanos, digits, out);
}

/// `2026-01-31`, from days since 1970.
pub(super) fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    if (0..=9_999).contains(&year) {
        padded(year, 4, out);
    } else {
        let _ = write!(out, "{year}");
    }
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
}

/// `1-2` is a year and two months.
pub(super) fn months(months: i64, out: &mut Vec<u8>) {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    let _ = write!(out, "{sign}{}-{}", months / 12, months % 12);
}

/// `2 03:04:05.678`, from milliseconds.
pub(super) fn milliseconds(milliseconds: i64, out: &mut Vec<u8>) {
    if milliseconds < 0 {
        out.push(b'-');
    }
    let milliseconds = milliseconds.unsigned_abs();
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    let (minutes, hours) = (seconds / 60 % 60, seconds / 3_600 % 24);
    let _ = write!(out, "{} {hours:02}:{minutes:02}:{:02}.{rest:03}", seconds / 86_400, seconds % 60);
}

fn clock(second_of_day: i64, nanos: i64, digits: u8, out: &mut Vec<u8>) {
    padded(second_of_day / 3_600, 2, out);
    out.push(b':');
    padded(second_of_day / 60 % 60, 2, out);
    out.push(b':');
    padded(second_of_day % 60, 2, out);
    if digits == 0 {
        return;
    }
    out.push(b'.');
    let kept = u32::from(digits.min(9));
    padded(nanos / 10_i64.pow(9 - kept), kept as usize, out);
    out.extend(std::iter::repeat_n(b'0', usize::from(digits.saturating_sub(9))));
}

/// The number with zeros before it. It has no more digits than `width`, and is not negative.
fn padded(number: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = number.unsigned_abs();
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

/// Year, month and day of days since 1970 in the proleptic Gregorian calendar: counts in eras of 400 years that begin in
/// March, so that the day that comes and goes is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_AN_ERA: i64 = 146_097;
    let since_era_0 = days + 719_468;
    let era = since_era_0.div_euclid(DAYS_AN_ERA);
    let day_of_era = since_era_0.rem_euclid(DAYS_AN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn instants_read_as_a_calendar_has_them(nanos in any::<i64>()) {
            let text = written(|out| timestamp(Instant::of(nanos, NANOS_A_SECOND), 9, out));
            let expected = timestamp_ns_to_datetime(nanos).unwrap().format("%Y-%m-%d %H:%M:%S%.9f").to_string();
            prop_assert_eq!(text, expected);
        }
    }

    #[test]
    fn digits_are_rounded_or_filled_with_zeros() {
        let last = Instant::of(1_767_225_599_999_999_999, NANOS_A_SECOND);
        for (digits, text) in [
            (0, "2026-01-01 00:00:00"),
            (3, "2026-01-01 00:00:00.000"),
            (9, "2025-12-31 23:59:59.999999999"),
            (12, "2025-12-31 23:59:59.999999999000"),
        ] {
            assert_eq!(written(|out| timestamp(last, digits, out)), text);
        }
        let before = Instant::of(-1, 1_000_000);
        assert_eq!(written(|out| timestamp(before, 6, out)), "1969-12-31 23:59:59.999999");
        assert_eq!(written(|out| time(Instant::of(86_399_999_999, 1_000_000), 0, out)), "00:00:00");
        assert_eq!(written(|out| date(-719_529, out)), "-1-12-31");
    }

    #[test]
    fn intervals_have_one_sign() {
        assert_eq!(written(|out| months(14, out)), "1-2");
        assert_eq!(written(|out| months(-14, out)), "-1-2");
        assert_eq!(written(|out| milliseconds(183_845_678, out)), "2 03:04:05.678");
        assert_eq!(written(|out| milliseconds(-1, out)), "-0 00:00:00.001");
    }
}
