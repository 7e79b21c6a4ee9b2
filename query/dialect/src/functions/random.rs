//! Random numbers and UUIDs, new for every row.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::logical_expr::Volatility;

use super::rows::{rows0, rows1, rows2};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "random",
            &["-> double", "bigint -> bigint", "bigint, bigint -> bigint"],
            "A random number: below 1, below a bound, or between two bounds",
            random_number,
        )
        .volatility(Volatility::Volatile)
        .alias("rand"),
        Scalar::new("uuid", &["-> uuid"], "A random UUID", |arguments| {
            let mut random = Random::new();
            rows0(arguments, || Ok(Some(uuid(random.next(), random.next()))))
        })
        .volatility(Volatility::Volatile),
    ]
}

fn random_number(arguments: &Arguments) -> Result<ArrayRef> {
    let mut random = Random::new();
    let below = |random: &mut Random, low: i64, high: i64| {
        if low >= high {
            return Err(invalid_argument("bound must be positive"));
        }
        let width = high.abs_diff(low);
        Ok(Some(low.wrapping_add((random.next() % width).cast_signed())))
    };
    match arguments.columns.len() {
        0 => rows0(arguments, || {
            #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
            let number = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
            Ok(Some(number))
        }),
        1 => rows1(arguments, |high: i64| below(&mut random, 0, high)),
        _ => rows2(arguments, |low: i64, high: i64| below(&mut random, low, high)),
    }
}

/// A UUID of version 4 of random bits.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xF000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    let digits = format!("{high:016x}{low:016x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// SplitMix64, seeded by the standard library's random state.
struct Random(u64);

impl Random {
    fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(0))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
