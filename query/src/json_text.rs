//! JSON written straight into bytes, for answers that are made thousands of times a second.
//!
//! Invariant: an exact number is written with all its digits, between quotation marks, and never passes through a float.

use std::io::Write;

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::time::Timestamp;

/// The decimal digits of an `i128`, and then some.
const DIGITS: usize = 40;

/// A JSON text in the making. The caller writes the commas.
#[derive(Debug, Default)]
pub(crate) struct JsonText(Vec<u8>);

impl JsonText {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn into_bytes(self) -> bytes::Bytes {
        self.0.into()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// JSON that is there already.
    pub(crate) fn raw(&mut self, json: impl AsRef<[u8]>) {
        self.0.extend_from_slice(json.as_ref());
    }

    /// A string of characters that need no escape, such as a symbol.
    pub(crate) fn plain(&mut self, text: &str) {
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// Any string.
    pub(crate) fn string(&mut self, text: &str) {
        // A string serializes, and a vector takes what is written.
        let _ = serde_json::to_writer(&mut self.0, text);
    }

    pub(crate) fn integer(&mut self, value: impl Into<i128>) {
        let value = value.into();
        if value < 0 {
            self.0.push(b'-');
        }
        self.digits(value.unsigned_abs());
    }

    /// A double, or null where it is none or no number.
    pub(crate) fn double(&mut self, value: Option<f64>) {
        match value.filter(|value| value.is_finite()) {
            // A finite double serializes, and a vector takes what is written.
            Some(value) => drop(serde_json::to_writer(&mut self.0, &value)),
            None => self.raw("null"),
        }
    }

    /// `units · 10^-decimals` in quotation marks, without trailing zeros.
    pub(crate) fn decimal(&mut self, units: i128, decimals: u8) {
        self.0.push(b'"');
        if units < 0 {
            self.0.push(b'-');
        }
        let unit = 10_u128.saturating_pow(u32::from(decimals));
        let magnitude = units.unsigned_abs();
        self.digits(magnitude / unit);
        let mut fraction = magnitude % unit;
        if fraction > 0 {
            let mut width = usize::from(decimals);
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                width -= 1;
            }
            self.0.push(b'.');
            self.padded(fraction, width);
        }
        self.0.push(b'"');
    }

    /// Units of a scale, as [`JsonText::decimal`]. O(digits).
    #[inline]
    pub(crate) fn units(&mut self, units: i64, scale: Scale) {
        let Ok(magnitude) = u64::try_from(units) else { return self.decimal(units.into(), scale.decimals()) };
        let unit = scale.units_per_one().unsigned_abs();
        self.0.push(b'"');
        self.short_digits(magnitude / unit);
        let mut fraction = magnitude % unit;
        if fraction > 0 {
            let mut width = usize::from(scale.decimals());
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                width -= 1;
            }
            self.0.push(b'.');
            let end = self.0.len() + width;
            self.0.resize(end, b'0');
            for place in self.0.iter_mut().rev().take(width) {
                *place = digit((fraction % 10).into());
                fraction /= 10;
            }
        }
        self.0.push(b'"');
    }

    /// A time of RFC 3339 in UTC, to the last of milli-, micro- or nanoseconds that is not zero; null for the time 0.
    pub(crate) fn time(&mut self, time: Timestamp) {
        if time.0 == 0 {
            return self.raw("null");
        }
        self.0.push(b'"');
        self.bare_time(time);
        self.0.push(b'"');
    }

    fn bare_time(&mut self, time: Timestamp) {
        const SECOND: i64 = 1_000_000_000;
        let (seconds, nanoseconds) = (time.0.div_euclid(SECOND), time.0.rem_euclid(SECOND));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        for (number, width, end) in [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (second / 3_600, 2, b':'),
            (second / 60 % 60, 2, b':'),
        ] {
            self.padded(number.unsigned_abs().into(), width);
            self.0.push(end);
        }
        self.padded((second % 60).unsigned_abs().into(), 2);
        let (fraction, width) = match nanoseconds {
            0 => (0, 0),
            n if n % 1_000_000 == 0 => (n / 1_000_000, 3),
            n if n % 1_000 == 0 => (n / 1_000, 6),
            n => (n, 9),
        };
        if width > 0 {
            self.0.push(b'.');
            self.padded(fraction.unsigned_abs().into(), width);
        }
        self.0.push(b'Z');
    }

    fn digits(&mut self, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.short_digits(value),
            // A vector takes what is written.
            Err(_) => drop(write!(self.0, "{value}")),
        }
    }

    #[inline]
    fn short_digits(&mut self, mut value: u64) {
        let mut digits = [b'0'; DIGITS];
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            *place = digit((value % 10).into());
            value /= 10;
            count += 1;
            if value == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(DIGITS - count..).unwrap_or_default());
    }

    fn padded(&mut self, mut value: u128, width: usize) {
        let end = self.0.len() + width;
        self.0.resize(end, b'0');
        for place in self.0.iter_mut().rev().take(width) {
            *place = digit(value % 10);
            value /= 10;
        }
    }
}

/// A time as RFC 3339, as [`JsonText::time`] writes it.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let mut text = JsonText::with_capacity(32);
    text.bare_time(time);
    String::from_utf8(text.0).unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "a digit")]
const fn digit(value: u128) -> u8 {
    b'0' + (value % 10) as u8
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar: years begin in March, so that leap days
/// come last, and go in cycles of 400.
const fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_MARCH_OF_YEAR_0: i64 = 719_468;
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + DAYS_TO_MARCH_OF_YEAR_0;
    let (cycle, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::decimal::ExactDecimal;
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut JsonText)) -> String {
        let mut text = JsonText::default();
        write(&mut text);
        String::from_utf8(text.0).unwrap()
    }

    #[test]
    fn times_end_with_their_last_digits() {
        for (nanoseconds, expected) in [
            (1_723_116_031_123_456_789, "\"2024-08-08T11:20:31.123456789Z\""),
            (1_723_116_031_123_456_000, "\"2024-08-08T11:20:31.123456Z\""),
            (1_723_116_031_120_000_000, "\"2024-08-08T11:20:31.120Z\""),
            (1_709_164_800_000_000_000, "\"2024-02-29T00:00:00Z\""),
            (-1, "\"1969-12-31T23:59:59.999999999Z\""),
            (0, "null"),
        ] {
            assert_eq!(written(|text| text.time(Timestamp(nanoseconds))), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_null() {
        assert_eq!(written(|text| text.double(Some(f64::NAN))), "null");
        assert_eq!(written(|text| text.double(Some(0.25))), "0.25");
        assert_eq!(written(|text| text.integer(i64::MIN)), i64::MIN.to_string());
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_exact_display(units in any::<i64>(), decimals in 0..=8_u8, wide in any::<i128>()) {
            let scale = Scale::new(decimals).unwrap();
            let expected = format!("\"{}\"", ExactDecimal::new(units.into(), decimals));
            prop_assert_eq!(written(|text| text.units(units, scale)), expected);
            let expected = format!("\"{}\"", ExactDecimal::new(wide, decimals));
            prop_assert_eq!(written(|text| text.decimal(wide, decimals)), expected);
        }

        #[test]
        fn times_are_those_of_another_calendar(nanoseconds in -4_000_000_000_000_000_000_i64..4_000_000_000_000_000_000) {
            let parsed = datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(
                &rfc3339(Timestamp(nanoseconds)),
            );
            prop_assert_eq!(parsed.unwrap(), nanoseconds);
        }
    }
}
