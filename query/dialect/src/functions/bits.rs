//! Functions of the bits of whole numbers.

use super::rows::{rows1, rows2};
use super::scalar::Scalar;
use crate::error::invalid_argument;

const OF_TWO_INTEGERS: &[&str] = &["bigint, bigint -> bigint"];

pub(super) fn functions() -> Vec<Scalar> {
    let of_two = |name, description, evaluate| Scalar::new(name, OF_TWO_INTEGERS, description, evaluate);
    vec![
        of_two("bitwise_and", "The bits that both have", |arguments| {
            rows2(arguments, |left: i64, right: i64| Ok(Some(left & right)))
        }),
        of_two("bitwise_or", "The bits that either has", |arguments| {
            rows2(arguments, |left: i64, right: i64| Ok(Some(left | right)))
        }),
        of_two("bitwise_xor", "The bits that one has", |arguments| {
            rows2(arguments, |left: i64, right: i64| Ok(Some(left ^ right)))
        }),
        Scalar::new("bitwise_not", &["bigint -> bigint"], "All bits reversed", |arguments| {
            rows1(arguments, |value: i64| Ok(Some(!value)))
        }),
        of_two("bitwise_left_shift", "Bits shifted to the left", |arguments| {
            rows2(arguments, |value: i64, by: i64| Ok(Some(shift(by).map_or(0, |by| value << by))))
        }),
        of_two("bitwise_right_shift", "Bits shifted to the right, zeros before them", |arguments| {
            rows2(arguments, |value: i64, by: i64| {
                Ok(Some(shift(by).map_or(0, |by| (value.cast_unsigned() >> by).cast_signed())))
            })
        }),
        of_two(
            "bitwise_right_shift_arithmetic",
            "Bits shifted to the right, the sign before them",
            |arguments| rows2(arguments, |value: i64, by: i64| Ok(Some(value >> shift(by).unwrap_or(63)))),
        ),
        of_two("bit_count", "How many bits are set, as a number of so many bits", |arguments| {
            rows2(arguments, |value: i64, bits: i64| {
                if !(2..=64).contains(&bits) {
                    return Err(invalid_argument("Bits specified in bit_count must be between 2 and 64"));
                }
                let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
                Ok(Some(i64::from((value.cast_unsigned() & mask).count_ones())))
            })
        }),
    ]
}

/// A shift that leaves bits, if it does.
fn shift(by: i64) -> Option<u32> {
    u32::try_from(by).ok().filter(|by| *by < 64)
}
