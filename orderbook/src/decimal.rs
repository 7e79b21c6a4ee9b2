//! Exact prices and quantities: integers at an instrument's scale.
//!
//! A venue prints numbers as decimal text (`"61837.63000000"`). [`Scale`] turns such text into an integer count of
//! 10⁻ˢ and back, and refuses what would not come back the same: nothing here ever rounds.

use std::fmt;

use thiserror::Error;

/// Why a decimal text is not a number at a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecimalError {
    #[error("not a plain decimal number")]
    NotDecimal,
    #[error("has digits finer than {decimals} decimal places")]
    Inexact { decimals: u8 },
    #[error("is too large at {decimals} decimal places")]
    TooLarge { decimals: u8 },
}

/// The number of decimal places at which an instrument's prices or quantities are whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scale(u8);

/// A price in units of 10⁻ˢ, where s is the price scale of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price(pub i64);

/// A quantity in units of 10⁻ˢ, where s is the quantity scale of its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(pub i64);

impl Quantity {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Scale {
    /// The finest scale supported: that of the lake's `decimal(18,8)` and `decimal(28,8)`.
    pub const MAX: Self = Self(8);

    /// A scale of `decimals` places, or `None` above [`Scale::MAX`].
    #[must_use]
    pub const fn new(decimals: u8) -> Option<Self> {
        if decimals <= Self::MAX.0 { Some(Self(decimals)) } else { None }
    }

    /// The coarsest scale at which `text` is a whole number, e.g. 2 for `"0.01000000"`.
    ///
    /// # Errors
    /// [`DecimalError`] where the text is no decimal number or needs more than [`Scale::MAX`] places.
    pub fn of(text: &str) -> Result<Self, DecimalError> {
        Self::MAX.parse(text.as_bytes())?;
        let significant = text.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
        u8::try_from(significant.len()).map(Self).map_err(|_| DecimalError::NotDecimal)
    }

    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.0
    }

    /// 10ˢ, the number of units in one.
    #[must_use]
    #[inline]
    pub const fn units_per_one(self) -> i64 {
        const POWERS: [i64; Scale::MAX.0 as usize + 1] =
            [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
        POWERS[self.0 as usize]
    }

    /// Parses decimal text into units of this scale, exactly. Zeros beyond the scale are accepted, other digits are not.
    ///
    /// # Errors
    /// [`DecimalError`], never a rounded value.
    pub fn parse(self, text: &[u8]) -> Result<i64, DecimalError> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let too_large = DecimalError::TooLarge { decimals: self.0 };
        let mut units: i64 = 0;
        let mut places: Option<u8> = None;
        let mut seen = false;
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    match &mut places {
                        Some(count) if *count == self.0 => {
                            if byte != b'0' {
                                return Err(DecimalError::Inexact { decimals: self.0 });
                            }
                            continue;
                        }
                        Some(count) => *count += 1,
                        None => {}
                    }
                    units = units
                        .checked_mul(10)
                        .and_then(|shifted| shifted.checked_add(i64::from(byte - b'0')))
                        .ok_or(too_large)?;
                }
                b'.' if places.is_none() && seen => places = Some(0),
                _ => return Err(DecimalError::NotDecimal),
            }
        }
        if !seen {
            return Err(DecimalError::NotDecimal);
        }
        let missing = u32::from(self.0 - places.unwrap_or(0));
        let units = units.checked_mul(10_i64.pow(missing)).ok_or(too_large)?;
        Ok(if negative { -units } else { units })
    }

    /// Parses a price. One of ten digits before the point is the largest that the lake's `decimal(18,8)` takes.
    ///
    /// # Errors
    /// As [`Scale::parse`].
    pub fn price(self, text: &[u8]) -> Result<Price, DecimalError> {
        const WHOLE_DIGITS: u32 = 10;
        let units = self.parse(text)?;
        if units.unsigned_abs() >= 10_u64.pow(WHOLE_DIGITS + u32::from(self.0)) {
            return Err(DecimalError::TooLarge { decimals: self.0 });
        }
        Ok(Price(units))
    }

    /// # Errors
    /// As [`Scale::parse`].
    pub fn quantity(self, text: &[u8]) -> Result<Quantity, DecimalError> {
        self.parse(text).map(Quantity)
    }

    /// Shows `units` of this scale as decimal text without trailing zeros.
    #[must_use]
    pub fn text(self, units: i64) -> impl fmt::Display {
        ExactDecimal::new(i128::from(units), self.0)
    }

    /// The nearest double of `units`, for derived figures only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "derived figures are doubles")]
    pub fn to_f64(self, units: i64) -> f64 {
        units as f64 / self.units_per_one() as f64
    }

    /// `units` of this scale, counted in the finer `target`; `None` on overflow or where `target` is coarser.
    #[must_use]
    pub fn rescale(self, units: i64, target: Self) -> Option<i64> {
        let places = target.0.checked_sub(self.0)?;
        units.checked_mul(10_i64.pow(u32::from(places)))
    }
}

