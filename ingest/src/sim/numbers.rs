//! Numbers as the venue prints them. In generated markets a price or quantity is a whole number of 10⁻⁸.

use std::fmt::Write;

use depthlake_orderbook::time::Timestamp;

/// The scale of generated prices and quantities.
pub(super) const UNIT_SCALE: u8 = 8;
pub(super) const UNITS_PER_ONE: i64 = 100_000_000;

/// In which unit a client wants its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TimeUnit {
    Milliseconds,
    Microseconds,
}

impl TimeUnit {
    pub(super) const ALL: [Self; 2] = [Self::Milliseconds, Self::Microseconds];

    /// The unit a client names in `timeUnit=` or `X-MBX-TIME-UNIT`; milliseconds where it names none.
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("MILLISECOND" | "millisecond") => Some(Self::Milliseconds),
            Some("MICROSECOND" | "microsecond") => Some(Self::Microseconds),
            Some(_) => None,
        }
    }

    pub(super) const fn of(self, time: Timestamp) -> i64 {
        match self {
            Self::Milliseconds => time.milliseconds(),
            Self::Microseconds => time.microseconds(),
        }
    }

    /// The last instant before `time`, as the venue prints the ends of klines.
    pub(super) const fn before(self, time: Timestamp) -> i64 {
        self.of(time) - 1
    }
}

/// Appends `units` of 10⁻ˢ, where s is `scale`, with `decimals` places; digits beyond are cut.
pub(super) fn push_decimal(out: &mut String, units: i128, scale: u8, decimals: u8) {
    let one = 10_i128.pow(u32::from(scale));
    let (whole, fraction) = (units / one, units % one);
    let fraction = match scale.checked_sub(decimals) {
        Some(cut) => fraction / 10_i128.pow(u32::from(cut)),
        None => fraction * 10_i128.pow(u32::from(decimals - scale)),
    };
    // Writing to a String cannot fail.
    let _ = match decimals {
        0 => write!(out, "{whole}"),
        _ => write!(out, "{whole}.{fraction:0width$}", width = usize::from(decimals)),
    };
}

/// Decimal text of `units` of 10⁻ˢ.
pub(super) fn decimal(units: i128, scale: u8, decimals: u8) -> String {
    let mut text = String::with_capacity(24);
    push_decimal(&mut text, units, scale, decimals);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_on_the_venue() {
        assert_eq!(decimal(6_183_763_000_000, 8, 8), "61837.63000000");
        assert_eq!(decimal(6_183_763, 2, 8), "61837.63000000");
        assert_eq!(decimal(5_871_020_000_000, 8, 2), "58710.20");
        assert_eq!(decimal(100_100_000_000, 8, 0), "1001");
        assert_eq!(decimal(0, 8, 3), "0.000");
        assert_eq!(decimal(6_183_763_000_000 * 1_230_000, 16, 8), "760.60284900");
    }
}
