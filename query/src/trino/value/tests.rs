use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, Int64Builder, IntervalDayTimeArray, IntervalMonthDayNanoArray,
    IntervalYearMonthArray, ListArray, MapBuilder, NullArray, StringArray, StringBuilder, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{Field, Int32Type, IntervalDayTime, IntervalMonthDayNano, Schema};
use serde_json::{Value, json};

use super::*;

fn written(array: ArrayRef, r#type: &str, precisions: Precisions) -> Result<Value, Unsendable> {
    let field = Field::new("c", array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let column = Column { name: "c".to_owned(), r#type: TrinoType::parse(r#type).unwrap() };
    let mut writer = RowWriter::new(&batch, &[column], precisions)?;
    let mut out = Vec::new();
    writer.write(usize::MAX, &mut out)?;
    let rows: Value = serde_json::from_slice(&[b"[".as_slice(), &out, b"]"].concat()).unwrap();
    Ok(rows.as_array().unwrap().iter().map(|row| row[0].clone()).collect())
}

fn assert_written(array: impl Array + 'static, r#type: &str, expected: &Value) {
    assert_eq!(written(Arc::new(array), r#type, Precisions::Known).as_ref(), Ok(expected), "{type}");
}

#[test]
fn numbers_keep_their_digits() {
    assert_written(
        Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]),
        "bigint",
        &json!([i64::MIN, null, i64::MAX]),
    );
    assert_written(UInt64Array::from(vec![u64::MAX]), "decimal(20,0)", &json!(["18446744073709551615"]));
    let decimals = Decimal128Array::from(vec![1, -12_345, 0]).with_precision_and_scale(18, 4).unwrap();
    assert_written(decimals, "decimal(18,4)", &json!(["0.0001", "-1.2345", "0.0000"]));
    assert_written(
        Float64Array::from(vec![1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300]),
        "double",
        &json!([1.5, "NaN", "Infinity", "-Infinity", 1e300]),
    );
    assert_written(Float32Array::from(vec![0.1, f32::NAN]), "real", &json!([0.1, "NaN"]));
}

#[test]
fn a_whole_double_does_not_look_like_an_integer() {
    let column = Column { name: "c".to_owned(), r#type: TrinoType::Double };
    let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, -0.0, 1e16, 1e-7]));
    let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
    let mut out = Vec::new();
    RowWriter::new(&batch, &[column], Precisions::Known).unwrap().write(usize::MAX, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "[1.0],[-0.0],[1e16],[1e-7]");
}

#[test]
fn texts_and_bytes_are_texts() {
    assert_written(
        StringArray::from(vec![Some("a\"\n\u{1}ü"), None]),
        "varchar",
        &json!(["a\"\n\u{1}ü", null]),
    );
    assert_written(StringArray::from(vec!["ab"]), "char(4)", &json!(["ab  "]));
    assert_written(BinaryArray::from(vec![b"\x00\xff".as_slice()]), "varbinary", &json!(["AP8="]));
    let id = FixedSizeBinaryArray::try_from_iter(std::iter::once([0x12; 16])).unwrap();
    assert_written(id, "uuid", &json!(["12121212-1212-1212-1212-121212121212"]));
    let words: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    assert_written(words, "varchar", &json!(["a", null, "a"]));
    assert_written(NullArray::new(2), "unknown", &json!([null, null]));
}

#[test]
fn times_have_their_precision_and_zone() {
    let micros = 1_767_225_600_123_456;
    let instants = || TimestampMicrosecondArray::from(vec![Some(micros), None]);
    assert_written(instants(), "timestamp(6)", &json!(["2026-01-01 00:00:00.123456", null]));
    assert_written(
        instants().with_timezone("+00:00"),
        "timestamp(6) with time zone",
        &json!(["2026-01-01 00:00:00.123456 UTC", null]),
    );
    assert_written(
        instants().with_timezone("Europe/Berlin"),
        "timestamp(3) with time zone",
        &json!(["2026-01-01 01:00:00.123 Europe/Berlin", null]),
    );
    assert_written(
        instants().with_timezone("-05:30"),
        "timestamp(0) with time zone",
        &json!(["2025-12-31 18:30:00 -05:30", null]),
    );
    assert_written(
        TimestampNanosecondArray::from(vec![-1]),
        "timestamp(9)",
        &json!(["1969-12-31 23:59:59.999999999"]),
    );
    let old = written(Arc::new(instants()), "timestamp(6)", Precisions::Unknown);
    assert_eq!(old, Ok(json!(["2026-01-01 00:00:00.123", null])));
    assert_written(Time64MicrosecondArray::from(vec![3_723_000_004]), "time(6)", &json!(["01:02:03.000004"]));
    assert_written(Date32Array::from(vec![20_454, -1]), "date", &json!(["2026-01-01", "1969-12-31"]));
}

#[test]
fn intervals_are_of_months_or_of_days() {
    assert_written(IntervalYearMonthArray::from(vec![14]), "interval year to month", &json!(["1-2"]));
    let day_time = IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, 3_000)]);
    assert_written(day_time, "interval day to second", &json!(["2 00:00:03.000"]));
    let mixed = |months, days, nanos| {
        IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(months, days, nanos)])
    };
    assert_written(mixed(0, 1, 1_000_000), "interval day to second", &json!(["1 00:00:00.001"]));
    assert_written(mixed(13, 0, 0), "interval year to month", &json!(["1-1"]));
    let error = written(Arc::new(mixed(1, 1, 0)), "interval day to second", Precisions::Known).unwrap_err();
    assert!(error.to_string().contains("months and days"), "{error}");
}

#[test]
fn parts_are_arrays_and_maps_are_objects() {
    let lists =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    assert_written(lists, "array(integer)", &json!([[1, null], null, []]));
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let fields = vec![
        (Arc::new(Field::new("x", numbers.data_type().clone(), true)), numbers),
        (Arc::new(Field::new("y", texts.data_type().clone(), true)), texts),
    ];
    assert_written(StructArray::from(fields), "row(x integer, y varchar)", &json!([[1, "a"], [2, null]]));
    let mut maps = MapBuilder::new(None, Int64Builder::new(), StringBuilder::new());
    maps.keys().append_value(7);
    maps.values().append_value("seven");
    maps.append(true).unwrap();
    assert_written(maps.finish(), "map(bigint, varchar)", &json!([{"7": "seven"}]));
    let sliced =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), Some(vec![Some(2)])])
            .slice(1, 1);
    assert_written(sliced, "array(integer)", &json!([[2]]));
}

#[test]
fn a_page_ends_at_its_target() {
    let column = Column { name: "c".to_owned(), r#type: TrinoType::Bigint };
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
    let mut writer = RowWriter::new(&batch, &[column], Precisions::Known).unwrap();
    let mut pages = 0;
    let mut rows = 0;
    while writer.has_more() {
        let mut page = Vec::new();
        rows += writer.write(50, &mut page).unwrap();
        assert!(page.len() < 60, "{}", page.len());
        pages += 1;
    }
    assert!(rows == 100 && pages > 5, "{rows} rows on {pages} pages");
}
