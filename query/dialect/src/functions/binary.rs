//! Bytes: digests and encodings.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::rows::{column, rows1, rows2};
use super::scalar::{Arguments, Scalar};
use crate::error::invalid_argument;

const DIGEST: &[&str] = &["varbinary -> varbinary"];
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn functions() -> Vec<Scalar> {
    let digest = |name, description, evaluate| Scalar::new(name, DIGEST, description, evaluate);
    vec![
        digest("md5", "The MD5 digest", |arguments| digested(arguments, "md5")),
        digest("sha256", "The SHA-256 digest", |arguments| digested(arguments, "sha256")),
        digest("sha512", "The SHA-512 digest", |arguments| digested(arguments, "sha512")),
        digest("sha1", "The SHA-1 digest", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(sha1(bytes))))
        }),
        digest("xxhash64", "The xxHash64 digest", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(xxhash64(bytes).to_be_bytes().to_vec())))
        }),
        Scalar::new("crc32", &["varbinary -> bigint"], "The CRC-32 of bytes", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(i64::from(crc32(bytes)))))
        }),
        Scalar::new("to_hex", &["varbinary -> varchar"], "Bytes as hexadecimal digits", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(hex(bytes))))
        }),
        Scalar::new("from_hex", &["varchar -> varbinary"], "Bytes of hexadecimal digits", |arguments| {
            rows1(arguments, |text: &str| {
                bytes_of_hex(text).map(Some).ok_or_else(|| invalid_argument("Not a hexadecimal string"))
            })
        }),
        Scalar::new("to_base64", &["varbinary -> varchar"], "Bytes in base 64", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(base64(bytes))))
        }),
        Scalar::new("from_base64", &["varchar -> varbinary"], "Bytes of base 64", |arguments| {
            rows1(arguments, |text: &str| {
                bytes_of_base64(text).map(Some).ok_or_else(|| invalid_argument("Not a base-64 string"))
            })
        }),
        Scalar::new("to_base64url", &["varbinary -> varchar"], "Bytes in base 64 for URLs", |arguments| {
            rows1(arguments, |bytes: &[u8]| Ok(Some(base64(bytes).replace('+', "-").replace('/', "_"))))
        }),
        Scalar::new("from_base64url", &["varchar -> varbinary"], "Bytes of base 64 for URLs", |arguments| {
            rows1(arguments, |text: &str| {
                let plain = text.replace('-', "+").replace('_', "/");
                bytes_of_base64(&plain).map(Some).ok_or_else(|| invalid_argument("Not a base-64 string"))
            })
        }),
        Scalar::new("to_utf8", &["varchar -> varbinary"], "The bytes of a text", |arguments| {
            rows1(arguments, |text: &str| Ok(Some(text.as_bytes().to_vec())))
        }),
        Scalar::new(
            "from_utf8",
            &["varbinary -> varchar", "varbinary, varchar -> varchar"],
            "The text of bytes; what is no UTF-8 becomes a replacement character",
            |arguments| {
                if arguments.columns.len() == 2 {
                    return rows2(arguments, |bytes: &[u8], replacement: &str| {
                        Ok(Some(String::from_utf8_lossy(bytes).replace('\u{FFFD}', replacement)))
                    });
                }
                rows1(arguments, |bytes: &[u8]| Ok(Some(String::from_utf8_lossy(bytes).into_owned())))
            },
        ),
    ]
}

/// A digest that `DataFusion` computes.
fn digested(arguments: &Arguments, method: &str) -> Result<ArrayRef> {
    let function: Arc<ScalarUDF> = datafusion::functions::crypto::digest();
    let args = vec![
        ColumnarValue::Array(Arc::clone(column(arguments, 0)?)),
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(method.to_owned()))),
    ];
    let value = function.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields: arguments.fields.clone(),
        number_rows: arguments.rows,
        return_field: Arc::clone(&arguments.result),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    Ok(cast(&value.into_array(arguments.rows)?, &DataType::Binary)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in digits.bytes() {
        let digit = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(digit).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 255).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6).then_some(bytes)
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    let mut state: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in message.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, part) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = part.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for index in 16..80 {
            words[index] =
                (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (index, word) in words.iter().enumerate() {
            let (mixed, constant) = match index {
                0..20 => (b & c | !b & d, 0x5A82_7999_u32),
                20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
                40..60 => (b & c | b & d | c & d, 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mixed)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (part, change) in state.iter_mut().zip([a, b, c, d, e]) {
            *part = part.wrapping_add(change);
        }
    }
    state.iter().flat_map(|part| part.to_be_bytes()).collect()
}

/// The xxHash of 64 bits, with seed 0.
pub(super) fn xxhash64(bytes: &[u8]) -> u64 {
    const P1: u64 = 0x9E37_79B1_85EB_CA87;
    const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
    const P3: u64 = 0x1656_67B1_9E37_79F9;
    const P4: u64 = 0x85EB_CA77_C2B2_AE63;
    const P5: u64 = 0x27D4_EB2F_1656_67C5;
    let round =
        |state: u64, word: u64| state.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1);
    let word = |part: &[u8]| part.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let stripes = bytes.chunks_exact(32);
    let tail = stripes.remainder();
    let mut hash = if bytes.len() >= 32 {
        let mut states = [P1.wrapping_add(P2), P2, 0, 0_u64.wrapping_sub(P1)];
        for stripe in stripes {
            for (state, part) in states.iter_mut().zip(stripe.chunks_exact(8)) {
                *state = round(*state, word(part));
            }
        }
        let rotations = [1, 7, 12, 18];
        let mixed = states
            .iter()
            .zip(rotations)
            .fold(0_u64, |hash, (state, by)| hash.wrapping_add(state.rotate_left(by)));
        states.iter().fold(mixed, |hash, state| (hash ^ round(0, *state)).wrapping_mul(P1).wrapping_add(P4))
    } else {
        P5
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let words = tail.chunks_exact(8);
    let mut rest = words.remainder();
    for part in words {
        hash = (hash ^ round(0, word(part))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    if let Some((part, behind)) = rest.split_at_checked(4) {
        hash = (hash ^ word(part).wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
        rest = behind;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(P2);
    hash = (hash ^ hash >> 29).wrapping_mul(P3);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        assert_eq!(hex(&sha1(b"abc")), "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(xxhash64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxhash64(b"abc"), 0x44BC_2CF5_AD77_0999);
    }

    proptest! {
        #[test]
        fn encodings_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(bytes_of_base64(&base64(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(bytes_of_hex(&hex(&bytes)), Some(bytes));
        }
    }
}
