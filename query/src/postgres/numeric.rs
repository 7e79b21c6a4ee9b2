//! `numeric` as text and in its binary form: digits to the base of ten thousand.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};

const NEGATIVE: u16 = 0x4000;

/// A decimal number with all its digits.
pub(super) fn text(value: i128, scale: i8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    match usize::try_from(scale) {
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
    }
}

/// The number of groups, the weight of the first, the sign, the digits to show, and the groups.
pub(super) fn put_binary(value: i128, scale: i8, out: &mut BytesMut) {
    let shown = u16::try_from(scale).unwrap_or(0);
    let text = text(value, scale);
    let (whole, fraction) =
        text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
    let whole = format!("{whole:0>width$}", width = whole.len().next_multiple_of(4));
    let fraction = format!("{fraction:0<width$}", width = fraction.len().next_multiple_of(4));
    let mut groups: Vec<u16> = groups(&whole).chain(groups(&fraction)).collect();
    let mut weight = i16::try_from(whole.len() / 4).unwrap_or(i16::MAX) - 1;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= i16::try_from(leading).unwrap_or(0);
    out.put_i16(i16::try_from(groups.len()).unwrap_or(0));
    out.put_i16(if groups.is_empty() { 0 } else { weight });
    out.put_u16(if value < 0 { NEGATIVE } else { 0 });
    out.put_u16(shown);
    for group in groups {
        out.put_u16(group);
    }
}

/// Reads the binary form into digits and a scale; `None` where it is malformed, no number, or too long.
pub(super) fn read_binary(bytes: &[u8]) -> Option<(i128, i8)> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign, shown) =
        (words.next()?, words.next()?.cast_signed(), words.next()?, words.next()?);
    let groups: Vec<u16> = words.collect();
    if groups.len() != usize::from(count)
        || (sign != 0 && sign != NEGATIVE)
        || groups.iter().any(|g| *g > 9_999)
    {
        return None;
    }
    // The groups as digits, of which these lie behind the point.
    let mut digits: String = groups.iter().fold(String::new(), |mut text, group| {
        _ = write!(text, "{group:04}");
        text
    });
    let behind = (i32::from(count) - i32::from(weight) - 1) * 4;
    let scale = i8::try_from(shown).ok()?;
    let missing = i32::from(scale) - behind;
    if let Ok(missing) = usize::try_from(missing) {
        digits.extend(std::iter::repeat_n('0', missing));
    } else {
        let surplus = usize::try_from(missing.unsigned_abs()).ok()?;
        digits.truncate(digits.len().saturating_sub(surplus));
    }
    let value: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some((if sign == NEGATIVE { -value } else { value }, scale))
}

fn groups(digits: &str) -> impl Iterator<Item = u16> {
    digits
        .as_bytes()
        .chunks(4)
        .map(|group| group.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_neither_lost_nor_added() {
        let cases = [(0, 2, "0.00"), (-5, 2, "-0.05"), (123_456, 2, "1234.56"), (7, 0, "7"), (7, -3, "7000")];
        for (value, scale, expected) in cases {
            assert_eq!(text(value, scale), expected);
        }
    }

    /// As `PostgreSQL` 15 sends `12345.678::numeric(12,4)` and `-0.0001::numeric(5,4)`.
    #[test]
    fn binary_is_that_of_postgresql() {
        let binary = |value, scale| {
            let mut out = BytesMut::new();
            put_binary(value, scale, &mut out);
            out.to_vec()
        };
        assert_eq!(binary(123_456_780, 4), [0, 3, 0, 1, 0, 0, 0, 4, 0, 1, 9, 41, 26, 124]);
        assert_eq!(binary(-1, 4), [0, 1, 255, 255, 64, 0, 0, 4, 0, 1]);
        assert_eq!(binary(0, 2), [0, 0, 0, 0, 0, 0, 0, 2]);
    }

    proptest! {
        #[test]
        fn binary_reads_back(value in any::<i128>(), scale in 0_i8..=38) {
            let value = value % 10_i128.pow(37);
            let mut out = BytesMut::new();
            put_binary(value, scale, &mut out);
            prop_assert_eq!(read_binary(&out), Some((value, scale)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read_binary(&bytes);
        }
    }
}
