//! Times as the API writes them.

/// Nanoseconds since 1970 of a time such as `2024-08-08T11:20:31.123456789Z`.
pub fn nanoseconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = days * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction = text.get(19..)?.trim_start_matches('.').trim_end_matches('Z');
    let digits = u32::try_from(fraction.len()).ok()?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? };
    Some(seconds * 1_000_000_000 + fraction * 10_i64.checked_pow(9_u32.checked_sub(digits)?)?)
}

/// Days since 1970 of a date. Years begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(nanoseconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanoseconds("2024-08-08T11:20:31.123456789Z"), Some(1_723_116_031_123_456_789));
        assert_eq!(nanoseconds("2024-02-29T00:00:00.120Z"), Some(1_709_164_800_120_000_000));
        assert_eq!(nanoseconds("soon"), None);
    }
}
