//! Avro's binary encoding, written and read value by value: what the schemas of [`super::schema`] need of it.
//!
//! The reader trusts nothing: whatever the bytes, it gives a value of the type asked for or says what is wrong.

use bytes::Bytes;

use super::error::Defect;

/// The first byte of the Confluent wire format.
const MAGIC: u8 = 0;
/// Most records are shorter.
const USUAL_LENGTH: usize = 160;

/// Writes one datum behind its Confluent frame.
#[derive(Debug)]
pub(super) struct DatumWriter {
    bytes: Vec<u8>,
}

impl DatumWriter {
    pub(super) fn new(schema_id: u32) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_LENGTH);
        bytes.push(MAGIC);
        bytes.extend_from_slice(&schema_id.to_be_bytes());
        Self { bytes }
    }

    pub(super) fn finish(self) -> Bytes {
        self.bytes.into()
    }

    /// A `long` or an `int`: both are zigzag varints.
    pub(super) fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest.to_le_bytes()[0]);
    }

    pub(super) fn double(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        // No slice is longer than an i64 counts.
        self.long(i64::try_from(value.len()).unwrap_or(i64::MAX));
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The fewest bytes that hold `units` in two's complement, big-endian.
    pub(super) fn decimal(&mut self, units: i128) {
        let magnitude = if units < 0 { !units } else { units };
        let leading = (magnitude.leading_zeros().saturating_sub(1) / 8) as usize;
        self.bytes(units.to_be_bytes().get(leading..).unwrap_or_default());
    }

    /// A value of a union of null and one type.
    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.long(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// What has not been read yet of one datum.
#[derive(Debug, Clone, Copy)]
pub(super) struct DatumReader<'a> {
    rest: &'a [u8],
}

impl<'a> DatumReader<'a> {
    /// Takes the Confluent frame off a value: the schema's id, and the datum.
    pub(super) fn open(value: &'a [u8]) -> Option<(u32, Self)> {
        let (&MAGIC, rest) = value.split_first()? else { return None };
        let (id, rest) = rest.split_first_chunk()?;
        Some((u32::from_be_bytes(*id), Self { rest }))
    }

    /// The number of bytes behind the last value read.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn long(&mut self) -> Result<i64, Defect> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Defect::Short)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                break;
            }
            zigzag |= bits << shift;
            if byte < 0x80 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(Defect::Varint)
    }

    pub(super) fn int(&mut self) -> Result<i32, Defect> {
        i32::try_from(self.long()?).map_err(|_| Defect::Int)
    }

    pub(super) fn double(&mut self) -> Result<f64, Defect> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Defect::Short)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    pub(super) fn float(&mut self) -> Result<f32, Defect> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Defect::Short)?;
        self.rest = rest;
        Ok(f32::from_le_bytes(*bytes))
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, length: usize) -> Result<(), Defect> {
        self.rest = self.rest.get(length..).ok_or(Defect::Short)?;
        Ok(())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Defect> {
        let length = usize::try_from(self.long()?).map_err(|_| Defect::Length)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Defect::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Defect> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Defect::Text)
    }

    /// The units of a decimal of at most `precision` digits.
    pub(super) fn decimal(&mut self, precision: u32) -> Result<i128, Defect> {
        let bytes = self.bytes()?;
        let refuse = Defect::Decimal { precision };
        let &first = bytes.first().ok_or(refuse)?;
        let mut extended = if first < 0x80 { [0; 16] } else { [0xff; 16] };
        let start = extended.len().checked_sub(bytes.len()).ok_or(refuse)?;
        extended.get_mut(start..).ok_or(refuse)?.copy_from_slice(bytes);
        let units = i128::from_be_bytes(extended);
        if units.unsigned_abs() < 10_u128.pow(precision) { Ok(units) } else { Err(refuse) }
    }

    /// Which of so many branches a value of a union has.
    pub(super) fn branch(&mut self, branches: usize) -> Result<usize, Defect> {
        let found = self.long()?;
        let branch = usize::try_from(found).ok().filter(|&branch| branch < branches);
        branch.ok_or(Defect::Branch { found, branches })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut DatumWriter)) -> Vec<u8> {
        let mut writer = DatumWriter::new(0);
        write(&mut writer);
        writer.bytes.split_off(5)
    }

    #[test]
    fn numbers_are_encoded_as_the_specification_shows() {
        for (value, bytes) in [(0, &[0_u8][..]), (-1, &[1]), (1, &[2]), (-64, &[0x7f]), (64, &[0x80, 1])] {
            assert_eq!(written(|writer| writer.long(value)), bytes, "{value}");
        }
        for (units, bytes) in [
            (0, &[2_u8, 0][..]),
            (127, &[2, 127]),
            (128, &[4, 0, 128]),
            (-128, &[2, 128]),
            (-129, &[4, 0xff, 0x7f]),
        ] {
            assert_eq!(written(|writer| writer.decimal(units)), bytes, "{units}");
        }
        assert_eq!(written(|writer| writer.decimal(i128::MIN)).len(), 17);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let reader = |bytes| DatumReader { rest: bytes };
        assert_eq!(reader(&[0x80, 0x80]).long(), Err(Defect::Short));
        assert_eq!(reader(&[0xff; 11]).long(), Err(Defect::Varint));
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(reader(&most).long(), Ok(i64::MIN));
        assert_eq!(reader(&[2, 0]).decimal(38), Ok(0));
        assert_eq!(reader(&[0]).decimal(38), Err(Defect::Decimal { precision: 38 }));
        assert_eq!(reader(&[34, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]).decimal(38), {
            Err(Defect::Decimal { precision: 38 })
        });
        assert_eq!(reader(&[2, 100]).decimal(2), Err(Defect::Decimal { precision: 2 }));
        assert_eq!(reader(&[1, 0]).bytes(), Err(Defect::Length));
        assert_eq!(reader(&[4, 0]).bytes(), Err(Defect::Short));
        assert_eq!(reader(&[2, 0xff]).text(), Err(Defect::Text));
        assert_eq!(reader(&[4]).branch(2), Err(Defect::Branch { found: 2, branches: 2 }));
    }

    proptest! {
        #[test]
        fn values_survive(long: i64, double: f64, bytes: Vec<u8>, units in -(10_i128.pow(38)) + 1..10_i128.pow(38)) {
            let datum = written(|writer| {
                writer.long(long);
                writer.double(double);
                writer.bytes(&bytes);
                writer.decimal(units);
            });
            let mut reader = DatumReader { rest: &datum };
            prop_assert_eq!(reader.long(), Ok(long));
            prop_assert_eq!(reader.double().map(f64::to_bits), Ok(double.to_bits()));
            prop_assert_eq!(reader.bytes(), Ok(&bytes[..]));
            prop_assert_eq!(reader.decimal(38), Ok(units));
            prop_assert_eq!(reader.left(), 0);
        }
    }
}