/// The numbers of a decimal column: `precision` digits, `scale` of them behind the point. For what has no instrument to
/// tell its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecimalFormat {
    precision: u8,
    scale: u8,
}

impl DecimalFormat {
    /// The lake's prices: `decimal(18,8)`.
    pub const PRICE: Self = Self { precision: 18, scale: 8 };
    /// The lake's quantities: `decimal(28,8)`.
    pub const QUANTITY: Self = Self { precision: 28, scale: 8 };
    /// A price times a quantity: `decimal(38,16)`.
    pub const AMOUNT: Self = Self { precision: 38, scale: 16 };
    /// Prices of stocks, adjusted ones too, which are quotients with many places: `decimal(38,18)`.
    pub const STOCK_PRICE: Self = Self { precision: 38, scale: 18 };

    /// Parses decimal text into units of 10^-scale, exactly. Zeros beyond the scale are accepted, other digits are not.
    ///
    /// # Errors
    /// [`DecimalError`], never a rounded value.
    pub fn parse(self, text: &[u8]) -> Result<i128, DecimalError> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let too_large = DecimalError::TooLarge { decimals: self.scale };
        let (mut units, mut places, mut seen) = (0_i128, None, false);
        for &byte in digits {
            match (byte, &mut places) {
                (b'0', Some(count)) if *count == self.scale => {}
                (b'1'..=b'9', Some(count)) if *count == self.scale => {
                    return Err(DecimalError::Inexact { decimals: self.scale });
                }
                (b'0'..=b'9', places) => {
                    seen = true;
                    if let Some(count) = places {
                        *count += 1;
                    }
                    let shifted = units.checked_mul(10).ok_or(too_large)?;
                    units = shifted.checked_add(i128::from(byte - b'0')).ok_or(too_large)?;
                }
                (b'.', places @ None) if seen => *places = Some(0_u8),
                _ => return Err(DecimalError::NotDecimal),
            }
        }
        if !seen {
            return Err(DecimalError::NotDecimal);
        }
        let missing = u32::from(self.scale.saturating_sub(places.unwrap_or(0)));
        let units = 10_i128.checked_pow(missing).and_then(|factor| units.checked_mul(factor));
        let units = units.filter(|units| *units < 10_i128.pow(u32::from(self.precision))).ok_or(too_large)?;
        Ok(if negative { -units } else { units })
    }
}

/// A decimal number `units · 10^-decimals`, shown without trailing zeros.
///
/// ```
/// use depthlake_orderbook::decimal::ExactDecimal;
/// assert_eq!(ExactDecimal::new(-120_500, 4).to_string(), "-12.05");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactDecimal {
    units: i128,
    decimals: u8,
}

impl ExactDecimal {
    /// # Panics
    /// Where `decimals` is above 38, the digits of an `i128`.
    #[must_use]
    pub const fn new(units: i128, decimals: u8) -> Self {
        assert!(decimals <= 38, "an i128 has no more digits");
        Self { units, decimals }
    }
}

