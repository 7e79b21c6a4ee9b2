//! Prices and quantities: decimal text to units of a scale, without a loop over its digits.
//!
//! A venue prints the numbers of one kind with one count of decimals. So the number before tells where the next one
//! ends, and the processor need not wait for one to be found before it begins with the next. What a number is read as
//! never depends on the one before.

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::instrument::Instrument;

use super::digits::{Digits, WORD};
use super::text::{Text, Window};

/// How many bytes the venue put behind the whole part of its last price and quantity: none, or a point and decimals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tails {
    price: usize,
    quantity: usize,
}

/// Reads the numbers of one message.
pub(super) struct Numbers {
    price: Decimals,
    quantity: Decimals,
    /// One more than the largest price.
    price_limit: i64,
}

impl Numbers {
    pub(super) fn of(instrument: &Instrument, tails: Tails) -> Self {
        /// Prices have at most ten digits before the point, see [`Scale::price`].
        const PRICE_LIMIT: i64 = 10_000_000_000;
        Self {
            price: Decimals::new(instrument.price_scale, tails.price),
            quantity: Decimals::new(instrument.quantity_scale, tails.quantity),
            price_limit: PRICE_LIMIT * instrument.price_scale.units_per_one(),
        }
    }

    pub(super) fn tails(&self) -> Tails {
        Tails { price: self.price.tail, quantity: self.quantity.tail }
    }

    /// Reads a price and the quote behind it.
    #[inline(always)]
    pub(super) fn price(&mut self, text: &mut Text<'_>) -> Option<Price> {
        let units = self.price.read(text)?;
        (units < self.price_limit).then_some(Price(units))
    }

    /// Reads a quantity and the quote behind it.
    #[inline(always)]
    pub(super) fn quantity(&mut self, text: &mut Text<'_>) -> Option<Quantity> {
        self.quantity.read(text).map(Quantity)
    }
}

/// Reads numbers of one scale.
struct Decimals {
    scale: Scale,
    /// As in [`Tails`], of the number before.
    tail: usize,
    /// What stands behind the whole part of a number with such a tail.
    separator: u8,
    /// The most digits before the point with which a number is short. A short one has a tail like the number before, no
    /// fewer decimals than the scale, and at this scale at most eight digits.
    longest_whole: usize,
    /// The bytes of the tail's fraction that lie beyond the scale, where only zeros are exact.
    surplus: u64,
}

impl Decimals {
    fn new(scale: Scale, tail: usize) -> Self {
        let decimals = usize::from(scale.decimals());
        let fraction = tail.saturating_sub(1);
        Self {
            scale,
            tail,
            separator: if tail == 0 { b'"' } else { b'.' },
            longest_whole: if fraction < decimals { 0 } else { WORD - decimals },
            surplus: bytes_before(fraction) & !bytes_before(decimals),
        }
    }

    #[inline(always)]
    fn read(&mut self, text: &mut Text<'_>) -> Option<i64> {
        if let Some((units, length)) = text.window().and_then(|window| self.short(window)) {
            text.skip(length)?;
            return Some(units);
        }
        let (units, rest) = self.any(*text)?;
        *text = rest;
        Some(units)
    }

    /// A short number and how many bytes it takes with the quote behind it.
    #[inline(always)]
    fn short(&self, window: &Window) -> Option<(i64, usize)> {
        let whole = Digits::of(word_at(window, 0)?);
        let count = whole.count();
        if count == 0 || count > self.longest_whole || *window.get(count)? != self.separator {
            return None;
        }
        let quote = count + self.tail;
        let fraction = Digits::of(word_at(window, count + 1)?);
        if !fraction.are_zero_in(self.surplus) || *window.get(quote)? != b'"' {
            return None;
        }
        let digits = whole.right_aligned(count).followed_by(fraction, usize::from(self.scale.decimals()));
        digits.are_all().then(|| (digits.number().cast_signed(), quote + 1))
    }

