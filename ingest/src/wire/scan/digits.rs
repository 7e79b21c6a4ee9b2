//! Decimal digits, eight at a time, as bytes of one word. The first digit is the lowest byte.

/// The number of bytes in a word.
pub(super) const WORD: usize = 8;

const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Ten to the power of the index.
pub(super) const POWERS_OF_TEN: [u64; WORD + 1] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Eight bytes of text, seen as digits: each byte is the digit's value, or above 9 where there was none.
#[derive(Clone, Copy)]
pub(super) struct Digits(u64);

impl Digits {
    pub(super) const fn of(word: u64) -> Self {
        Self(word ^ ZEROS)
    }

    /// How many digits there are before the first byte that is none.
    pub(super) const fn count(self) -> usize {
        self.others().trailing_zeros() as usize / WORD
    }

    /// The high bit of the first byte that is no digit, and any of those above it.
    const fn others(self) -> u64 {
        // Adding 0x76 carries a byte above 9 into its high bit. Only what lies above such a byte can be disturbed by it.
        (self.0.wrapping_add(0x7676_7676_7676_7676) | self.0) & HIGH_BITS
    }

    /// The first `count` digits with zeros behind them; `count` is at least 1 and at most 8.
    pub(super) const fn first(self, count: usize) -> Self {
        Self(self.0 & (u64::MAX >> (64 - 8 * count)))
    }

    /// The first `count` digits with zeros before them; `count` is at least 1 and at most 8.
    pub(super) const fn right_aligned(self, count: usize) -> Self {
        Self(self.0 << (64 - 8 * count))
    }

    /// These digits, moved to the front, and behind them the first `count` of `next`; what is moved out must be zeros.
    pub(super) const fn followed_by(self, next: Self, count: usize) -> Self {
        if count == 0 {
            return self;
        }
        Self((self.0 >> (8 * count)) | next.right_aligned(count).0)
    }

    /// Whether there are `count` digits, fewer than 8, and then a byte that is none.
    pub(super) const fn are_just(self, count: usize) -> bool {
        self.others() << (56 - 8 * count) == 1 << 63
    }

    /// Whether all eight are digits.
    pub(super) const fn are_all(self) -> bool {
        self.others() == 0
    }

    /// Whether only zeros stand where `mask` has bits.
    pub(super) const fn are_zero_in(self, mask: u64) -> bool {
        self.0 & mask == 0
    }

    /// The number that eight digits make: neighbours are joined to pairs, then the pairs are weighed and summed in two
    /// multiplications.
    pub(super) const fn number(self) -> u64 {
        const PAIRS: u64 = 0x0000_00FF_0000_00FF;
        let pairs = self.0.wrapping_mul(10).wrapping_add(self.0 >> 8);
        let odd = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
        let even = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
        odd.wrapping_add(even) >> 32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digits(text: [u8; WORD]) -> Digits {
        Digits::of(u64::from_le_bytes(text))
    }

    proptest! {
        #[test]
        fn eight_digits_make_their_number(number in 0..100_000_000_u64) {
            let text: [u8; WORD] = format!("{number:08}").into_bytes().try_into().unwrap();
            prop_assert_eq!(digits(text).count(), WORD);
            prop_assert_eq!(digits(text).number(), number);
        }

        #[test]
        fn some_digits_make_the_number_of_their_text(text in any::<[u8; WORD]>(), start in "[0-9]{1,8}") {
            let mut text = text;
            text[..start.len()].copy_from_slice(start.as_bytes());
            let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits(text).count(), count);
            prop_assert_eq!((0..WORD).find(|&count| digits(text).are_just(count)), Some(count).filter(|&count| count < WORD));
            let number: u64 = std::str::from_utf8(&text[..count]).unwrap().parse().unwrap();
            prop_assert_eq!(digits(text).right_aligned(count).number(), number);
            let shifted = digits(text).first(count).number();
            prop_assert_eq!(shifted, number * POWERS_OF_TEN[WORD - count]);
        }
    }
}