impl fmt::Display for ExactDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(u32::from(self.decimals));
        let magnitude = self.units.unsigned_abs();
        let (whole, mut fraction) = (magnitude / unit, magnitude % unit);
        if self.units < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let mut width = usize::from(self.decimals);
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(f, ".{fraction:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_what_venues_print() {
        let scale = Scale::new(2).unwrap();
        assert_eq!(scale.parse(b"61837.63000000"), Ok(6_183_763));
        assert_eq!(scale.parse(b"61837.6"), Ok(6_183_760));
        assert_eq!(scale.parse(b"7"), Ok(700));
        assert_eq!(scale.parse(b"7."), Ok(700));
        assert_eq!(scale.parse(b"-0.05"), Ok(-5));
        assert_eq!(scale.parse(b"0.00000000"), Ok(0));
    }

    #[test]
    fn refuses_what_is_not_exact() {
        let scale = Scale::new(2).unwrap();
        assert_eq!(scale.parse(b"1.005"), Err(DecimalError::Inexact { decimals: 2 }));
        assert_eq!(scale.parse(b"92233720368547758.08"), Err(DecimalError::TooLarge { decimals: 2 }));
        assert_eq!(scale.price(b"9999999999.99").map(|price| price.0), Ok(999_999_999_999));
        assert_eq!(scale.price(b"10000000000"), Err(DecimalError::TooLarge { decimals: 2 }));
        for text in ["", "-", ".5", "1e5", "1.2.3", "+1", " 1", "1 ", "0x1", "NaN", "1,5"] {
            assert_eq!(scale.parse(text.as_bytes()), Err(DecimalError::NotDecimal), "{text:?}");
        }
    }

    #[test]
    fn formats_take_what_fits_their_digits() {
        assert_eq!(DecimalFormat::PRICE.parse(b"61837.63000000"), Ok(6_183_763_000_000));
        assert_eq!(DecimalFormat::PRICE.parse(b"-7.000000000"), Ok(-700_000_000));
        assert_eq!(DecimalFormat::PRICE.parse(b"1.000000001"), Err(DecimalError::Inexact { decimals: 8 }));
        assert_eq!(DecimalFormat::PRICE.parse(b"10000000000"), Err(DecimalError::TooLarge { decimals: 8 }));
        assert_eq!(
            DecimalFormat::QUANTITY.parse(b"92233720368547758080"),
            Ok(9_223_372_036_854_775_808_000_000_000)
        );
        assert_eq!(DecimalFormat::STOCK_PRICE.parse(b"171.52000427246094"), Ok(171_520_004_272_460_940_000));
        let many = b"1".repeat(60);
        assert_eq!(DecimalFormat::AMOUNT.parse(&many), Err(DecimalError::TooLarge { decimals: 16 }));
        for text in ["", "-", ".5", "1e5", "1.2.3", "+1", " 1", "null"] {
            assert_eq!(
                DecimalFormat::PRICE.parse(text.as_bytes()),
                Err(DecimalError::NotDecimal),
                "{text:?}"
            );
        }
    }

    #[test]
    fn finds_the_scale_of_a_text() {
        assert_eq!(Scale::of("0.01000000"), Ok(Scale(2)));
        assert_eq!(Scale::of("1.00000000"), Ok(Scale(0)));
        assert_eq!(Scale::of("10"), Ok(Scale(0)));
        assert_eq!(Scale::of("0.000000001"), Err(DecimalError::Inexact { decimals: 8 }));
    }

    proptest! {
        #[test]
        fn formats_agree_with_scales(text in "-?[0-9]{1,10}(\\.[0-9]{0,10})?") {
            let scaled = Scale::MAX.parse(text.as_bytes()).map(i128::from);
            prop_assert_eq!(DecimalFormat::QUANTITY.parse(text.as_bytes()), scaled);
        }

        #[test]
        fn text_and_parse_are_inverse(units in any::<i64>(), decimals in 0..=8_u8) {
            prop_assume!(units != i64::MIN);
            let scale = Scale::new(decimals).unwrap();
            prop_assert_eq!(scale.parse(scale.text(units).to_string().as_bytes()), Ok(units));
        }
    }
}