    /// A number of up to sixteen digits before the point and eight behind it, and the text behind its quote.
    #[inline(never)]
    fn any<'a>(&mut self, mut text: Text<'a>) -> Option<(i64, Text<'a>)> {
        let whole = text.digits()?;
        let mut tail = 0;
        let mut fraction = 0;
        if text.accept(b".") {
            let digits = Digits::of(text.word(0));
            let count = digits.count();
            if count == 0 {
                return None;
            }
            text.skip(count)?;
            tail = 1 + count;
            fraction = self.fraction(digits.first(count))?;
        }
        text.expect(b"\"")?;
        if tail != self.tail {
            *self = Self::new(self.scale, tail);
        }
        let units = whole.checked_mul(self.scale.units_per_one().unsigned_abs())?.checked_add(fraction)?;
        Some((i64::try_from(units).ok()?, text))
    }

    /// The units of eight decimals, where they are whole.
    fn fraction(&self, digits: Digits) -> Option<u64> {
        let decimals = usize::from(self.scale.decimals());
        if !digits.are_zero_in(!bytes_before(decimals)) {
            return None;
        }
        Some(if decimals == 0 { 0 } else { digits.right_aligned(decimals).number() })
    }
}

#[inline(always)]
fn word_at(window: &Window, at: usize) -> Option<u64> {
    window.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// The lowest `count` bytes of a word, which are the first in the text; `count` is at most 8.
fn bytes_before(count: usize) -> u64 {
    if count == WORD { u64::MAX } else { !(u64::MAX << (8 * count)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads all of `texts` one after the other, each as it stands in a message with `behind` following.
    fn read_all(decimals: u8, texts: &[String], behind: &str) -> Vec<Option<i64>> {
        let mut reader = Decimals::new(Scale::new(decimals).unwrap(), 0);
        let one = |text: &String| {
            let text = format!("{text}\"{behind}");
            let mut text = Text::new(text.as_bytes());
            let units = reader.read(&mut text)?;
            text.expect(b"\"")?;
            Some(units)
        };
        texts.iter().map(one).collect()
    }

    #[test]
    fn what_is_read_does_not_depend_on_the_number_before() {
        let texts = ["1.50", "20.25", "3", "4.5", "0.00", "12345678.25", "1234567890123456.75", "7.00000000"];
        let units = [150, 2_025, 300, 450, 0, 1_234_567_825, 123_456_789_012_345_675, 700];
        let texts = texts.map(str::to_owned);
        for behind in ["\"", "\",\"0.00000000\"],[\"61737.63000000\""] {
            for first in &texts {
                for (text, units) in texts.iter().zip(units) {
                    let read = read_all(2, &[first.clone(), text.clone()], behind);
                    assert_eq!(read[1], Some(units), "{first} then {text}");
                }
            }
        }
    }

    #[test]
    fn others_are_left_to_the_general_decoder() {
        for text in
            ["", ".5", "7.", "-1", "+1", " 1", "1.005", "1e5", "12345678901234567", "1.000000000", "1,5"]
        {
            assert_eq!(
                read_all(2, &["1.00".to_owned(), text.to_owned()], "\"                    ")[1],
                None,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn equals_the_scale(
            decimals in 0..=8_u8,
            texts in prop::collection::vec("[0-9]{1,12}(\\.([0-9]{1,9}|[0-9]{1,3}0{1,6}))?", 1..6),
            filler in 0..40_usize,
        ) {
            let scale = Scale::new(decimals).unwrap();
            let behind = format!("\"{}", " ".repeat(filler));
            for (text, read) in texts.iter().zip(read_all(decimals, &texts, &behind)) {
                let expected = scale.parse(text.as_bytes()).ok();
                let is_known = text.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= WORD);
                prop_assert_eq!(read, expected.filter(|_| is_known), "{}", text);
            }
        }
    }
}
